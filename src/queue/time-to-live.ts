/**
 * Time to live: past its time a message is delivered no more, whatever its state, and its receipts
 * are not valid. It goes, or is dead, as its queue says. That holds on time: `expire` ends what is
 * due, and who meets such a message before that ends it there.
 */
import { limits } from '../limits.ts';
import { SETTLED_EXPIRED } from './journal.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';
import { outlive, removeMessage } from './transitions.ts';

/** Whether the message of a row is past its time. Row 0 is none. */
export function isOverdue({ leases }: State, row: number, nowMs: number): boolean {
  const { expiries } = leases;
  return row !== 0 && expiries.has(row) && expiries.dueMsOf(row) <= nowMs;
}

/** The located message is past its time. It is written down with others of its queue, later. */
export function endOverdue(state: State, queue: Queue, nowMs: number): void {
  const { overdue } = state;
  const { foundLane, foundChunk, foundIndex } = queue;
  const id = foundChunk!.idAt(foundIndex);
  overdue.atMs = nowMs;
  if (keepsOverdue(queue)) outlive(state, queue, foundLane!, foundChunk!, foundIndex, overdue);
  else removeMessage(state, queue, foundLane!, foundChunk!, foundIndex);
  overdue.ids.push(id);
}

/** What `endOverdue` ended, all of this queue, as one record. */
export function writeOverdue({ journal, overdue }: State, queue: Queue): void {
  const { ids } = overdue;
  if (ids.count === 0) return;
  if (keepsOverdue(queue)) journal.died(queue, overdue, ids);
  else journal.settled(queue, SETTLED_EXPIRED, ids);
  queue.counters.timedOut += ids.count;
  ids.clear();
}

/** Whether what is past its time stays in the queue, as dead. */
export function keepsOverdue({ settings }: Queue): boolean {
  return settings.whenExpired === 'dead';
}

/** One slice of what is past its time. Returns whether there is more. */
export function expireMessages(state: State, nowMs: number): boolean {
  const { expiries, queues, ids } = state.leases;
  let current: Queue | undefined;
  for (let done = 0; done < limits.sliceMessagesMax; done += 1) {
    if (expiries.firstMs > nowMs) break;
    const row = expiries.first;
    const queue = state.queuesByNumber.get(queues[row]!)!;
    if (current !== undefined && queue !== current) writeOverdue(state, current);
    current = queue;
    queue.locate(ids[row]!);
    endOverdue(state, queue, nowMs);
  }
  if (current !== undefined) writeOverdue(state, current);
  return expiries.firstMs <= nowMs;
}

/**
 * Ends what is past its time among the ready messages of a queue, up to the first one that may be
 * delivered, and at most a slice. Returns how many.
 */
export function expireFirst(state: State, queue: Queue, nowMs: number): number {
  if (state.leases.expiries.firstMs > nowMs) return 0;
  const { ids } = state.overdue;
  while (queue.available > 0 && !ids.isFull) {
    queue.locateNext();
    if (!isOverdue(state, queue.foundChunk!.rows[queue.foundIndex]!, nowMs)) break;
    endOverdue(state, queue, nowMs);
  }
  const { count } = ids;
  writeOverdue(state, queue);
  return count;
}
