/**
 * Requests with a sequence number, and those executed in slices: what is remembered of them, what
 * is still to do, and writing down what was done.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Request } from '../protocol/request.ts';
import type { RefusedReceipt, RememberedAnswer } from '../queue/answers.ts';
import type { Session } from '../queue/session.ts';
import type { Connection, RunningRequest } from './connection.ts';
import type { Core } from './core.ts';

const retryAfterMs = 100;

/** The session that the request's sequence number counts in; undefined without a number. */
export function sequencedSession(connection: Connection, request: Request): Session | undefined {
  if (request.sequence === 0) return undefined;
  if (connection.session === undefined) {
    throw new WonderqError('BAD_REQUEST', 'a sequence number needs a session', {
      field: 'sequence',
    });
  }
  return connection.session;
}

/** What is remembered of the request, if it was executed before, in whole or in part. */
export function recall(
  session: Session | undefined,
  request: Request,
): RememberedAnswer | undefined {
  if (session === undefined || request.sequence > session.answers.highest) return undefined;
  const known = session.answers.find(request.sequence);
  if (known === undefined && !session.answers.isInWindow(request.sequence)) {
    throw badSequence(`the last ${limits.sessionAnswersMax} answers are remembered, not this one`);
  }
  if (known !== undefined && known.operation !== request.operation) {
    throw badSequence('this number was used for another operation');
  }
  return known;
}

/** Refuses a new request of a session that has too many open. */
export function refuseTooManyOpen(connection: Connection, session: Session | undefined): void {
  if (session === undefined || connection.openSequenced < limits.sessionAnswersMax) return;
  throw new WonderqError('BUSY', `${limits.sessionAnswersMax} requests are open`, { retryAfterMs });
}

/** Writes down and remembers (a part of) the answer to a sequenced request. */
export function remember(
  core: Core,
  session: Session | undefined,
  request: Request,
  complete: boolean,
  count: number,
  value: number,
  refused: readonly RefusedReceipt[] | undefined,
): void {
  if (session === undefined) return;
  const { sequence, operation } = request;
  const part = { sequence, operation, complete, count, value, refused };
  session.answers.add(part, core.journal.answered(session, part));
}

/**
 * How far the request has come: as this connection is executing it, or as an earlier one left it.
 * Undefined when nothing of it was executed. `all` is how many messages or receipts it has.
 */
export function progressOf(
  core: Core,
  connection: Connection,
  known: RememberedAnswer | undefined,
  all: number,
): RunningRequest | undefined {
  if (connection.running !== undefined || known === undefined) return connection.running;
  // More than this request has was done of another one.
  if (known.count >= all) throw badSequence('this number was used for a larger request');
  const running = begin(core, known.count);
  running.runs.push(...(known.runs ?? [known.value, known.count]));
  running.refused.push(...(known.refused ?? []));
  return running;
}

/** The frame that was parsed last, to be gone on with in the next turn. */
export function begin(core: Core, done: number): RunningRequest {
  const { buffer, start } = core.frame;
  return { buffer, start, end: core.frame.end, done, runs: [], refused: [] };
}

function badSequence(message: string): WonderqError {
  return new WonderqError('BAD_REQUEST', message, { field: 'sequence' });
}
