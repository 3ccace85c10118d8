/**
 * Rot in what a start would find: a bit turned over, a file that lost its end or is gone. Two
 * starts on copies, one with the rot and one without, tell whether it was refused, reported, or of
 * no effect. Anything else is a loss without a word.
 */
import { crc32 } from 'node:zlib';
import { LogDamagedError } from '../../src/errors.ts';
import type { OpenReport, VisitRecord } from '../../src/log/log.ts';
import { SEGMENT_HEADER_BYTES } from '../../src/log/segment.ts';
import type { Random } from '../support/random.ts';
import { Violation } from './oracle-history.ts';
import type { SimulatedStorage } from './storage.ts';

/** Opens a log as a start does. */
export type OpenLog = (storage: SimulatedStorage, visit: VisitRecord) => Promise<OpenReport>;

/** What became of it. */
export type RotOutcome = 'rotRefused' | 'rotCut' | 'rotHarmless';

const nearBytes = 500;

interface Found {
  readonly report: OpenReport;
  /** After each record: a checksum over all up to there. */
  readonly sums: readonly number[];
}

export async function judgeRot(
  storage: SimulatedStorage,
  open: OpenLog,
  random: Random,
): Promise<RotOutcome> {
  const whole = await find(copyOf(storage), open);
  const rotten = copyOf(storage);
  const what = rot(rotten, random);
  const found = await find(rotten, open).catch((error: unknown) => {
    if (error instanceof LogDamagedError) return undefined;
    throw error;
  });
  if (found === undefined) return 'rotRefused';
  if (isSame(whole, found)) return 'rotHarmless';
  if (isReported(whole, found)) return 'rotCut';
  throw new Violation(`rot went unseen: ${what}`);
}

/** A storage of its own, on which everything is done at once. */
function copyOf(storage: SimulatedStorage): SimulatedStorage {
  const copy = storage.fork({ schedule: (run) => run(), evictChance: 0 });
  copy.capacity = Number.MAX_SAFE_INTEGER;
  return copy;
}

async function find(storage: SimulatedStorage, open: OpenLog): Promise<Found> {
  const sums: number[] = [];
  const report = await open(storage, (kind, _version, buffer, start, end, position) => {
    const place = crc32(`${kind} ${position}`, sums.at(-1));
    sums.push(crc32(buffer.subarray(start, end), place));
  });
  return { report, sums };
}

/** Does some damage and says which. */
function rot(storage: SimulatedStorage, random: Random): string {
  const names = [...storage.files().keys()].filter((name) => !name.includes('reserve')).sort();
  const segments = names.filter((name) => name.endsWith('.wq'));
  const sealed = segments.slice(1, Math.max(1, newestWithBatches(storage, segments)));
  if (sealed.length > 0 && random.chance(0.5)) return loseEnd(storage, random.pick(sealed), random);
  if (names.length === 0) return 'nothing is there';
  // Often near the end, where rot may pass for a torn tail.
  const isNearEnd = segments.length > 0 && random.chance(0.5);
  const name = isNearEnd ? random.pick(segments.slice(-2)) : random.pick(names);
  const { length } = storage.inode(name).cache;
  const least = isNearEnd ? Math.max(0, length - nearBytes) : 0;
  const offset = random.integer(least, Math.max(0, length - 1));
  storage.flip(name, 8 * offset + random.integer(0, 7));
  return `${name} has a bit turned over at ${offset} of ${length}`;
}

/** The last one that holds more than its header; those before it are durable as a whole. */
function newestWithBatches(storage: SimulatedStorage, segments: readonly string[]): number {
  return segments.findLastIndex(
    (name) => storage.inode(name).durable.length > SEGMENT_HEADER_BYTES,
  );
}

/** The file is gone, or as short as it once was, or cut off anywhere. */
function loseEnd(storage: SimulatedStorage, name: string, random: Random): string {
  const inode = storage.inode(name);
  const length = random.pick([0, ...inode.lengths, random.integer(0, inode.cache.length - 1)]);
  if (length === 0) storage.lose(name);
  else inode.shorten(length);
  return `${name} has only ${length} bytes`;
}

function isSame(whole: Found, found: Found): boolean {
  return whole.sums.length === found.sums.length && whole.sums.at(-1) === found.sums.at(-1);
}

/** After an unclean stop the last batch cannot be told from one that was torn. */
function isReported(whole: Found, found: Found): boolean {
  const count = found.sums.length;
  const isBeginning = count === 0 || found.sums[count - 1] === whole.sums[count - 1];
  const isLastBatch = found.report.batches >= whole.report.batches - 1;
  const isTold = found.report.bytesCut > 0 && found.report.cutFile !== undefined;
  return isBeginning && isLastBatch && isTold && !found.report.cleanStop;
}
