/**
 * Deliver: who stands in line gets what is ready, in turns. A message is leased only when its body
 * is in memory: a body that must be read first is asked for, and the line waits until it is there.
 */
import { limits } from '../limits.ts';
import type { Chunk } from './chunk.ts';
import type { DeliveryBatch } from './delivery-batch.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';
import type { Taker } from './taker.ts';
import { expireFirst, isOverdue } from './time-to-live.ts';
import { lease } from './transitions.ts';

/**
 * Serves the lines of all changed queues, at most one slice of messages. Returns whether there is
 * more to do at once. Receives that do not wait, and got nothing, are answered.
 */
export function dispatch(state: State, nowMs: number): boolean {
  const isMore = serveLines(state, nowMs);
  for (const taker of state.takers.impatient) {
    if (taker.inLine && taker.queues.some((queue) => mayStillServe(state, queue))) continue;
    if (!state.outlet.canDeliver(taker)) continue;
    giveUp(state, taker);
  }
  return isMore;
}

/** The queue that used up the slice is the last one next time, so that it holds up no other. */
function serveLines(state: State, nowMs: number): boolean {
  let room = limits.sliceMessagesMax;
  for (const queue of state.changed) {
    room -= serveLine(state, queue, room, nowMs);
    state.changed.delete(queue);
    if (room > 0) continue;
    state.changed.add(queue);
    return true;
  }
  return false;
}

/** Whether it is not known yet that a queue has nothing for its line. */
function mayStillServe(state: State, queue: Queue): boolean {
  return queue.isFetching || state.changed.has(queue);
}

/** A receive ends without a message. */
function giveUp(state: State, taker: Taker): void {
  removeTaker(state, taker);
  state.outlet.answerEmpty(taker);
}

/** A taker asks for messages, or may take again: it stands at the end of the line. */
export function joinLine(state: State, taker: Taker): void {
  if (!taker.hasCredit) return;
  state.takers.joinLine(taker);
  for (const queue of taker.queues) {
    if (queue.available > 0) state.changed.add(queue);
  }
}

export function removeTaker(state: State, taker: Taker): void {
  state.takers.remove(taker);
  for (const queue of taker.queues) state.forgetIfUnused(queue);
}

/** Returns what went out, as a number of messages of ordinary size: at most about `room`. */
function serveLine(state: State, queue: Queue, room: number, nowMs: number): number {
  let served = 0;
  // The share is that of a whole round: one reckoned anew for each would favour the first.
  let share = 0;
  let turnsLeft = 0;
  while (served < room && canServe(queue)) {
    const taker = nextInLine(state, queue);
    if (taker === undefined) break;
    if (turnsLeft === 0) {
      turnsLeft = queue.line.size;
      share = Math.ceil(queue.available / turnsLeft);
    }
    turnsLeft -= 1;
    const count = serve(state, taker, share, nowMs);
    if (count === 0) break;
    served += count + Math.floor(state.batch.bytes / limits.sliceBytesPerMessage);
  }
  return served;
}

function canServe(queue: Queue): boolean {
  return queue.available > 0 && queue.line.size > 0 && queue.mayReceive && !queue.isFetching;
}

/**
 * The first in line whose connection can take something; the others leave the line until it can.
 */
function nextInLine(state: State, queue: Queue): Taker | undefined {
  for (const taker of queue.line) {
    if (state.outlet.canDeliver(taker)) return taker;
    state.takers.leaveLine(taker);
  }
  return undefined;
}

/**
 * Gives a taker up to `share` messages of the first of its queues that has some. Returns how many,
 * with those before them that were past their time to live.
 */
function serve(state: State, taker: Taker, share: number, nowMs: number): number {
  const { batch } = state;
  let passed = 0;
  for (const queue of taker.queues) {
    if (!canServe(queue)) continue;
    passed += expireFirst(state, queue, nowMs);
    // What may be delivered is behind more of them: its turn comes before other queues'.
    if (passed >= limits.sliceMessagesMax) return passed;
    collect(state, queue, taker, share, nowMs);
    if (batch.count === 0) continue;
    finish(state, queue, taker, nowMs + batch.visibilityMs);
    return passed + batch.count;
  }
  return passed;
}

function collect(state: State, queue: Queue, taker: Taker, share: number, nowMs: number): void {
  const { batch } = state;
  batch.clear();
  batch.firstToken = state.nextToken;
  batch.visibilityMs = visibilityMsOf(state, queue, taker);
  const most = Math.min(share, taker.messages, limits.turnMessagesMax);
  while (batch.count < most && queue.available > 0) {
    queue.locateNext();
    const chunk = queue.foundChunk!;
    const index = queue.foundIndex;
    if (isOverdue(state, chunk.rows[index]!, nowMs)) break;
    if (!fits(batch, taker, chunk.lengths[index]!)) break;
    if (!state.bodies.inMemory(chunk.positions[index]!, chunk.lengths[index]!)) {
      if (batch.count === 0) fetch(state, queue, chunk, index);
      break;
    }
    const token = state.nextToken;
    state.nextToken += 1;
    const dueMs = nowMs + batch.visibilityMs;
    const lane = queue.foundLane!;
    const row = lease(state, queue, lane, chunk, index, taker.session, token, dueMs);
    note(state, batch, chunk, index, row);
  }
}

export function visibilityMsOf(state: State, queue: Queue, taker: Taker): number {
  return taker.visibilityMs || (queue.settings.visibilityMs ?? state.options.visibilityMs);
}

/** The first message of a delivery goes whatever its size. */
function fits(batch: DeliveryBatch, taker: Taker, length: number): boolean {
  if (batch.count === 0) return true;
  const bytes = batch.bytes + length;
  return bytes <= taker.bytes && bytes <= limits.deliveryFrameBytesMax;
}

function fetch(state: State, queue: Queue, chunk: Chunk, index: number): void {
  queue.isFetching = true;
  state.bodies.fetch(queue, chunk.positions[index]!, chunk.lengths[index]!);
}

function note(state: State, batch: DeliveryBatch, chunk: Chunk, index: number, row: number): void {
  const at = batch.count;
  batch.ids.push(chunk.idAt(index));
  batch.positions[at] = chunk.positions[index]!;
  batch.lengths[at] = chunk.lengths[index]!;
  batch.producedMs[at] = chunk.producedMsAt(index);
  batch.deliveryCounts[at] = state.leases.deliveryCounts[row]!;
  batch.failureCounts[at] = state.leases.failureCounts[row]!;
  batch.priorities[at] = state.leases.priorities[row]!;
  batch.bytes += chunk.lengths[index]!;
}

/**
 * Hands the messages over, moves the taker on, and writes the delivery down: last, since a record
 * more may push out of memory the bodies that are being handed over.
 */
function finish(state: State, queue: Queue, taker: Taker, dueMs: number): void {
  const { batch } = state;
  queue.counters.delivered += batch.count;
  if (taker.kind === 'receive') {
    removeTaker(state, taker);
  } else {
    taker.messages -= batch.count;
    taker.bytes -= batch.bytes;
    state.takers.leaveLine(taker);
    if (taker.hasCredit) state.takers.joinLine(taker);
  }
  state.outlet.deliver(taker, queue, batch);
  const session = taker.session?.number ?? 0;
  state.journal.delivered(queue, session, batch.firstToken, dueMs, batch.ids);
}
