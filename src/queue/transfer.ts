/**
 * A message changes its queue: its bytes stay where they are in the log, its ID stays, and in the
 * other queue it has its place by that ID.
 */

import { joinGroup, leaveGroup } from './grouping.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';
import { endLease, endLife, leaveState } from './transitions.ts';

/**
 * The located message of `from` is ready in `to`, as if it had never failed, and without a time to
 * live; its deliveries and its history go with it.
 */
export function transfer(state: State, from: Queue, to: Queue): void {
  const { foundLane, foundChunk, foundIndex } = from;
  const lane = foundLane!;
  const chunk = foundChunk!;
  const id = chunk.idAt(foundIndex);
  const producedMs = chunk.producedMsAt(foundIndex);
  const position = chunk.positions[foundIndex]!;
  const length = chunk.lengths[foundIndex]!;
  const row = chunk.rows[foundIndex]!;
  leaveState(from, chunk, foundIndex);
  if (row !== 0) endLease(state, row);
  endLife(state, row);
  from.bytes -= length;
  const group = leaveGroup(state, from, chunk, foundIndex);
  lane.remove(chunk, foundIndex);
  to.lane(lane.priority).insert(id, producedMs, position, length);
  to.ready += 1;
  to.bytes += length;
  to.locate(id);
  if (row !== 0) take(state, to, row);
  if (group !== undefined) {
    joinGroup(state, to, to.foundLane!, to.foundChunk!, to.foundIndex, group);
  }
  for (const survey of state.surveys) survey.transferred(position, length);
  state.changed.add(to);
}

function take({ leases }: State, to: Queue, row: number): void {
  to.foundChunk!.rows[to.foundIndex] = row;
  leases.queues[row] = to.number;
  leases.failureCounts[row] = 0;
}
