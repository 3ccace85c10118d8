/**
 * A delivery ends without an ack: its message comes back, or has failed once too often, and then is
 * dead or discarded as its queue says.
 */
import {
  RETURNED_EXPIRED,
  RETURNED_NACKED,
  RETURNED_RELEASED,
  type ReturnedReason,
  SETTLED_DISCARDED,
} from './journal.ts';
import type { Queue } from './queue.ts';
import type { Returned } from './returned.ts';
import type { State } from './state.ts';
import { die, giveBack, removeMessage } from './transitions.ts';

/** Of the located message, which is leased. `dueMs` 0: ready at once. */
export function comeBack(
  state: State,
  queue: Queue,
  reason: ReturnedReason,
  dueMs: number,
  returned: Returned,
): void {
  const { foundLane, foundChunk, foundIndex } = queue;
  const lane = foundLane!;
  const chunk = foundChunk!;
  const id = chunk.idAt(foundIndex);
  count(queue, reason);
  if (!isOneTooMany(state, queue, reason)) {
    giveBack(state, queue, lane, chunk, foundIndex, dueMs, reason !== RETURNED_RELEASED);
    returned.back.push(id);
    return;
  }
  if (queue.settings.whenFailed === 'discard') removeMessage(state, queue, lane, chunk, foundIndex);
  else die(state, queue, lane, chunk, foundIndex);
  returned.failed.push(id);
}

/** Writes down what came back, a record for each end of it, and forgets it. */
export function writeReturned(
  state: State,
  queue: Queue,
  reason: ReturnedReason,
  dueMs: number,
  returned: Returned,
): void {
  const { back, failed } = returned;
  if (back.count > 0) state.journal.returned(queue, reason, dueMs, back);
  if (failed.count > 0) writeFailed(state, queue, reason, returned);
  returned.clear();
}

function writeFailed(
  { journal }: State,
  queue: Queue,
  reason: ReturnedReason,
  { failed }: Returned,
): void {
  if (queue.settings.whenFailed === 'discard') {
    journal.settled(queue, SETTLED_DISCARDED, failed);
    queue.counters.discarded += failed.count;
  } else {
    journal.died(queue, reason, failed);
    queue.counters.died += failed.count;
  }
}

function isOneTooMany({ leases }: State, queue: Queue, reason: ReturnedReason): boolean {
  const { failuresMax } = queue.settings;
  if (failuresMax === undefined || reason === RETURNED_RELEASED) return false;
  const row = queue.foundChunk!.rows[queue.foundIndex]!;
  return leases.failureCounts[row]! + 1 >= failuresMax;
}

function count({ counters }: Queue, reason: ReturnedReason): void {
  if (reason === RETURNED_NACKED) counters.nacked += 1;
  else if (reason === RETURNED_RELEASED) counters.released += 1;
  else if (reason === RETURNED_EXPIRED) counters.expired += 1;
  else counters.sessionLost += 1;
}
