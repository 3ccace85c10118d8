/**
 * Redrive: dead messages are ready again, in their own places. Each call does one slice.
 */
import { limits } from '../limits.ts';
import { DEAD } from './chunk.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';
import { revive } from './transitions.ts';

/** Those of `ids` that are dead. Returns how many were. */
export function redrive(state: State, queue: Queue, ids: readonly number[]): number {
  const { ids: redriven } = state;
  redriven.clear();
  for (const id of ids) {
    if (!queue.locate(id) || queue.foundChunk!.states[queue.foundIndex] !== DEAD) continue;
    revive(state, queue, queue.foundLane!, queue.foundChunk!, queue.foundIndex);
    redriven.push(id);
  }
  if (redriven.count > 0) state.journal.redriven(queue, redriven);
  queue.counters.redriven += redriven.count;
  return redriven.count;
}

/** As many dead messages as one call takes: by priority, the highest first, then by ID. */
export function deadIds(queue: Queue): number[] {
  const ids: number[] = [];
  for (const lane of queue.lanes) {
    for (const chunk of lane.chunks) {
      let left = chunk.dead;
      for (let index = 0; left > 0 && ids.length < limits.sliceMessagesMax; index += 1) {
        if (chunk.states[index] !== DEAD) continue;
        ids.push(chunk.idAt(index));
        left -= 1;
      }
    }
  }
  return ids;
}
