/**
 * Purge and delete: all messages of a queue go at once, by one record; their memory is freed in
 * slices.
 */
import { removeTaker } from './deliver.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';

/** Returns how many messages went, whatever their state. */
export function purge(state: State, queue: Queue): number {
  const count = queue.live;
  if (count > 0) state.journal.purged(queue, state.nextId - 1);
  retireLanes(state, queue);
  queue.counters.purged += count;
  return count;
}

/** Ends whoever waits for the queue. Returns how many messages went with it. */
export function deleteQueue(state: State, queue: Queue): number {
  const count = queue.live;
  state.journal.queueDeleted(queue);
  for (const taker of [...state.takers.all()]) {
    if (!taker.queues.includes(queue)) continue;
    removeTaker(state, taker);
    state.outlet.end(taker, 'QUEUE_DELETED');
  }
  forgetQueue(state, queue);
  return count;
}

/** What a purge changes; replay calls it too. */
export function retireLanes(state: State, queue: Queue): void {
  state.retired.push(...queue.lanes);
  queue.lanes = [];
  queue.ready = 0;
  queue.inFlight = 0;
  queue.delayed = 0;
  queue.unreadable = 0;
  queue.dead = 0;
  queue.held = 0;
  queue.groups = undefined;
  queue.bytes = 0;
  queue.inFlightBytes = 0;
  queue.deadBytes = 0;
}

/** What a deletion changes; replay calls it too. */
export function forgetQueue(state: State, queue: Queue): void {
  retireLanes(state, queue);
  state.changed.delete(queue);
  state.deduplicating.delete(queue);
  if (queue.deduplication !== undefined) state.retiredKeys.push(queue.deduplication);
  state.queuesByName.delete(queue.name);
  state.queuesByNumber.delete(queue.number);
}
