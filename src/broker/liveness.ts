/**
 * Connections that say nothing: no hello in time, a frame that does not end, pings that go
 * unanswered.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { writePing } from '../protocol/answers.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';

/** Pings a connection that is due, or ends one that has been silent for too long. */
export function look(core: Core, connection: Connection, nowMs: number): void {
  if (connection.isClosing) return;
  const silence = tooLongSilent(connection, nowMs);
  if (silence !== undefined) {
    core.fail(connection, 0, silence);
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
  writePing(core.output(connection, 'write').writer, connection.pingsMissed);
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
