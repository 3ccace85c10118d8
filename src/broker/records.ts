/**
 * The kinds of records that the broker writes, and the codes inside them. Each kind has a version
 * of its own; a change of its layout raises it. `docs/storage.md` has the table: layout, and when a
 * record of the kind is still needed. Numbers 1 to 15 belong to the log itself.
 */
import type { Code } from '../errors.ts';
import type { Durability, Paused, WhenFailed } from '../queue/queue.ts';

export const RECORD = {
  started: 16,
  queueSet: 17,
  queueDeleted: 18,
  purged: 19,
  produced: 20,
  delivered: 21,
  settled: 22,
  returned: 23,
  extended: 24,
  sessionOpened: 25,
  sessionEnded: 26,
  answered: 27,
  restored: 28,
  copied: 29,
  unreadable: 30,
  died: 31,
  redriven: 32,
  moved: 33,
  deduplicated: 34,
  templateSet: 35,
  templateDeleted: 36,
  deleted: 37,
} as const;

/** Of the kinds that changed since the first version of the format; all others have version 1. */
const changedVersions: Readonly<Record<number, number>> = {
  [RECORD.queueSet]: 3,
  [RECORD.produced]: 2,
  [RECORD.returned]: 2,
  [RECORD.copied]: 3,
  [RECORD.died]: 2,
  [RECORD.moved]: 2,
};

/** The version that is written; all up to it are read. */
export const recordVersionOf = (kind: number): number => changedVersions[kind] ?? 1;

export function isKnownVersion(kind: number, version: number): boolean {
  return version >= 1 && version <= recordVersionOf(kind);
}

/**
 * Counted to a message besides its own bytes: about what the record of a copy adds. Without it a
 * log of small messages would look dead however often it was compacted.
 */
export const messageOverheadBytes = 48;

export const PAUSED_CODES: readonly Paused[] = ['none', 'produce', 'receive', 'both'];
/** Of versions 1 and 2 of `queueSet`. */
export const FIRST_DURABILITIES: readonly (Durability | undefined)[] = [
  undefined,
  'write',
  'fsync',
];
export const FIRST_WHEN_FAILED: readonly (WhenFailed | undefined)[] = [
  undefined,
  'dead',
  'discard',
];
export const REFUSED_CODES = [
  'STALE_RECEIPT',
  'GONE',
  'NOT_DEAD',
  'NOT_LEASED',
  'DUPLICATE',
  'CHANGED',
] as const satisfies readonly Code[];
