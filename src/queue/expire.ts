/**
 * What time does: messages are past their time to live, leases and delays end, receives give up
 * waiting, sessions without a connection lose their leases and are forgotten, and the memory of
 * purged messages is freed. Each call does one slice.
 */
import { limits } from '../limits.ts';
import { DELAYED, GONE } from './chunk.ts';
import { comeBack, type End, writeReturned } from './come-back.ts';
import type { Deduplication } from './deduplication.ts';
import { RETURNED_EXPIRED, RETURNED_SESSION_LOST } from './journal.ts';
import type { Lane } from './lane.ts';
import { forgetKeys } from './produce-once.ts';
import type { Queue } from './queue.ts';
import type { Session } from './session.ts';
import { firstOf } from './sessions.ts';
import type { State } from './state.ts';
import { expireMessages } from './time-to-live.ts';
import { endLease, freeRow, ripen } from './transitions.ts';

/** Does one slice of what is due at `nowMs`. Returns whether more is due at once. */
export function expire(state: State, nowMs: number): boolean {
  // Purged messages first: a row of theirs is still in the deadlines, but its message is not in a
  // queue.
  if (state.isFreeing) {
    freeRetired(state, limits.sliceMessagesMax);
    return true;
  }
  const isOverdue = expireMessages(state, nowMs);
  const isMore = expireRows(state, nowMs);
  const isWaiting = endWaits(state, nowMs);
  const isLosing = loseSessions(state, nowMs);
  return isOverdue || isMore || isWaiting || isLosing;
}

/** When `expire` has something to do next; infinity for never. */
export function nextDueMs(state: State): number {
  if (state.isFreeing) return 0;
  const grace = firstOf(state.sessions.inGrace);
  const idle = firstOf(state.sessions.idle);
  return Math.min(
    state.leases.deadlines.firstMs,
    state.leases.expiries.firstMs,
    state.takers.deadlines.firstMs,
    grace === undefined ? Infinity : grace.disconnectedMs + state.options.releaseAfterMs,
    idle === undefined ? Infinity : idle.disconnectedMs + limits.sessionForgetMs,
  );
}

function expireRows(state: State, nowMs: number): boolean {
  const { deadlines, queues, ids } = state.leases;
  const { returned } = state;
  const end: End = { reason: RETURNED_EXPIRED, nowMs };
  for (let done = 0; done < limits.sliceMessagesMax; done += 1) {
    if (deadlines.firstMs > nowMs) break;
    const row = deadlines.first;
    const queue = state.queuesByNumber.get(queues[row]!)!;
    queue.locate(ids[row]!);
    const { foundLane, foundChunk, foundIndex } = queue;
    if (foundChunk!.states[foundIndex] === DELAYED) {
      ripen(state, queue, foundLane!, foundChunk!, foundIndex);
      continue;
    }
    comeBack(state, queue, end, returned);
  }
  writeReturned(state, returned);
  return deadlines.firstMs <= nowMs;
}

function endWaits(state: State, nowMs: number): boolean {
  for (let done = 0; done < limits.sliceMessagesMax; done += 1) {
    const taker = state.takers.firstDue(nowMs);
    if (taker === undefined) return false;
    state.takers.becomeImpatient(taker);
  }
  return true;
}

/** One walk over the set: beginning anew for each would pass again over all that were taken out. */
function loseSessions(state: State, nowMs: number): boolean {
  const { sessions } = state;
  let room = limits.sliceMessagesMax;
  for (const lost of sessions.inGrace) {
    if (lost.disconnectedMs + state.options.releaseAfterMs > nowMs) break;
    if (room <= 0) return true;
    const countMax = room;
    // A session without leases is work too.
    room -= lost.leaseCount + 1;
    returnLeases(state, lost, { reason: RETURNED_SESSION_LOST, nowMs }, countMax);
    if (lost.leaseCount > 0) return true;
    sessions.becomeIdle(lost);
  }
  return forgetSessions(state, nowMs);
}

function forgetSessions(state: State, nowMs: number): boolean {
  const { sessions } = state;
  let room: number = limits.sliceMessagesMax;
  for (const oldest of sessions.idle) {
    const isDue = oldest.disconnectedMs + limits.sessionForgetMs <= nowMs;
    if (!isDue && sessions.size <= limits.sessionsMax) return false;
    if (room === 0) return true;
    room -= 1;
    state.journal.sessionEnded(oldest);
    sessions.end(oldest);
  }
  return false;
}

/**
 * Gives back up to `countMax` leases of a session, but for those that `keeps` wants to keep.
 * Returns whether some may be left to look at.
 */
export function returnLeases(
  state: State,
  session: Session,
  end: End,
  countMax: number,
  keeps: (row: number) => boolean = () => false,
): boolean {
  const { leases } = state;
  let row = session.firstRow;
  let done = 0;
  while (row !== 0 && done < countMax) {
    const next = leases.nexts[row]!;
    const queue = state.queuesByNumber.get(leases.queues[row]!);
    const id = leases.ids[row]!;
    if (queue === undefined || !queue.locate(id) || rowFound(queue) !== row) {
      done += 1;
      endLease(state, row);
    } else if (!keeps(row)) {
      done += 1;
      comeBack(state, queue, end, state.returned);
    }
    row = next;
  }
  writeReturned(state, state.returned);
  return row !== 0;
}

function rowFound(queue: Queue): number {
  return queue.foundChunk!.rows[queue.foundIndex]!;
}

/** Frees messages of purged queues, about `countMax` of them, and what deleted ones knew. */
export function freeRetired(state: State, countMax: number): void {
  let room = countMax;
  while (room > 0 && state.retired.length > 0) {
    room -= freeChunk(state, state.retired[state.retired.length - 1]!);
  }
  while (room > 0 && state.retiredKeys.length > 0) {
    room -= freeKeys(state, state.retiredKeys[state.retiredKeys.length - 1]!, room);
  }
}

function freeKeys(state: State, keys: Deduplication, countMax: number): number {
  const { size } = keys;
  forgetKeys(state, keys, Number.POSITIVE_INFINITY, countMax);
  if (keys.size === 0) state.retiredKeys.pop();
  return size - keys.size + 1;
}

function freeChunk(state: State, lane: Lane): number {
  const chunk = lane.chunks.pop();
  if (chunk === undefined) {
    state.retired.pop();
    return 1;
  }
  for (let index = 0; index < chunk.count; index += 1) {
    if (chunk.states[index] === GONE) continue;
    state.journal.addDead(chunk.positions[index]!, chunk.lengths[index]!);
    freeRow(state, chunk.rows[index]!);
  }
  return chunk.count;
}
