/**
 * Why a message, or the next one of a queue, is not being delivered now: the reasons that hold, as
 * data. Nothing changes.
 */
import { limits } from '../limits.ts';
import { DEAD, DELAYED, GONE, HELD, type MessageState, READY, UNREADABLE } from './chunk.ts';
import type { Failure } from './failures.ts';
import { groupOf, toldState } from './grouping.ts';
import type { Group } from './groups.ts';
import type { Paused, Queue } from './queue.ts';
import type { State } from './state.ts';
import { isOverdue } from './time-to-live.ts';

export type Reason =
  /** Not in the queue. `isNew`: no message has had this ID yet. */
  | { readonly code: 'GONE'; readonly isNew: boolean }
  | { readonly code: 'EMPTY' }
  /** There are messages, but none is ready. */
  | ({ readonly code: 'NONE_READY' } & Record<
      'held' | 'inFlight' | 'delayed' | 'dead' | 'unreadable',
      number
    >)
  | { readonly code: 'DEAD'; readonly failureCount: number; readonly last: Failure | undefined }
  | { readonly code: 'UNREADABLE' }
  | { readonly code: 'DELAYED'; readonly untilMs: number; readonly isOver: boolean }
  | {
      readonly code: 'LEASED';
      readonly untilMs: number;
      readonly isOver: boolean;
      /** The name of the client; undefined for a detached lease. */
      readonly client: string | undefined;
    }
  /** Its time to live is over: it goes, or is dead, in a moment. */
  | { readonly code: 'EXPIRED'; readonly expiresMs: number }
  | { readonly code: 'PAUSED'; readonly paused: Paused }
  | { readonly code: 'DISK_FULL' }
  /** Too much is unsynced, or unread by clients. */
  | { readonly code: 'OVERLOADED' }
  /** Another message of its group comes first, and is settled first. */
  | { readonly code: 'GROUP_HELD'; readonly group: string; readonly by: number }
  /** So many groups have their turn before. */
  | { readonly code: 'OTHER_GROUPS_FIRST'; readonly groups: number; readonly isMore: boolean }
  /** `isMore`: there may be more of them. */
  | { readonly code: 'OTHERS_FIRST'; readonly messages: number; readonly isMore: boolean }
  | { readonly code: 'BODY_BEING_READ' }
  | { readonly code: 'NOBODY_WAITS' }
  | { readonly code: 'NO_CREDIT'; readonly subscriptions: number }
  /** Those who wait have not read what they were sent. */
  | { readonly code: 'CANNOT_TAKE'; readonly waiting: number }
  | { readonly code: 'SOON' };

/** What holds all deliveries up. */
export interface Holdups {
  readonly isDiskFull: boolean;
  readonly isOverloaded: boolean;
}

export interface Why {
  /** Undefined where there is no next message. */
  readonly id: number | undefined;
  readonly state: MessageState | undefined;
  readonly reasons: readonly Reason[];
}

/** All reasons that hold, the nearest first. `id` undefined: of the next message. */
export function why(
  state: State,
  queue: Queue,
  id: number | undefined,
  holdups: Holdups,
  nowMs: number,
): Why {
  const wanted = id ?? nextId(queue);
  if (wanted === undefined) return { id, state: undefined, reasons: reasonsOfNone(state, queue) };
  if (!queue.locate(wanted)) {
    return { id, state: GONE, reasons: [{ code: 'GONE', isNew: wanted >= state.nextId }] };
  }
  const its = toldState(queue, queue.foundChunk!, queue.foundIndex);
  const reasons =
    its === READY || its === HELD
      ? reasonsOfReady(state, queue, holdups)
      : reasonsOfOther(state, queue, its, holdups, nowMs);
  return { id: wanted, state: its, reasons: [...expiredReasons(state, queue, nowMs), ...reasons] };
}

function expiredReasons(state: State, queue: Queue, nowMs: number): Reason[] {
  const row = queue.foundChunk!.rows[queue.foundIndex]!;
  if (!isOverdue(state, row, nowMs)) return [];
  return [{ code: 'EXPIRED', expiresMs: state.leases.expiries.dueMsOf(row) }];
}

function nextId(queue: Queue): number | undefined {
  if (queue.available === 0) return undefined;
  queue.locateNext();
  return queue.foundChunk!.idAt(queue.foundIndex);
}

function reasonsOfNone(state: State, queue: Queue): Reason[] {
  const { behind: held, inFlight, delayed, dead, unreadable } = queue;
  const none: Reason =
    queue.live === 0
      ? { code: 'EMPTY' }
      : { code: 'NONE_READY', held, inFlight, delayed, dead, unreadable };
  return [none, ...pausedReasons(queue), ...lineReasons(state, queue)];
}

/** Of the located message, which is ready. */
function reasonsOfReady(state: State, queue: Queue, holdups: Holdups): Reason[] {
  const reasons = pausedReasons(queue);
  if (holdups.isDiskFull) reasons.push({ code: 'DISK_FULL' });
  if (holdups.isOverloaded) reasons.push({ code: 'OVERLOADED' });
  const { foundChunk, foundIndex } = queue;
  const group = groupOf(queue, foundChunk!, foundIndex);
  if (group === undefined || group.holder === foundChunk!.idAt(foundIndex)) {
    reasons.push(...orderReasons(queue), ...turnReasons(queue, group));
  } else reasons.push({ code: 'GROUP_HELD', group: group.key, by: group.holder });
  if (queue.isFetching) reasons.push({ code: 'BODY_BEING_READ' });
  reasons.push(...lineReasons(state, queue));
  // On a full disk whoever waits has left the line, whether it reads or not.
  const real = reasons.filter(({ code }) => code !== 'CANNOT_TAKE' || !holdups.isDiskFull);
  return real.length === 0 ? [{ code: 'SOON' }] : real;
}

function orderReasons(queue: Queue): Reason[] {
  const { messages, isMore } = readyBefore(queue);
  return messages > 0 ? [{ code: 'OTHERS_FIRST', messages, isMore }] : [];
}

/** Of a group those are before it whose turn is; of none those whose message has a lower ID. */
function turnReasons({ groups, foundLane, foundChunk, foundIndex }: Queue, own?: Group): Reason[] {
  if (groups === undefined || foundLane!.priority > 0) return [];
  const id = foundChunk!.idAt(foundIndex);
  const isBefore = (other: Group) => (own === undefined ? other.head < id : other !== own);
  const most = limits.sliceMessagesMax;
  const count = groups.turns.countFirst(isBefore, most);
  return count > 0 ? [{ code: 'OTHER_GROUPS_FIRST', groups: count, isMore: count === most }] : [];
}

/** Of the located message, which is not ready. */
function reasonsOfOther(
  state: State,
  queue: Queue,
  its: MessageState,
  { isDiskFull }: Holdups,
  nowMs: number,
): Reason[] {
  const { leases } = state;
  const row = queue.foundChunk!.rows[queue.foundIndex]!;
  if (its === UNREADABLE) return [{ code: 'UNREADABLE' }];
  if (its === DEAD) {
    const last = leases.failures.of(leases.histories[row]!).at(-1);
    return [{ code: 'DEAD', failureCount: leases.failureCounts[row]!, last }];
  }
  const untilMs = leases.deadlines.dueMsOf(row);
  const isOver = untilMs <= nowMs;
  const reasons: Reason[] = [];
  if (its === DELAYED) reasons.push({ code: 'DELAYED', untilMs, isOver });
  else reasons.push({ code: 'LEASED', untilMs, isOver, client: clientOf(state, row) });
  if (isOver && isDiskFull) reasons.push({ code: 'DISK_FULL' });
  return [...reasons, ...pausedReasons(queue)];
}

function clientOf({ leases, sessions }: State, row: number): string | undefined {
  const session = leases.sessions[row]!;
  return session === 0 ? undefined : sessions.withNumber(session)!.name;
}

function pausedReasons(queue: Queue): Reason[] {
  return queue.mayReceive ? [] : [{ code: 'PAUSED', paused: queue.paused }];
}

/** Why nobody takes a message; nothing where somebody stands in line. */
function lineReasons(state: State, queue: Queue): Reason[] {
  if (queue.line.size > 0) return [];
  if (queue.takerCount === 0) return [{ code: 'NOBODY_WAITS' }];
  let [subscriptions, waiting] = [0, 0];
  for (const taker of state.takers.all()) {
    if (!taker.queues.includes(queue)) continue;
    if (taker.hasCredit) waiting += 1;
    else subscriptions += 1;
  }
  const reasons: Reason[] = [];
  if (subscriptions > 0) reasons.push({ code: 'NO_CREDIT', subscriptions });
  if (waiting > 0) reasons.push({ code: 'CANNOT_TAKE', waiting });
  return reasons;
}

/** Ready messages before the located one, as far as a slice of chunks tells. */
function readyBefore(queue: Queue): { messages: number; isMore: boolean } {
  const { foundLane, foundChunk, foundIndex } = queue;
  let messages = 0;
  for (const lane of queue.lanes) {
    if (lane === foundLane) break;
    messages += lane.ready;
  }
  const at = foundLane!.chunkOf(foundChunk!.baseId);
  const from = Math.max(0, at - limits.sliceMessagesMax);
  for (const chunk of foundLane!.chunks.slice(from, at)) messages += chunk.ready;
  for (let index = 0; index < foundIndex; index += 1) {
    if (foundChunk!.states[index] === READY) messages += 1;
  }
  return { messages, isMore: from > 0 };
}
