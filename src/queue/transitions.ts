/**
 * What can happen to one message, as changes of the state alone: no decision, nothing written down.
 * The rules call them when they decide, and replay calls the same ones when the log tells what was
 * decided, so that both end in the same state.
 */
import assert from 'node:assert';
import { type Chunk, DEAD, DELAYED, HELD, IN_FLIGHT, READY, UNREADABLE } from './chunk.ts';
import type { Failure } from './failures.ts';
import { leaveGroup, passTurn, waitInGroup } from './grouping.ts';
import { RETURNED_RELEASED, type Return } from './journal.ts';
import type { Lane } from './lane.ts';
import type { Queue } from './queue.ts';
import type { Session } from './session.ts';
import type { State } from './state.ts';

/** A new message, at the end of its lane. */
export function admit(
  state: State,
  queue: Queue,
  lane: Lane,
  id: number,
  producedMs: number,
  position: number,
  length: number,
): void {
  lane.push(id, producedMs, position, length);
  queue.ready += 1;
  queue.bytes += length;
  state.journal.addLive(position, length);
}

/** A ready message is not to be delivered before `dueMs`. */
export function delay(
  state: State,
  queue: Queue,
  lane: Lane,
  chunk: Chunk,
  index: number,
  dueMs: number,
): void {
  const row = rowOf(state, queue, lane, chunk, index);
  leaveState(queue, chunk, index);
  lane.setState(chunk, index, DELAYED);
  queue.delayed += 1;
  state.leases.deadlines.set(row, dueMs);
  if (chunk.groups !== undefined) waitInGroup(state, queue, lane, chunk, index);
}

/** A message is delivered no more from `expiresMs` on. */
export function limitLife(
  state: State,
  queue: Queue,
  lane: Lane,
  chunk: Chunk,
  index: number,
  expiresMs: number,
): void {
  state.leases.expiries.set(rowOf(state, queue, lane, chunk, index), expiresMs);
}

/** A row's message has no time to live any more. Row 0 is none. */
export function endLife({ leases }: State, row: number): void {
  if (leases.expiries.has(row)) leases.expiries.remove(row);
}

/**
 * A ready message is leased until `dueMs`. So is one whose bytes rotted, at replay: that it was
 * delivered before may be told behind it, where a log has holes.
 */
export function lease(
  state: State,
  queue: Queue,
  lane: Lane,
  chunk: Chunk,
  index: number,
  session: Session | undefined,
  token: number,
  dueMs: number,
): number {
  const { leases } = state;
  const row = rowOf(state, queue, lane, chunk, index);
  leaveState(queue, chunk, index);
  lane.setState(chunk, index, IN_FLIGHT);
  queue.inFlight += 1;
  queue.inFlightBytes += chunk.lengths[index]!;
  leases.tokens[row] = token;
  leases.deliveryCounts[row] = leases.deliveryCounts[row]! + 1;
  leases.deadlines.set(row, dueMs);
  if (session !== undefined) {
    session.firstRow = leases.link(row, session.number, session.firstRow);
    session.leaseCount += 1;
  }
  if (chunk.groups !== undefined) waitInGroup(state, queue, lane, chunk, index);
  return row;
}

/**
 * A leased or delayed message is ready again, or delayed where there is a time for it; one whose
 * bytes rotted meanwhile is out of reach.
 */
export function giveBack(
  state: State,
  queue: Queue,
  lane: Lane,
  chunk: Chunk,
  index: number,
  how: Return,
): void {
  endDelivery(state, queue, chunk, index, how);
  if (chunk.lengths[index] === 0) {
    setUnreadable(state, queue, lane, chunk, index);
    return;
  }
  queue.ready += 1;
  lane.setState(chunk, index, READY);
  if (how.dueMs > 0) delay(state, queue, lane, chunk, index, how.dueMs);
  else state.changed.add(queue);
  if (chunk.groups !== undefined) waitInGroup(state, queue, lane, chunk, index);
}

/** A leased message failed once too often; one whose bytes rotted meanwhile is out of reach. */
export function die(
  state: State,
  queue: Queue,
  lane: Lane,
  chunk: Chunk,
  index: number,
  how: Return,
): void {
  endDelivery(state, queue, chunk, index, how);
  setDead(state, queue, lane, chunk, index);
}

/** A message is past its time to live, and stays as a dead one: that is told, but no failure. */
export function outlive(
  state: State,
  queue: Queue,
  lane: Lane,
  chunk: Chunk,
  index: number,
  how: Failure,
): void {
  const { leases } = state;
  const row = rowOf(state, queue, lane, chunk, index);
  leaveState(queue, chunk, index);
  endLease(state, row);
  leases.histories[row] = leases.failures.add(leases.histories[row]!, how);
  setDead(state, queue, lane, chunk, index);
}

function setDead(state: State, queue: Queue, lane: Lane, chunk: Chunk, index: number): void {
  if (chunk.lengths[index] === 0) {
    setUnreadable(state, queue, lane, chunk, index);
    return;
  }
  endLife(state, chunk.rows[index]!);
  queue.dead += 1;
  queue.deadBytes += chunk.lengths[index]!;
  lane.setState(chunk, index, DEAD);
  if (chunk.groups !== undefined) passTurn(state, queue, chunk, index);
}

/** A dead message is ready again, as if it had never failed. */
export function revive(state: State, queue: Queue, lane: Lane, chunk: Chunk, index: number): void {
  assert(chunk.states[index] === DEAD, 'what is redriven was dead');
  leaveState(queue, chunk, index);
  queue.ready += 1;
  lane.setState(chunk, index, READY);
  state.leases.failureCounts[chunk.rows[index]!] = 0;
  state.changed.add(queue);
  if (chunk.groups !== undefined) waitInGroup(state, queue, lane, chunk, index);
}

/** A delayed message's time has come. */
export function ripen(state: State, queue: Queue, lane: Lane, chunk: Chunk, index: number): void {
  const { leases } = state;
  const row = chunk.rows[index]!;
  assert(chunk.states[index] === DELAYED, 'what ripens was delayed');
  leases.deadlines.remove(row);
  if (leases.deliveryCounts[row] === 0 && !leases.expiries.has(row)) {
    leases.remove(row);
    chunk.rows[index] = 0;
  }
  lane.setState(chunk, index, READY);
  queue.delayed -= 1;
  queue.ready += 1;
  state.changed.add(queue);
  if (chunk.groups !== undefined) waitInGroup(state, queue, lane, chunk, index);
}

/**
 * A message's bytes can no longer be read. Who has it may still settle it; else it is out of reach.
 * Replay is told so again by each copy of it.
 */
export function loseBody(
  state: State,
  queue: Queue,
  lane: Lane,
  chunk: Chunk,
  index: number,
): void {
  const position = chunk.positions[index]!;
  const length = chunk.lengths[index]!;
  state.journal.addDead(position, length);
  state.journal.addLive(position, 0);
  queue.bytes -= length;
  if (chunk.states[index] === IN_FLIGHT) queue.inFlightBytes -= length;
  else if (chunk.states[index] === DEAD) queue.deadBytes -= length;
  chunk.lengths[index] = 0;
  if (chunk.states[index] === DELAYED) ripen(state, queue, lane, chunk, index);
  const before = chunk.states[index];
  if (before === IN_FLIGHT || before === UNREADABLE) return;
  leaveState(queue, chunk, index);
  setUnreadable(state, queue, lane, chunk, index);
}

function setUnreadable(state: State, queue: Queue, lane: Lane, chunk: Chunk, index: number): void {
  endLife(state, chunk.rows[index]!);
  queue.unreadable += 1;
  lane.setState(chunk, index, UNREADABLE);
  if (chunk.groups !== undefined) passTurn(state, queue, chunk, index);
}

/** A message leaves for good. */
export function removeMessage(
  state: State,
  queue: Queue,
  lane: Lane,
  chunk: Chunk,
  index: number,
): void {
  const length = chunk.lengths[index]!;
  state.journal.addDead(chunk.positions[index]!, length);
  leaveState(queue, chunk, index);
  freeRow(state, chunk.rows[index]!);
  queue.bytes -= length;
  if (chunk.groups !== undefined) leaveGroup(state, queue, chunk, index);
  lane.remove(chunk, index);
}

/** Ends what a row stands for, and frees it. Row 0 is none. */
export function freeRow(state: State, row: number): void {
  if (row === 0) return;
  endLease(state, row);
  endLife(state, row);
  state.leases.remove(row);
}

/** A row is no longer leased or delayed. */
export function endLease(state: State, row: number): void {
  const { leases } = state;
  if (leases.deadlines.has(row)) leases.deadlines.remove(row);
  const number = leases.sessions[row]!;
  if (number === 0) return;
  const session = state.sessions.withNumber(number);
  assert(session !== undefined, 'a lease belongs to a session that is there');
  session.firstRow = leases.unlink(row, session.firstRow);
  session.leaseCount -= 1;
}

function endDelivery(state: State, queue: Queue, chunk: Chunk, index: number, how: Return): void {
  const row = chunk.rows[index]!;
  leaveState(queue, chunk, index);
  endLease(state, row);
  if (how.reason !== RETURNED_RELEASED) fail(state, row, how);
}

/** The message of a row failed once more. */
export function fail({ leases }: State, row: number, how: Return): void {
  leases.failureCounts[row] = leases.failureCounts[row]! + 1;
  leases.histories[row] = leases.failures.add(leases.histories[row]!, how);
}

/** What a queue counts of a state that a message leaves. */
export function leaveState(queue: Queue, chunk: Chunk, index: number): void {
  const before = chunk.states[index];
  if (before === READY) queue.ready -= 1;
  else if (before === IN_FLIGHT) {
    queue.inFlight -= 1;
    queue.inFlightBytes -= chunk.lengths[index]!;
  } else if (before === DELAYED) queue.delayed -= 1;
  else if (before === HELD) queue.held -= 1;
  else if (before === DEAD) {
    queue.dead -= 1;
    queue.deadBytes -= chunk.lengths[index]!;
  } else queue.unreadable -= 1;
}

/** The row of a message, made if need be. */
export function rowOf(state: State, queue: Queue, lane: Lane, chunk: Chunk, index: number): number {
  const known = chunk.rows[index]!;
  if (known !== 0) return known;
  const row = state.leases.add(queue.number, lane.priority, chunk.idAt(index));
  chunk.rows[index] = row;
  return row;
}
