/**
 * A delivery ends without an ack: its message comes back, or has failed once too often, and then is
 * dead, discarded or moved as its queue says.
 */
import { backOffMs } from './back-off.ts';
import {
  RETURNED_EXPIRED,
  RETURNED_NACKED,
  RETURNED_RELEASED,
  type ReturnedReason,
  SETTLED_DISCARDED,
} from './journal.ts';
import type { Queue } from './queue.ts';
import type { Outcome, Returned } from './returned.ts';
import type { State } from './state.ts';
import { transfer } from './transfer.ts';
import { die, fail, giveBack, removeMessage } from './transitions.ts';

/** How a slice of deliveries ended. */
export interface End {
  readonly reason: ReturnedReason;
  readonly nowMs: number;
  /** Until it may come again; undefined: as its queue says. Nothing after a release. */
  readonly delayMs?: number | undefined;
  readonly text?: string | undefined;
}

/** Of the located message, which is leased. What became of it is noted in `returned`. */
export function comeBack(state: State, queue: Queue, end: End, returned: Returned): void {
  const { foundLane, foundChunk, foundIndex } = queue;
  const chunk = foundChunk!;
  const id = chunk.idAt(foundIndex);
  count(queue, end.reason);
  note(state, queue, end, returned);
  const { outcome } = returned;
  if (outcome === 'back') giveBack(state, queue, foundLane!, chunk, foundIndex, returned);
  else if (outcome === 'dead') die(state, queue, foundLane!, chunk, foundIndex, returned);
  else if (outcome === 'discarded') removeMessage(state, queue, foundLane!, chunk, foundIndex);
  else {
    fail(state, chunk.rows[foundIndex]!, returned);
    transfer(state, queue, deadQueueOf(state, queue)!);
  }
  returned.ids.push(id);
}

/** Writes down what is noted, and forgets it. */
export function writeReturned(state: State, returned: Returned): void {
  const { queue, ids, outcome } = returned;
  if (ids.count === 0) return;
  const { journal } = state;
  if (outcome === 'back') journal.returned(queue!, returned, ids);
  else if (outcome === 'dead') journal.died(queue!, returned, ids);
  else if (outcome === 'discarded') journal.settled(queue!, SETTLED_DISCARDED, ids);
  else journal.moved(queue!, deadQueueOf(state, queue!)!, returned, ids);
  if (outcome === 'dead') queue!.counters.died += ids.count;
  else if (outcome !== 'back') queue!.counters[outcome] += ids.count;
  ids.clear();
}

/** Where its messages go that failed too often, if that queue is there. */
export function deadQueueOf(state: State, { settings: { deadQueue } }: Queue): Queue | undefined {
  return deadQueue === undefined ? undefined : state.existing(deadQueue);
}

/** Fills `returned` for the located message; what differs from those noted is written before. */
function note(state: State, queue: Queue, end: End, returned: Returned): void {
  const outcome = outcomeOf(state, queue, end.reason);
  const consumer = consumerOf(state, queue);
  const dueMs = outcome === 'back' ? dueMsOf(state, queue, end) : 0;
  const isAlike =
    returned.queue === queue &&
    returned.outcome === outcome &&
    returned.consumer === consumer &&
    returned.dueMs === dueMs;
  if (!isAlike || returned.ids.isFull) writeReturned(state, returned);
  returned.queue = queue;
  returned.outcome = outcome;
  returned.consumer = consumer;
  returned.dueMs = dueMs;
  returned.reason = end.reason;
  returned.atMs = end.nowMs;
  returned.text = end.text ?? '';
}

function outcomeOf(state: State, queue: Queue, reason: ReturnedReason): Outcome {
  const { failuresMax, whenFailed } = queue.settings;
  if (failuresMax === undefined || reason === RETURNED_RELEASED) return 'back';
  if (failureCountOf(state, queue) + 1 < failuresMax) return 'back';
  if (whenFailed === 'discard') return 'discarded';
  // One whose bytes rotted meanwhile is out of reach wherever it is.
  const isReadable = queue.foundChunk!.lengths[queue.foundIndex]! > 0;
  return isReadable && deadQueueOf(state, queue) !== undefined ? 'moved' : 'dead';
}

function dueMsOf(state: State, queue: Queue, { reason, nowMs, delayMs }: End): number {
  if (reason === RETURNED_RELEASED) return 0;
  const row = rowOf(queue);
  const id = queue.foundChunk!.idAt(queue.foundIndex);
  const failures = state.leases.failureCounts[row]! + 1;
  const deliveries = state.leases.deliveryCounts[row]!;
  const wait = delayMs ?? backOffMs(queue.settings, failures, id, deliveries);
  return wait === 0 ? 0 : nowMs + wait;
}

function failureCountOf({ leases }: State, queue: Queue): number {
  return leases.failureCounts[rowOf(queue)]!;
}

/** The name of the client whose session has it. */
function consumerOf({ leases, sessions }: State, queue: Queue): string {
  const session = leases.sessions[rowOf(queue)]!;
  return session === 0 ? '' : sessions.withNumber(session)!.name;
}

function rowOf(queue: Queue): number {
  return queue.foundChunk!.rows[queue.foundIndex]!;
}

function count({ counters }: Queue, reason: ReturnedReason): void {
  if (reason === RETURNED_NACKED) counters.nacked += 1;
  else if (reason === RETURNED_RELEASED) counters.released += 1;
  else if (reason === RETURNED_EXPIRED) counters.expired += 1;
  else counters.sessionLost += 1;
}
