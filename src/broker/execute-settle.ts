/**
 * Ack, nack, release and extend: execute a slice of the receipts, remember, answer with the last
 * slice.
 */
import { limits } from '../limits.ts';
import { type Codes, writeSettled } from '../protocol/answers.ts';
import { REQUEST } from '../protocol/operations.ts';
import type { Request } from '../protocol/request.ts';
import type { RefusedReceipt } from '../queue/answers.ts';
import {
  ack,
  ackCurrent,
  extend,
  nack,
  type Receipts,
  type Refused,
  release,
} from '../queue/settle.ts';
import type { Connection } from './connection.ts';
import { type Core, durabilityNumber } from './core.ts';
import {
  begin,
  progressOf,
  recall,
  refuseTooManyOpen,
  remember,
  sequencedSession,
} from './sequence.ts';

/** Returns how many receipts were looked at. */
export function executeSettle(
  core: Core,
  connection: Connection,
  request: Request,
  nowMs: number,
): number {
  const session = sequencedSession(connection, request);
  const known = recall(session, request);
  const all = request.receipts.count;
  if (known?.complete) {
    answer(core, connection, request, codesOf(known.refused, all));
    return 1;
  }
  const progress = progressOf(core, connection, known, all);
  if (progress === undefined) {
    refuseTooManyOpen(connection, session);
    core.admission.refuseWhatChanges();
  }
  const from = progress?.done ?? 0;
  const to = Math.min(all, from + limits.turnMessagesMax);
  const { ids, tokens } = request.receipts;
  const refused = settle(core, connection, request, { ids, tokens, from, to }, nowMs);
  remember(core, session, request, to === all, to - from, to - from, refused);
  if (progress === undefined && to === all) {
    answer(core, connection, request, codesOf(refused, all));
    return Math.max(1, to - from);
  }
  const running = progress ?? begin(core, 0);
  running.done = to;
  for (const { index, code } of refused ?? []) running.refused.push({ index: from + index, code });
  connection.running = to === all ? undefined : running;
  if (to === all) answer(core, connection, request, codesOf(running.refused, all));
  return to - from;
}

function settle(
  core: Core,
  connection: Connection,
  request: Request,
  receipts: Receipts,
  nowMs: number,
): Refused {
  const { state } = core;
  const { session } = connection;
  const queue = state.existing(request.queue);
  switch (request.operation) {
    case REQUEST.ack:
      return ack(state, queue, session, receipts, nowMs);
    case REQUEST.ackCurrent:
      return ackCurrent(state, queue, receipts, nowMs);
    case REQUEST.nack:
      return nack(state, queue, session, receipts, whyOf(request), nowMs);
    case REQUEST.release:
      return release(state, queue, session, receipts, nowMs);
    default:
      return extend(state, queue, session, receipts, request.visibilityMs, nowMs);
  }
}

function whyOf({ hasDelay, delayMs, reason }: Request) {
  return { delayMs: hasDelay ? delayMs : undefined, text: reason };
}

function answer(core: Core, connection: Connection, request: Request, codes: Codes): void {
  const queue = core.state.existing(request.queue);
  const isNack = request.operation === REQUEST.nack;
  const level = isNack ? core.levelOfNack(queue) : core.levelOf(queue);
  const output = core.gate.output(connection, level);
  writeSettled(output.writer, request.id, durabilityNumber(level), codes);
  core.gate.countSequenced(connection, output, request);
}

/** A code or undefined for each of `count` receipts; undefined when none was refused. */
export function codesOf(refused: readonly RefusedReceipt[] | undefined, count: number): Codes {
  if (refused === undefined || refused.length === 0) return undefined;
  const codes: (RefusedReceipt['code'] | undefined)[] = new Array(count).fill(undefined);
  for (const { index, code } of refused) codes[index] = code;
  return codes;
}
