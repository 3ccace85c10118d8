/**
 * What a consumer says about what it holds: ack, nack, release, extend. Each is decided receipt by
 * receipt; what was valid is one record. A receipt that is not valid changes nothing; where that is
 * so because its time is over, or its message's, that end is written before it is told.
 */

import type { RefusedReceipt } from './answers.ts';
import { IN_FLIGHT } from './chunk.ts';
import { comeBack, type End, writeReturned } from './come-back.ts';
import { RETURNED_EXPIRED, RETURNED_NACKED, RETURNED_RELEASED, SETTLED_ACKED } from './journal.ts';
import type { Queue } from './queue.ts';
import type { Session } from './session.ts';
import type { State } from './state.ts';
import { endOverdue, isOverdue, keepsOverdue, writeOverdue } from './time-to-live.ts';
import { removeMessage } from './transitions.ts';

/** Receipts in place in a request: entries `from` to `to` of the two columns. */
export interface Receipts {
  readonly ids: Float64Array;
  readonly tokens: Float64Array;
  readonly from: number;
  readonly to: number;
}

/** The refused ones, by their index counted from `from`; undefined when all were valid. */
export type Refused = RefusedReceipt[] | undefined;

/** `queue` undefined: it does not exist, so the messages are gone. */
export function ack(
  state: State,
  queue: Queue | undefined,
  session: Session | undefined,
  receipts: Receipts,
  nowMs: number,
): Refused {
  const refused = forEachValid(state, queue, session, receipts, nowMs, (valid) => {
    removeMessage(state, valid, valid.foundLane!, valid.foundChunk!, valid.foundIndex);
  });
  if (queue !== undefined) writeAcked(state, queue);
  return refused;
}

function writeAcked({ journal, ids }: State, queue: Queue): void {
  if (ids.count === 0) return;
  journal.settled(queue, SETTLED_ACKED, ids);
  queue.counters.acked += ids.count;
}

/**
 * Acknowledges by ID what is leased to nobody in particular, for interfaces without receipts:
 * whatever detached lease is in force. The tokens of `receipts` are not looked at.
 */
export function ackCurrent(
  state: State,
  queue: Queue | undefined,
  receipts: Receipts,
  nowMs: number,
): Refused {
  const isHeld = (located: Queue) => isDetached(state, located, nowMs);
  const refused = forEach(state, queue, receipts, nowMs, 'NOT_LEASED', isHeld, (held) => {
    removeMessage(state, held, held.foundLane!, held.foundChunk!, held.foundIndex);
  });
  if (queue !== undefined) writeAcked(state, queue);
  return refused;
}

/** Gives back as a failure, for what the consumer says. `delayMs` undefined: as the queue says. */
export function nack(
  state: State,
  queue: Queue | undefined,
  session: Session | undefined,
  receipts: Receipts,
  why: { readonly delayMs?: number | undefined; readonly text?: string | undefined },
  nowMs: number,
): Refused {
  return comeBackAll(state, queue, session, receipts, { ...why, reason: RETURNED_NACKED, nowMs });
}

/** Gives back without counting a failure. */
export function release(
  state: State,
  queue: Queue | undefined,
  session: Session | undefined,
  receipts: Receipts,
  nowMs: number,
): Refused {
  return comeBackAll(state, queue, session, receipts, { reason: RETURNED_RELEASED, nowMs });
}

/** Lets leases end `visibilityMs` from now; 0 takes the queue's. */
export function extend(
  state: State,
  queue: Queue | undefined,
  session: Session | undefined,
  receipts: Receipts,
  visibilityMs: number,
  nowMs: number,
): Refused {
  const fallback = queue?.settings.visibilityMs ?? state.options.visibilityMs;
  const dueMs = nowMs + (visibilityMs || fallback);
  const refused = forEachValid(state, queue, session, receipts, nowMs, (valid) => {
    state.leases.deadlines.set(valid.foundChunk!.rows[valid.foundIndex]!, dueMs);
  });
  if (queue !== undefined && state.ids.count > 0) {
    state.journal.extended(queue, dueMs, state.ids);
    queue.counters.extended += state.ids.count;
  }
  return refused;
}

function comeBackAll(
  state: State,
  queue: Queue | undefined,
  session: Session | undefined,
  receipts: Receipts,
  end: End,
): Refused {
  const { returned } = state;
  const refused = forEachValid(state, queue, session, receipts, end.nowMs, (valid) => {
    comeBack(state, valid, end, returned);
  });
  writeReturned(state, returned);
  return refused;
}

/** `forEach` by receipt. One given twice is valid once, since the first changes the message. */
function forEachValid(
  state: State,
  queue: Queue | undefined,
  session: Session | undefined,
  receipts: Receipts,
  nowMs: number,
  change: (queue: Queue) => void,
): Refused {
  const isHeld = (located: Queue, at: number) =>
    isValid(state, located, session, receipts.tokens[at]!, nowMs);
  return forEach(state, queue, receipts, nowMs, 'STALE_RECEIPT', isHeld, change);
}

/**
 * Calls `change` for each message that is held, located in the queue, and gathers the IDs in
 * `state.ids`; one that is there and not held is refused with `code`.
 */
function forEach(
  state: State,
  queue: Queue | undefined,
  receipts: Receipts,
  nowMs: number,
  code: RefusedReceipt['code'],
  isHeld: (queue: Queue, at: number) => boolean,
  change: (queue: Queue) => void,
): Refused {
  let refused: RefusedReceipt[] | undefined;
  state.ids.clear();
  for (let at = receipts.from; at < receipts.to; at += 1) {
    const id = receipts.ids[at]!;
    if (queue === undefined || !queue.locate(id)) {
      refused = refused ?? [];
      refused.push({ index: at - receipts.from, code: 'GONE' });
    } else if (endIfOverdue(state, queue, nowMs)) {
      refused = refused ?? [];
      refused.push({ index: at - receipts.from, code: keepsOverdue(queue) ? code : 'GONE' });
    } else if (isHeld(queue, at)) {
      change(queue);
      state.ids.push(id);
    } else {
      refused = refused ?? [];
      refused.push({ index: at - receipts.from, code });
      endIfLapsed(state, queue, nowMs);
    }
  }
  writeReturned(state, state.lapsed);
  if (queue !== undefined) writeOverdue(state, queue);
  return refused;
}

/** Ends the located message if its time to live is over, as `expire` would soon. */
function endIfOverdue(state: State, queue: Queue, nowMs: number): boolean {
  if (!isOverdue(state, queue.foundChunk!.rows[queue.foundIndex]!, nowMs)) return false;
  endOverdue(state, queue, nowMs);
  return true;
}

/**
 * Ends the lease of the located message if its time is over, as `expire` would soon. Without the
 * record a broker that starts with its clock behind could accept what was refused before.
 */
function endIfLapsed(state: State, queue: Queue, nowMs: number): void {
  const { foundChunk, foundIndex } = queue;
  if (foundChunk!.states[foundIndex] !== IN_FLIGHT) return;
  if (state.leases.deadlines.dueMsOf(foundChunk!.rows[foundIndex]!) > nowMs) return;
  comeBack(state, queue, { reason: RETURNED_EXPIRED, nowMs }, state.lapsed);
}

/** Whether a detached lease is in force on the located message. */
function isDetached({ leases }: State, { foundChunk, foundIndex }: Queue, nowMs: number): boolean {
  if (foundChunk!.states[foundIndex] !== IN_FLIGHT) return false;
  const row = foundChunk!.rows[foundIndex]!;
  return leases.sessions[row] === 0 && leases.deadlines.dueMsOf(row) > nowMs;
}

/** Whether a token is that of the lease in force on the located message, for that session. */
function isValid(
  state: State,
  queue: Queue,
  session: Session | undefined,
  token: number,
  nowMs: number,
): boolean {
  const { leases } = state;
  const chunk = queue.foundChunk!;
  if (chunk.states[queue.foundIndex] !== IN_FLIGHT) return false;
  const row = chunk.rows[queue.foundIndex]!;
  if (leases.tokens[row] !== token) return false;
  if (leases.deadlines.dueMsOf(row) <= nowMs) return false;
  const owner = leases.sessions[row]!;
  return owner === 0 || owner === session?.number;
}
