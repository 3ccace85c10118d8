/**
 * Values of flags and variables: text to numbers and words, or a clear refusal.
 */
import type { MessageStateName } from '../client/client.ts';
import { limits } from '../limits.ts';
import { type Takes, wrongValue } from '../protocol/queue-settings.ts';
import type { Durability } from '../queue/queue.ts';
import { UsageError } from './failure.ts';

/** The value of a flag, undefined where it was not given, or a refusal that names it. */
export function parsed<T>(
  flag: string,
  parse: (text: string) => T,
  text: string | undefined,
): T | undefined {
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`${flag} ${(error as Error).message}`);
  }
}

export function parseWhole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const isGood = /^[0-9]+$/.test(text) && value >= min && value <= max;
    if (!isGood) throw new Error(`must be a whole number from ${min} to ${max}, not "${text}"`);
    return value;
  };
}

export const parsePort = parseWhole(0, 65_535);
export const parseVisibility = parseWhole(1, limits.visibilityMsMax);
export const parseDelay = parseWhole(0, limits.delayMsMax);
export const parseTimeToLive = parseWhole(1, limits.delayMsMax);
export const parseWait = parseWhole(0, Number.MAX_SAFE_INTEGER);
export const parseCount = parseWhole(1, Number.MAX_SAFE_INTEGER);
export const parsePriority = parseWhole(0, limits.priorityMax);

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since 1970, or an ISO time that says of which zone it is. */
export function parseTime(text: string): number {
  const ms = /^[0-9]+$/.test(text) ? Number(text) : isoTime.test(text) ? Date.parse(text) : NaN;
  if (Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new Error(`must be milliseconds, or a time as 2030-01-31T08:00:00Z, not "${text}"`);
}

export function parseDurability(text: string): Durability {
  if (text === 'write' || text === 'fsync') return text;
  throw new Error(`must be write or fsync, not "${text}"`);
}

const states = ['ready', 'held', 'in flight', 'delayed', 'dead', 'unreadable'] as const;

/** Of a message. */
export function parseState(text: string): MessageStateName {
  const state = states.find((name) => name === text.replace('-', ' '));
  if (state === undefined) {
    throw new Error('must be ready, held, in-flight, delayed, dead or unreadable');
  }
  return state;
}

/** Of flags `--header NAME=VALUE`. */
export function headersOf(pairs: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--header takes NAME=VALUE, not "${pair}"`);
    headers[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return headers;
}

/** `-o` is `O`: what has two words is written as flags are, and as the wire has it too. */
function upperCase(hyphened: string): string {
  return hyphened[1]!.toUpperCase();
}

/** A setting of a queue; `default` puts it back. */
export function parseSetting(takes: Takes): (text: string) => number | string | null {
  return (text) => {
    if (text === 'default') return null;
    if (takes.kind === 'whole') return parseWhole(takes.least, takes.most)(text);
    const value = takes.kind === 'word' ? text.replace(/-[a-z]/g, upperCase) : text;
    const wrong = wrongValue(takes, value);
    if (wrong !== undefined) throw new Error(`${wrong}, not "${text}"`);
    return value;
  };
}

export function parseSwitch(text: string): boolean {
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw new Error(`must be true or false, not "${text}"`);
}
