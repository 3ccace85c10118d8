/**
 * Errors on their way to a caller. Several callers may share one frame and so one refusal; each
 * gets an error of its own, made within its own call, so that its stack leads to the program's
 * line.
 */
import { inspect } from 'node:util';
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Reply } from '../protocol/reply.ts';

/** The refusal that an error or ended answer tells. */
export function refusalOf(reply: Reply): WonderqError {
  const { code, message, field, retryAfterMs } = reply;
  return new WonderqError(code, message, { field, retryAfterMs });
}

/** To be called in the asynchronous function that the program called, after its `await`. */
export function forCaller(error: unknown): unknown {
  if (!(error instanceof WonderqError)) return error;
  const { code, message, field, retryAfterMs, cause } = error;
  return new WonderqError(code, message, { field, retryAfterMs, cause });
}

/** An answer that the request cannot have: the connection ends. */
export function unexpectedAnswer(reply: Reply): WonderqError {
  return new WonderqError('BAD_FRAME', `an answer ${reply.operation} that was not asked for`);
}

/** What a program threw, as the reason of a nack: at most 256 bytes. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.message}` : inspect(error);
  const bytes = Buffer.from(text).subarray(0, limits.failureTextBytesMax);
  // As a stream: what a character lacks at the end is left out.
  return new TextDecoder().decode(bytes, { stream: true });
}
