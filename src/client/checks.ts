/**
 * What callers give, checked before anything is sent: a call that is refused here disturbs no other
 * call in the same frame, and nothing can throw later, when a frame is written. The codes are those
 * that the broker would give.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { isQueueName } from '../protocol/names.ts';

export function badField(field: string, what: string, cause?: unknown): WonderqError {
  return new WonderqError('BAD_REQUEST', `${field} ${what}`, { field, cause });
}

export function checkQueue(queue: string): void {
  if (typeof queue !== 'string' || !isQueueName(queue)) {
    throw new WonderqError('BAD_NAME', `the queue name ${String(queue)} is not allowed`, {
      field: 'queue',
    });
  }
}

/** One name or several, in order of preference. */
export function checkQueues(queues: string | readonly string[]): readonly string[] {
  const names = typeof queues === 'string' ? [queues] : [...queues];
  if (names.length === 0 || names.length > limits.queuesPerRequestMax) {
    throw badField('queues', `must be 1 to ${limits.queuesPerRequestMax}`);
  }
  for (const name of names) checkQueue(name);
  if (new Set(names).size < names.length) throw badField('queues', 'must not repeat a name');
  return names;
}

export function checkInteger(
  field: string,
  value: number | undefined,
  least: number,
  most: number,
) {
  if (value === undefined) return;
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw badField(field, `must be an integer of ${least} to ${most}, not ${String(value)}`);
  }
}

export function checkVisibility(visibilityMs: number | undefined): void {
  checkInteger('visibilityMs', visibilityMs, 1, limits.visibilityMsMax);
}

export function checkDelay(delayMs: number | undefined): void {
  checkInteger('delayMs', delayMs, 0, limits.delayMsMax);
}

export function checkText(field: string, value: string | undefined, bytesMax: number): void {
  if (value === undefined) return;
  if (typeof value !== 'string' || Buffer.byteLength(value) > bytesMax) {
    throw badField(field, `must be a string of at most ${bytesMax} bytes`);
  }
}
