/**
 * Replay: the facts of the log change the state again, by the same transitions that the rules use.
 * No clock, no randomness, no policy: what was decided is told. A fact about what is not (or not
 * yet) known is passed over: compaction drops the oldest records and tells what is still needed
 * again, later.
 */
import assert from 'node:assert';
import type { AnswerPart, RememberedAnswer } from './answers.ts';
import { DEAD, DELAYED, HELD, IN_FLIGHT, READY, UNREADABLE } from './chunk.ts';
import type { Entries } from './deduplication.ts';
import { freeRetired } from './expire.ts';
import { joinGroup } from './grouping.ts';
import type { IdList } from './id-list.ts';
import {
  type ByOperator,
  type Death,
  DIED_EXPIRED,
  type MessageSlice,
  RETURNED_RELEASED,
  type Return,
} from './journal.ts';
import { admitSlice } from './produce.ts';
import { countKeys, forgetKeys, noteKeys } from './produce-once.ts';
import { forgetQueue, retireLanes } from './purge.ts';
import { type Paused, Queue, type QueueSettings } from './queue.ts';
import type { MessageSnapshot } from './relocate.ts';
import type { Session } from './session.ts';
import type { State } from './state.ts';
import { transfer } from './transfer.ts';
import {
  delay,
  die,
  endLife,
  fail,
  giveBack,
  lease,
  limitLife,
  loseBody,
  outlive,
  removeMessage,
  revive,
  ripen,
  rowOf,
} from './transitions.ts';

/** Nothing to remember of it. */
const released: Return = {
  reason: RETURNED_RELEASED,
  atMs: 0,
  dueMs: 0,
  consumer: '',
  text: '',
};

export interface QueueFact {
  readonly number: number;
  readonly name: string;
  readonly createdMs: number;
  readonly settings: QueueSettings;
  readonly paused: Paused;
}

export function replayQueueSet(state: State, fact: QueueFact, position: number): void {
  const queue = queueNumbered(state, fact.number);
  assert(queue.name === '' || queue.name === fact.name, 'a queue keeps its name');
  queue.name = fact.name;
  queue.createdMs = fact.createdMs;
  queue.settings = fact.settings;
  queue.paused = fact.paused;
  queue.position = position;
  state.queuesByName.set(fact.name, queue);
}

export function replayQueueDeleted(state: State, number: number): void {
  const queue = state.queuesByNumber.get(number);
  if (queue === undefined) return;
  forgetQueue(state, queue);
  freeAll(state);
}

export function replayPurged(state: State, number: number): void {
  const queue = state.queuesByNumber.get(number);
  if (queue === undefined) return;
  retireLanes(state, queue);
  freeAll(state);
}

/** Nobody waits for a turn, and the segments that hold them may go as soon as the log is read. */
function freeAll(state: State): void {
  freeRetired(state, Number.POSITIVE_INFINITY);
}

export function replayProduced(
  state: State,
  queueNumber: number,
  priority: number,
  firstId: number,
  nowMs: number,
  dueMs: number,
  expiresMs: number,
  messages: MessageSlice,
  position: number,
): void {
  const queue = queueNumbered(state, queueNumber);
  state.replayedMs = Math.max(state.replayedMs, nowMs);
  state.nextId = Math.max(state.nextId, firstId + messages.count);
  admitSlice(state, queue, priority, firstId, nowMs, dueMs, expiresMs, messages, position);
}

export function replayDelivered(
  state: State,
  queueNumber: number,
  sessionNumber: number,
  firstToken: number,
  dueMs: number,
  ids: IdList,
): void {
  const session = sessionNumber === 0 ? undefined : sessionNumbered(state, sessionNumber);
  forEachKnown(state, queueNumber, ids, (queue, at) => {
    const { foundLane: lane, foundChunk: chunk, foundIndex: index } = queue;
    // That a delay ended is not written down; that the message was delivered tells it.
    if (chunk!.states[index] === DELAYED) ripen(state, queue, lane!, chunk!, index);
    assert(mayBeLeased(chunk!.states[index]!), 'what is delivered was ready');
    lease(state, queue, lane!, chunk!, index, session, firstToken + at, dueMs);
  });
}

export function replaySettled(state: State, queueNumber: number, ids: IdList): void {
  forEachKnown(state, queueNumber, ids, (queue) => {
    removeMessage(state, queue, queue.foundLane!, queue.foundChunk!, queue.foundIndex);
  });
}

export function replayReturned(state: State, queueNumber: number, how: Return, ids: IdList): void {
  forEachKnown(state, queueNumber, ids, (queue) => {
    const { foundLane: lane, foundChunk: chunk, foundIndex: index } = queue;
    assert(chunk!.states[index] === IN_FLIGHT, 'what comes back was in flight');
    giveBack(state, queue, lane!, chunk!, index, how);
  });
}

export function replayDied(state: State, queueNumber: number, how: Death, ids: IdList): void {
  forEachKnown(state, queueNumber, ids, (queue) => {
    const { foundLane: lane, foundChunk: chunk, foundIndex: index } = queue;
    if (how.reason === DIED_EXPIRED) {
      // A log with holes may have told less of one whose bytes rotted: it is out of reach already.
      if (chunk!.states[index] !== UNREADABLE) outlive(state, queue, lane!, chunk!, index, how);
      return;
    }
    assert(chunk!.states[index] === IN_FLIGHT, 'what dies was in flight');
    die(state, queue, lane!, chunk!, index, how);
  });
}

export function replayMoved(
  state: State,
  fromNumber: number,
  toNumber: number,
  how: Return | ByOperator,
  ids: IdList,
): void {
  forEachKnown(state, fromNumber, ids, (from) => {
    const to = queueNumbered(state, toNumber);
    if (!('by' in how)) fail(state, from.foundChunk!.rows[from.foundIndex]!, how);
    transfer(state, from, to);
  });
}

export function replayRedriven(state: State, queueNumber: number, ids: IdList): void {
  forEachKnown(state, queueNumber, ids, (queue) => {
    endLife(state, queue.foundChunk!.rows[queue.foundIndex]!);
    // One whose bytes rotted meanwhile is told to be unreadable before or after that.
    if (queue.foundChunk!.states[queue.foundIndex] !== DEAD) return;
    revive(state, queue, queue.foundLane!, queue.foundChunk!, queue.foundIndex);
  });
}

export function replayDeduplicated(
  state: State,
  queueNumber: number,
  entries: Entries,
  position: number,
): void {
  const queue = queueNumbered(state, queueNumber);
  noteKeys(state, queue, entries, position, true);
  // As when they came: those over by then are not kept, however many a log tells.
  forgetKeys(state, queue.deduplication!, state.replayedMs, 2 * entries.keys.length);
}

export function replayExtended(
  state: State,
  queueNumber: number,
  dueMs: number,
  ids: IdList,
): void {
  forEachKnown(state, queueNumber, ids, (queue) => {
    assert(
      queue.foundChunk!.states[queue.foundIndex] === IN_FLIGHT,
      'what is extended is in flight',
    );
    state.leases.deadlines.set(queue.foundChunk!.rows[queue.foundIndex]!, dueMs);
  });
}

export function replayUnreadable(state: State, queueNumber: number, ids: IdList): void {
  forEachKnown(state, queueNumber, ids, (queue) => {
    loseBody(state, queue, queue.foundLane!, queue.foundChunk!, queue.foundIndex);
  });
}

export function replaySessionOpened(
  state: State,
  number: number,
  key: string,
  name: string,
  position: number,
): void {
  const session = sessionNumbered(state, number);
  state.sessions.identify(session, key, name);
  session.position = position;
}

export function replaySessionEnded(state: State, number: number): void {
  const session = state.sessions.withNumber(number);
  // Its leases were given back before.
  if (session !== undefined) state.sessions.end(session);
}

export function replayAnswered(
  state: State,
  number: number,
  part: AnswerPart,
  position: number,
): void {
  sessionNumbered(state, number).answers.add(part, position);
}

export function replayRestored(
  state: State,
  number: number,
  sequence: number,
  answer: RememberedAnswer,
): void {
  sessionNumbered(state, number).answers.restore(sequence, answer);
}

/** A copy that compaction made. Its original may still be there, or be gone from the log. */
export function replayCopied(
  state: State,
  queueNumber: number,
  copy: MessageSnapshot,
  position: number,
): void {
  const queue = queueNumbered(state, queueNumber);
  state.nextId = Math.max(state.nextId, copy.id + 1);
  if (queue.locate(copy.id)) {
    if (copy.length === 0) {
      loseBody(state, queue, queue.foundLane!, queue.foundChunk!, queue.foundIndex);
    }
    move(state, queue, position);
    catchUp(state, queue, copy);
    restoreLife(state, queue, copy);
    return;
  }
  const lane = queue.lane(copy.priority);
  lane.insert(copy.id, copy.producedMs, position, copy.length);
  queue.ready += 1;
  queue.bytes += copy.length;
  state.journal.addLive(position, copy.length);
  state.changed.add(queue);
  queue.locate(copy.id);
  const { foundLane, foundChunk, foundIndex } = queue;
  if (copy.group !== undefined) {
    joinGroup(state, queue, foundLane!, foundChunk!, foundIndex, copy.group);
  }
  restoreCounts(state, queue, copy);
  restoreLife(state, queue, copy);
}

/** The located message's bytes now stand at `position`. */
export function move(state: State, queue: Queue, position: number): void {
  const chunk = queue.foundChunk!;
  const index = queue.foundIndex;
  state.journal.addDead(chunk.positions[index]!, chunk.lengths[index]!);
  state.journal.addLive(position, chunk.lengths[index]!);
  chunk.positions[index] = position;
}

/**
 * After the last record: everything that is live was named, and every session lost its connection.
 */
export function endReplay(state: State, nowMs: number): void {
  for (const queue of state.queuesByNumber.values())
    assert(queue.name !== '', 'a queue that was never named');
  for (const session of state.sessions.all()) {
    assert(session.key !== '', 'a session that was never opened');
    state.sessions.disconnect(session, nowMs);
  }
  countKeys(state, nowMs);
}

/** What was told of the located message may have been lost since, in a log that was repaired. */
function catchUp(state: State, queue: Queue, copy: MessageSnapshot): void {
  const { leases } = state;
  const { foundLane: lane, foundChunk: chunk, foundIndex: index } = queue;
  if (chunk!.states[index] === DELAYED && copy.state !== DELAYED) {
    ripen(state, queue, lane!, chunk!, index);
  }
  const row = chunk!.rows[index]!;
  const status = chunk!.states[index]!;
  const isElsewhere = copy.state === DELAYED || copy.state === DEAD;
  if ((status === READY || status === HELD) && (isElsewhere || knowsMore(state, row, copy))) {
    restoreCounts(state, queue, copy);
  } else if (status === IN_FLIGHT) {
    restoreHistory(state, row, copy);
    leases.deliveryCounts[row] = copy.deliveryCount;
    leases.failureCounts[row] = copy.failureCount;
  }
}

/** Whether a copy tells deliveries or failures that the row does not. Row 0 is none. */
function knowsMore({ leases }: State, row: number, copy: MessageSnapshot): boolean {
  if (row === 0) return copy.deliveryCount > 0 || copy.failures.length > 0;
  return (
    copy.deliveryCount > leases.deliveryCounts[row]! ||
    copy.failureCount !== leases.failureCounts[row] ||
    copy.failures.length !== leases.failures.of(leases.histories[row]!).length
  );
}

function restoreCounts(state: State, queue: Queue, copy: MessageSnapshot): void {
  const { foundLane: lane, foundChunk: chunk, foundIndex: index } = queue;
  if (copy.deliveryCount === 0) {
    if (copy.state === DELAYED) delay(state, queue, lane!, chunk!, index, copy.dueMs);
    if (copy.state === UNREADABLE) loseBody(state, queue, lane!, chunk!, index);
    if (copy.state === DEAD) outlive(state, queue, lane!, chunk!, index, released);
    if (copy.failures.length === 0) return;
    restoreHistory(state, rowOf(state, queue, lane!, chunk!, index), copy);
    return;
  }
  const session = copy.session === 0 ? undefined : sessionNumbered(state, copy.session);
  const row = lease(state, queue, lane!, chunk!, index, session, copy.token, copy.dueMs);
  const how = copy.state === DELAYED ? { ...released, dueMs: copy.dueMs } : released;
  if (copy.state === DEAD) die(state, queue, lane!, chunk!, index, how);
  else if (copy.state !== IN_FLIGHT) giveBack(state, queue, lane!, chunk!, index, how);
  restoreHistory(state, row, copy);
  state.leases.deliveryCounts[row] = copy.deliveryCount;
  state.leases.failureCounts[row] = copy.failureCount;
}

function restoreHistory({ leases }: State, row: number, { failures }: MessageSnapshot): void {
  leases.failures.remove(leases.histories[row]!);
  leases.histories[row] = 0;
  for (const failure of failures) {
    leases.histories[row] = leases.failures.add(leases.histories[row]!, failure);
  }
}

function restoreLife(state: State, queue: Queue, { expiresMs }: MessageSnapshot): void {
  const { foundLane: lane, foundChunk: chunk, foundIndex: index } = queue;
  if (expiresMs > 0) limitLife(state, queue, lane!, chunk!, index, expiresMs);
  else endLife(state, chunk!.rows[index]!);
}

function mayBeLeased(state: number): boolean {
  return state === READY || state === HELD || state === UNREADABLE;
}

function forEachKnown(
  state: State,
  queueNumber: number,
  ids: IdList,
  change: (queue: Queue, at: number) => void,
): void {
  const queue = state.queuesByNumber.get(queueNumber);
  if (queue === undefined) return;
  for (let at = 0; at < ids.count; at += 1) {
    if (queue.locate(ids.values[at]!)) change(queue, at);
  }
}

/** Made without a name if need be. */
export function queueNumbered(state: State, number: number): Queue {
  const known = state.queuesByNumber.get(number);
  if (known !== undefined) return known;
  const queue = new Queue('');
  state.number(queue, number);
  return queue;
}

function sessionNumbered(state: State, number: number): Session {
  return state.sessions.withNumber(number) ?? state.sessions.openNumbered(number);
}
