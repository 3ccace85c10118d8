/**
 * Connections that say nothing or do not listen: no hello in time, a frame that does not end, pings
 * that go unanswered, answers that are not read, an end that is not taken.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { writePing } from '../protocol/answers.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';

/**
 * Pings a connection that is due, or ends one that has been silent or deaf for too long. One that
 * is idle gives its memory back.
 */
export function look(core: Core, connection: Connection, nowMs: number): void {
  connection.rest();
  if (connection.isClosing) {
    cutOff(connection, nowMs);
    return;
  }
  const reason = tooLongSilent(connection, nowMs) ?? tooLongUnread(connection, nowMs);
  const wasLate = connection.isLate;
  connection.isLate = reason !== undefined;
  // After a pause of this process what came meanwhile is read only now: it is looked at once more.
  if (reason !== undefined && wasLate) {
    core.gate.refuse(connection, 0, reason);
    return;
  }
  if (!connection.isGreeted || !connection.wantsPings) return;
  if (nowMs - connection.pingedMs < limits.pingMs) return;
  connection.pingedMs = nowMs;
  if (connection.pingsMissed >= limits.pingsMissedMax) {
    connection.transport.destroy();
    return;
  }
  connection.pingsMissed += 1;
  writePing(core.gate.output(connection, 'write').writer, connection.pingsMissed);
}

/** All it was told is on its way; whoever does not take it is not waited for. */
function cutOff(connection: Connection, nowMs: number): void {
  if (connection.heldBytes > 0) return;
  connection.endedSinceMs ??= nowMs;
  if (nowMs - connection.endedSinceMs >= limits.lingerMs) connection.transport.destroy();
}

/** One that reads slowly is full as well, but now and then all it was sent has left. */
function tooLongUnread(connection: Connection, nowMs: number): WonderqError | undefined {
  if (connection.canTake || connection.transport.unsentBytes === 0) {
    connection.unreadSinceMs = undefined;
    return undefined;
  }
  connection.unreadSinceMs ??= nowMs;
  const isTooLong = nowMs - connection.unreadSinceMs >= limits.unreadMs;
  return isTooLong ? new WonderqError('SLOW_READER') : undefined;
}

function tooLongSilent(connection: Connection, nowMs: number): WonderqError | undefined {
  if (!connection.isGreeted && nowMs - connection.openedMs >= limits.helloMs) {
    return new WonderqError('HELLO_REQUIRED', 'no hello came in time');
  }
  const since = connection.partialSinceMs;
  if (since !== undefined && nowMs - since >= limits.partialFrameMs) {
    return new WonderqError('BAD_FRAME', 'a frame did not end in time');
  }
  return undefined;
}
