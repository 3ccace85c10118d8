/**
 * Which of the dead are meant: by when and why they failed last, and by their headers.
 */
import type { MessageInfo } from './browsing.ts';
import { badField, checkInteger } from './checks.ts';
import { checkHeaders } from './message.ts';

export interface DeadFilter {
  /** What was said of the last failure, or, where nothing was, how it came to that. */
  reason?: string | undefined;
  /** The last failure was then or later, or was before; a Date or broker time in milliseconds. */
  failedFrom?: Date | number | undefined;
  failedBefore?: Date | number | undefined;
  /** All of these, with these values. */
  headers?: Readonly<Record<string, string>> | undefined;
}

export function checkFilter({ reason, failedFrom, failedBefore, headers }: DeadFilter): void {
  if (reason !== undefined && typeof reason !== 'string')
    throw badField('reason', 'must be a string');
  checkInteger('failedFrom', msOf(failedFrom), 0, Number.MAX_SAFE_INTEGER);
  checkInteger('failedBefore', msOf(failedBefore), 0, Number.MAX_SAFE_INTEGER);
  if (headers !== undefined) checkHeaders(headers);
}

export function isFilter({ reason, failedFrom, failedBefore, headers }: DeadFilter): boolean {
  return [reason, failedFrom, failedBefore, headers].some((field) => field !== undefined);
}

/** `message` was browsed with its headers, where there are any to look for. */
export function isMeant(filter: DeadFilter, message: MessageInfo): boolean {
  const last = message.failures?.at(-1);
  const { reason, headers = {} } = filter;
  const fromMs = msOf(filter.failedFrom) ?? 0;
  const beforeMs = msOf(filter.failedBefore) ?? Number.POSITIVE_INFINITY;
  if (reason !== undefined && reason !== (last?.text ?? last?.reason)) return false;
  // Where an old log does not tell when it failed, it was long ago.
  const atMs = last?.atMs ?? 0;
  if (atMs < fromMs || atMs >= beforeMs) return false;
  return Object.entries(headers).every(([name, value]) => message.headers?.[name] === value);
}

function msOf(time: Date | number | undefined): number | undefined {
  return time instanceof Date ? time.getTime() : time;
}
