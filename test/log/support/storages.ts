/** Storage for tests, small sizes, and the steps that most tests of the log share. */
import type { BlockDamagedError } from '../../../src/errors.ts';
import { FileLog, type FileLogOptions } from '../../../src/log/file-log.ts';
import type { Log, LogListener, OpenReport } from '../../../src/log/log.ts';
import type { Storage } from '../../../src/log/storage.ts';
import { SimulatedStorage } from '../../simulation/storage.ts';
import { eventually } from '../../support/eventually.ts';
import { seededRandom } from '../../support/random.ts';

export const KIND = 16;

/** So small that a few records fill blocks, chunks, batches and segments. */
export const tinySizes = {
  segmentBytes: 2048,
  batchBytesMax: 512,
  recordBytesMax: 300,
  blockBytesMax: 128,
  chunkBytes: 512,
  tailCacheBytes: 1024,
  readCacheBytes: 1024,
  indexBytes: 200,
  fetchBytes: 256,
  fetchAheadBytes: 512,
} as const;

export const smallOptions: FileLogOptions = { ...tinySizes, reserve: false };

/** A source of numbers from 0 to below 1. */
export function seeded(seed: number): () => number {
  const random = seededRandom(seed);
  return () => random.fraction();
}

/** Each operation takes effect soon, in the order asked. */
export function promptStorage(seed = 1, strictDirectory = false): SimulatedStorage {
  const schedule = (run: () => void): void => {
    setImmediate(run);
  };
  return new SimulatedStorage({ random: seeded(seed), schedule, strictDirectory });
}

/** As above, until `steps` of them have taken effect: then none does any more. */
export function limitedStorage(seed: number): { storage: SimulatedStorage; limit: StepLimit } {
  const limit = { steps: Number.MAX_SAFE_INTEGER };
  const schedule = (run: () => void): void => {
    setImmediate(() => {
      if (limit.steps > 0) run();
      limit.steps -= 1;
    });
  };
  const storage = new SimulatedStorage({ random: seeded(seed), schedule, strictDirectory: true });
  return { storage, limit };
}

export interface StepLimit {
  steps: number;
}

export interface Listening extends LogListener {
  endings: { how: 'fenced' | 'failed'; error: Error }[];
  spaceChanges: number;
  progresses: number;
  damages: BlockDamagedError[];
}

export function listening(): Listening {
  return {
    endings: [],
    spaceChanges: 0,
    progresses: 0,
    damages: [],
    progressed() {
      this.progresses += 1;
    },
    spaceChanged() {
      this.spaceChanges += 1;
    },
    damaged(error) {
      this.damages.push(error);
    },
    ended(how, error) {
      this.endings.push({ how, error });
    },
  };
}

export interface Opened {
  log: FileLog;
  report: OpenReport;
  /** The bodies of all records, in order. */
  bodies: string[];
  positions: number[];
  listener: Listening;
}

export async function openLog(
  storage: Storage,
  options: FileLogOptions = smallOptions,
): Promise<Opened> {
  let salt = 1;
  const log = new FileLog(storage, { salt: () => salt++, ...options });
  const bodies: string[] = [];
  const positions: number[] = [];
  const report = await log.open((_kind, _version, buffer, start, end, position) => {
    bodies.push(buffer.toString('latin1', start, end));
    positions.push(position);
  });
  const listener = listening();
  log.listen(listener);
  return { log, report, bodies, positions, listener };
}

/** Writes one record; returns the position of its body. */
export function put(log: Log, body: string, kind = KIND): number {
  const offset = log.begin(kind, 1, body.length);
  const position = log.beginPosition;
  log.buffer.write(body, offset, 'latin1');
  log.end(offset + body.length);
  return position;
}

let timeMs = 1000;

/** Writes the records under one mark and begins to make them durable. */
export function append(log: Log, ...bodies: string[]): number[] {
  const positions = bodies.map((body) => put(log, body));
  timeMs += 1;
  log.mark({ timeMs, nextId: timeMs * 2 });
  log.commit();
  return positions;
}

/** On return all that was marked is durable, or the log has ended. Asks as a broker's turns do. */
export async function durable(log: Log, listener?: Listening): Promise<void> {
  await until(() => {
    if (log.stalled) log.commit();
    return log.synced === log.appended || (listener?.endings.length ?? 0) > 0;
  });
}

/** A simulated disk needs turns of the event loop, a real one time. */
export async function until(condition: () => boolean): Promise<void> {
  await eventually(String(condition), condition, { deadlineMs: 20_000, intervalMs: 0 });
}

export function read(log: Log, position: number, length: number): string | undefined {
  const range = log.cached(position, length);
  const from = range === undefined ? 0 : position - range.address;
  return range?.buffer.toString('latin1', from, from + length);
}
