/**
 * Hello, resume, bye: how a connection gets its session and gives it up, and what happens when a
 * connection ends.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { writeOk } from '../protocol/answers.ts';
import { PROTOCOL_VERSION } from '../protocol/operations.ts';
import type { Request } from '../protocol/request.ts';
import {
  connectSession,
  disconnectSession,
  endSession,
  type Held,
  resumeSession,
} from '../queue/connect.ts';
import { joinLine, removeTaker } from '../queue/deliver.ts';
import { release } from '../queue/settle.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import { begin } from './sequence.ts';
import { brokerVersion } from './settings.ts';

export function hello(core: Core, connection: Connection, request: Request, nowMs: number): void {
  if (connection.isGreeted) throw new WonderqError('BAD_REQUEST', 'the hello was said already');
  connection.isGreeted = true;
  connection.name = request.clientName;
  connection.wantsPings = request.pinged;
  const { frameBytesMax, bodyBytesMax, batchMessagesMax, releaseAfterMs } = core.settings;
  connection.reader.frameBytesMax = frameBytesMax;
  const resumed =
    request.session !== undefined && takeSession(core, connection, request.session, nowMs);
  // Held until the session's opening is durable: a retry after a crash relies on it.
  writeOk(core.gate.output(connection, 'fsync').writer, request.id, {
    version: PROTOCOL_VERSION,
    resumed,
    features: [],
    limits: {
      frameBytesMax,
      bodyBytesMax,
      batchMessagesMax,
      openRequestsMax: limits.sessionAnswersMax,
    },
    releaseAfterMs,
    pingMs: limits.pingMs,
    timeMs: nowMs,
    broker: brokerVersion,
  });
}

/** Returns whether the session was known. */
function takeSession(core: Core, connection: Connection, key: Buffer, nowMs: number): boolean {
  const text = key.toString('hex');
  const before = core.state.sessions.withKey(text)?.connection as Connection | undefined;
  if (before !== undefined) {
    core.gate.refuse(before, 0, new WonderqError('SESSION_TAKEN'));
    leave(core, before, nowMs);
  }
  const { session, resumed } = connectSession(core.state, text, connection.name, connection);
  connection.session = session;
  return resumed;
}

/** The leases that the client does not hold are given back in slices; then it is answered. */
export function resume(core: Core, connection: Connection, request: Request, nowMs: number): void {
  const { session } = connection;
  if (session === undefined) throw new WonderqError('BAD_REQUEST', 'resume needs a session');
  const isMore = resumeSession(core.state, session, heldBy(request), nowMs);
  goOnWhile(isMore, core, connection);
  if (!isMore) writeOk(core.gate.output(connection, 'fsync').writer, request.id);
}

function heldBy({ groups, receipts }: Request): Held {
  const held = new Map<string, Map<number, number>>();
  for (let group = 0; group < groups.count; group += 1) {
    const name = groups.queues[group]!;
    const tokens = held.get(name) ?? new Map<number, number>();
    for (let at = groups.from[group]!; at < groups.to[group]!; at += 1) {
      tokens.set(receipts.ids[at]!, receipts.tokens[at]!);
    }
    held.set(name, tokens);
  }
  return held;
}

/** It takes no more; its leases are given back in slices; then it is answered. */
export function bye(core: Core, connection: Connection, request: Request, nowMs: number): void {
  const { session } = connection;
  removeTakers(core, connection);
  const isMore = session !== undefined && endSession(core.state, session, nowMs);
  goOnWhile(isMore, core, connection);
  if (isMore) return;
  connection.session = undefined;
  leave(core, connection, nowMs);
  writeOk(core.gate.output(connection, 'fsync').writer, request.id);
  connection.isClosing = true;
}

/**
 * A connection asks for nothing any more: what it waited for ends, what was delivered to it and has
 * not left is given back, and its session begins its grace.
 */
export function leave(core: Core, connection: Connection, nowMs: number): void {
  const { state } = core;
  removeTakers(core, connection);
  connection.running = undefined;
  for (const held of connection.heldDeliveries()) {
    const { ids, session, queue } = held;
    const tokens = ids.map((_, index) => held.firstToken + index);
    const receipts = { ids, tokens, from: 0, to: ids.length };
    release(state, queue, session, receipts, nowMs);
  }
  const { session } = connection;
  connection.session = undefined;
  if (session?.connection === connection) disconnectSession(state, session, nowMs);
}

function removeTakers(core: Core, connection: Connection): void {
  for (const taker of connection.takers.values()) removeTaker(core.state, taker);
  connection.takers.clear();
}

/** The request that is being executed is gone on with in the next turn, or is over. */
function goOnWhile(isMore: boolean, core: Core, connection: Connection): void {
  if (!isMore) connection.running = undefined;
  else connection.running ??= begin(core, 0);
}

/** The connection can be told more again: its takers stand in line again. */
export function unblock(core: Core, connection: Connection): void {
  connection.isBlocked = false;
  for (const taker of connection.takers.values()) joinLine(core.state, taker);
}
