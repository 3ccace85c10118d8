/**
 * The settings of a queue, a row each: what the wire takes, what the log keeps and the flags of the
 * command line all follow this table. A number is never used again for something else.
 */
import { limits } from '../limits.ts';
import type { QueueSettings } from '../queue/queue.ts';
import { isQueueName } from './names.ts';

export type { QueueSettings } from '../queue/queue.ts';

/** What a value may be. */
export type Takes =
  | { readonly kind: 'whole'; readonly least: number; readonly most: number }
  | { readonly kind: 'word'; readonly words: readonly string[] }
  | { readonly kind: 'queue' };

export interface SettingRow {
  /** In the log. */
  readonly code: number;
  /** On the command line, with a word for its value. */
  readonly flag: string;
  readonly takes: Takes;
  readonly about: string;
}

export type SettingName = keyof QueueSettings;

const whole = (least: number, most: number): Takes => ({ kind: 'whole', least, most });
const word = (...words: string[]): Takes => ({ kind: 'word', words });

export const settingRows: Readonly<Record<SettingName, SettingRow>> = {
  visibilityMs: {
    code: 1,
    flag: '--visibility <ms>',
    takes: whole(1, limits.visibilityMsMax),
    about: 'to ack a message in; default: as the broker says',
  },
  durability: {
    code: 2,
    flag: '--durability <level>',
    takes: word('write', 'fsync'),
    about: 'write or fsync; default: as the broker says',
  },
  failuresMax: {
    code: 3,
    flag: '--failures-max <n>',
    takes: whole(1, limits.failuresMax),
    about: 'as often a message may fail; default: as often as it takes',
  },
  whenFailed: {
    code: 4,
    flag: '--when-failed <what>',
    takes: word('dead', 'discard'),
    about: 'what becomes of it then: dead (default) or discard',
  },
  backoff: {
    code: 5,
    flag: '--backoff <how>',
    takes: word('fixed', 'linear', 'exponential'),
    about: 'how the wait after a failure grows: fixed (default), linear or exponential',
  },
  backoffMs: {
    code: 6,
    flag: '--backoff-ms <ms>',
    takes: whole(1, limits.delayMsMax),
    about: 'how long a message waits after its first failure; default: not at all',
  },
  backoffMsMax: {
    code: 7,
    flag: '--backoff-max <ms>',
    takes: whole(1, limits.delayMsMax),
    about: 'the longest such wait; default: ten years',
  },
  deadQueue: {
    code: 8,
    flag: '--dead-queue <queue>',
    takes: { kind: 'queue' },
    about: 'where a message goes that failed too often; default: it stays, dead',
  },
  timeToLiveMs: {
    code: 9,
    flag: '--ttl <ms>',
    takes: whole(1, limits.delayMsMax),
    about: 'from produce on a message may be delivered; default: as long as it takes',
  },
  whenExpired: {
    code: 10,
    flag: '--when-expired <what>',
    takes: word('discard', 'dead'),
    about: 'what becomes of it then: discard (default) or dead',
  },
  deduplicationMs: {
    code: 11,
    flag: '--deduplication <ms>',
    takes: whole(1, limits.deduplicationMsMax),
    about: 'how long a deduplication ID counts; default: five minutes',
  },
  messagesMax: {
    code: 12,
    flag: '--messages-max <n>',
    takes: whole(1, Number.MAX_SAFE_INTEGER),
    about: 'as many messages may wait or be in flight; default: any number',
  },
  bytesMax: {
    code: 13,
    flag: '--bytes-max <n>',
    takes: whole(1, Number.MAX_SAFE_INTEGER),
    about: 'as many bytes may they have, as they are encoded; default: any number',
  },
  whenFull: {
    code: 14,
    flag: '--when-full <what>',
    takes: word('refuse', 'dropOldest'),
    about: 'what a produce above that does: refuse (default) or drop-oldest',
  },
};

export const settingNames = Object.keys(settingRows) as readonly SettingName[];

const namesByCode = new Map(settingNames.map((name) => [settingRows[name].code, name]));

/** The setting with this number in the log, or undefined. */
export function settingOfCode(code: number): SettingName | undefined {
  return namesByCode.get(code);
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingRows, name);
}

/** What is wrong with a value, or undefined. */
export function wrongValue(takes: Takes, value: unknown): string | undefined {
  if (takes.kind === 'queue') {
    return typeof value === 'string' && isQueueName(value) ? undefined : 'must be a queue name';
  }
  if (takes.kind === 'word') {
    const isOne = takes.words.includes(value as string);
    return isOne ? undefined : `must be ${takes.words.join(' or ')}`;
  }
  const { least, most } = takes;
  const isWhole = Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
  return isWhole ? undefined : `must be a whole number from ${least} to ${most}`;
}
