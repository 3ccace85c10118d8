/**
 * What still checks of a damaged log: every whole batch whose blocks are good and whose records can
 * be read, wherever it lies, and every byte of which that does not hold. It changes nothing and
 * judges nothing; what is lost between the batches is told by `losses.ts`. A format that is not
 * known here is refused all the same.
 */
import {
  LogDamagedError,
  MalformedRecordError,
  UnknownFormatError,
  UnknownRecordError,
} from '../errors.ts';
import { Block } from './block.ts';
import { CHECKPOINT_NAME, type Checkpoint, readCheckpoint } from './checkpoint.ts';
import type { VisitRecord } from './log.ts';
import { decodeOldest, KIND_OWNER_MIN, type SegmentStart, visitRecords } from './record.ts';
import { type ChainEnd, findLaterBlock, ScanWindow, SegmentScan, type VisitBatch } from './scan.ts';
import {
  decodeSegmentHeader,
  FORMAT_VERSION,
  readUncheckedHeader,
  SEGMENT_HEADER_BYTES,
  SEGMENT_VERSION_OFFSET,
  Segment,
  type SegmentHeader,
  segmentName,
  segmentNumber,
} from './segment.ts';
import { defaultSizes } from './sizes.ts';
import type { Storage, StorageFile } from './storage.ts';

/** Batches that follow each other in one file. */
export interface Run {
  readonly file: string;
  readonly offset: number;
  readonly header: SegmentHeader;
  readonly firstBatch: number;
  readonly firstAddress: number;
  readonly previousCrc: number;
  /** Of the first batch. */
  readonly firstTimeMs: number;
  readonly firstNextId: number;
  /** Where it ends. */
  readonly chain: ChainEnd;
}

/** Bytes of which nothing is kept. */
export interface DamagedBytes {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly what: string;
}

/** Where in the log: before all that is there, between, or after it. */
export type Where = 'beginning' | 'middle' | 'end';

/**
 * Segments that follow each other and are there under no name. Those at the beginning compaction
 * may have dropped: the record that says so may be among what is damaged.
 */
export interface MissingSegments {
  readonly first: string;
  readonly last: string;
  readonly where: Where;
}

export interface Salvaged {
  readonly runs: readonly Run[];
  readonly damaged: readonly DamagedBytes[];
  readonly missing: readonly MissingSegments[];
  readonly checkpoint: Checkpoint | undefined;
  /** Why there is none. */
  readonly checkpointLost: string | undefined;
  /** The last `oldest` record that still checks: what is before it is not needed. */
  readonly oldest: SegmentStart | undefined;
}

export type VisitSalvaged = (chain: Readonly<ChainEnd>, ...batch: Parameters<VisitBatch>) => void;

interface FoundHeader {
  readonly header: SegmentHeader | undefined;
  readonly isIntact: boolean;
}

const none: FoundHeader = { header: undefined, isIntact: false };

interface Scanned {
  readonly segment: Segment;
  readonly chain: ChainEnd;
  /** Where the last whole batch ends, and where to look for the next block. */
  readonly end: number;
  readonly searchFrom: number;
  readonly what: string;
}

export class Salvage {
  readonly #storage: Storage;
  readonly #check: VisitRecord;
  readonly #window = new ScanWindow();
  readonly #runs: Run[] = [];
  readonly #damaged: DamagedBytes[] = [];
  /** Numbers of the segments that are there. */
  readonly #numbers = new Set<number>();
  #oldest: (SegmentStart & { foundIn: number }) | undefined;

  /** `check` looks at every record; it throws for one that its owner cannot read or not know. */
  constructor(storage: Storage, check: VisitRecord) {
    this.#storage = storage;
    this.#check = check;
  }

  /** Looks at every file that is a segment, by its name or by its header. */
  async survey(): Promise<Salvaged> {
    const found = await this.#checkpoint();
    const lastUsed = found.checkpoint?.segment ?? 0;
    for (const name of (await this.#storage.list()).sort()) await this.#surveyFile(name, lastUsed);
    this.#runs.sort(byBatch);
    const missing = this.#missing(lastUsed);
    const [runs, damaged, oldest] = [this.#runs, this.#damaged, this.#oldest];
    return { ...found, runs, damaged, missing, oldest };
  }

  /** Visits the batches of a run again. `ready` is waited for before each read of the file. */
  async visit(run: Run, visit: VisitSalvaged, ready: () => Promise<void>): Promise<void> {
    const file = await this.#storage.open(run.file, 'read');
    const paced = {
      length: file.length,
      read: async (target: Uint8Array, offset: number) => {
        await ready();
        return await file.read(target, offset);
      },
    };
    // What could not be read ended the run, and does not end the scan, which checks no record.
    const visitRun: VisitSalvaged = (chain, ...batch) => {
      if (chain.batch <= run.chain.batch) visit(chain, ...batch);
    };
    try {
      await this.#scan(run.header, paced as StorageFile, run.offset, visitRun);
    } finally {
      await file.close();
    }
  }

  async #surveyFile(name: string, lastUsed: number): Promise<void> {
    const file = await this.#storage.open(name, 'read');
    try {
      const { header, isIntact } = await headerOf(file, name);
      if (header !== undefined && !isIntact) {
        const what = 'its header; blocks in it check all the same';
        this.#damaged.push({ file: name, offset: 0, bytes: SEGMENT_HEADER_BYTES, what });
      }
      const number = header?.number ?? segmentNumber(name);
      if (number > 0) this.#numbers.add(number);
      if (header !== undefined) await this.#surveyBlocks(name, file, header);
      else if (wasUsed(number, file.length, lastUsed)) {
        const what = 'its header is damaged, without which nothing in it checks';
        this.#damaged.push({ file: name, offset: 0, bytes: file.length, what });
      }
    } finally {
      await file.close();
    }
  }

  async #surveyBlocks(name: string, file: StorageFile, header: SegmentHeader): Promise<void> {
    for (let at = SEGMENT_HEADER_BYTES; at < file.length; ) {
      const run = await this.#surveyRun(name, file, header, at);
      if (run.end === file.length) return;
      const from = Math.max(run.searchFrom, at + 1);
      const found = await findLaterBlock(file, run.segment, from, 0);
      const next = found < 0 ? file.length : found;
      this.#noteDamage({ file: name, offset: run.end, bytes: next - run.end, what: run.what });
      at = next;
    }
  }

  async #surveyRun(name: string, file: StorageFile, header: SegmentHeader, offset: number) {
    let first: { timeMs: number; nextId: number } | undefined;
    const scanned = await this.#scan(header, file, offset, (chain, ...batch) => {
      this.#surveyRecords(chain, batch);
      first ??= { timeMs: chain.timeMs, nextId: chain.nextId };
    });
    if (first === undefined) return scanned;
    const { firstBatch, firstAddress, previousCrc } = scanned.segment;
    const begin = { firstBatch, firstAddress, previousCrc };
    const stamp = { firstTimeMs: first.timeMs, firstNextId: first.nextId };
    this.#runs.push({ file: name, offset, header, ...begin, ...stamp, chain: scanned.chain });
    return scanned;
  }

  /** A run ends at bytes that do not check, do not follow, or cannot be read. */
  async #scan(
    header: SegmentHeader,
    file: StorageFile,
    offset: number,
    visit: VisitSalvaged,
  ): Promise<Scanned> {
    const segment = new Segment(header, defaultSizes.indexBytes);
    const chain = { batch: 0, crc: 0, address: 0, isKnown: false, timeMs: 0, nextId: 0 };
    let whole: ChainEnd = chain;
    const visitBatch: VisitBatch = (...batch) => {
      visit(chain, ...batch);
      whole = { ...chain };
    };
    const scan = new SegmentScan(segment, file, chain, this.#window.for(file), visitBatch, offset);
    const wholeUpTo = () => (segment.isEmpty ? offset : segment.fileBytes);
    try {
      const end = await scan.run();
      return { segment, chain: whole, end, searchFrom: end, what: 'it does not check' };
    } catch (error) {
      if (error instanceof UnknownRecordError) {
        throw new LogDamagedError(segment.name, wholeUpTo(), error.message);
      }
      if (error instanceof MalformedRecordError) {
        const [end, what] = [wholeUpTo(), error.message];
        return { segment, chain: whole, end, searchFrom: end + 1, what };
      }
      if (!(error instanceof LogDamagedError)) throw error;
      const { offset: searchFrom, what } = error;
      return { segment, chain: whole, end: wholeUpTo(), searchFrom, what };
    }
  }

  #surveyRecords(chain: ChainEnd, batch: Parameters<VisitBatch>): void {
    let oldest = this.#oldest;
    visitRecords(...batch, (kind, version, buffer, start, end, position) => {
      if (kind >= KIND_OWNER_MIN) {
        this.#check(kind, version, buffer, start, end, position);
        return;
      }
      const found = decodeOldest(kind, version, buffer, start, end);
      if (chain.batch >= (oldest?.foundIn ?? 0)) oldest = { ...found, foundIn: chain.batch };
    });
    // Only now: of a batch of which a record cannot be read nothing is kept.
    this.#oldest = oldest;
  }

  #missing(lastNumber: number): MissingSegments[] {
    const from = this.#oldest?.number ?? 1;
    const end = Math.max(lastNumber, ...this.#numbers) + 1;
    const there = [...this.#numbers].filter((number) => number >= from).sort((a, b) => a - b);
    const missing: MissingSegments[] = [];
    let next = from;
    for (const number of [...there, end]) {
      const where = next === from ? 'beginning' : number === end ? 'end' : 'middle';
      const [first, last] = [segmentName(next), segmentName(number - 1)];
      if (number > next) missing.push({ first, last, where });
      next = number + 1;
    }
    return missing;
  }

  #noteDamage(damage: DamagedBytes): void {
    if (damage.bytes === 0) return;
    const last = this.#damaged.at(-1);
    const isNext = last?.file === damage.file && last.offset + last.bytes === damage.offset;
    if (!isNext) this.#damaged.push(damage);
    else this.#damaged[this.#damaged.length - 1] = { ...last, bytes: last.bytes + damage.bytes };
  }

  async #checkpoint(): Promise<Pick<Salvaged, 'checkpoint' | 'checkpointLost'>> {
    const names = await this.#storage.list();
    if (!names.includes(CHECKPOINT_NAME)) {
      return { checkpoint: undefined, checkpointLost: 'the file is missing' };
    }
    try {
      return { checkpoint: await readCheckpoint(this.#storage), checkpointLost: undefined };
    } catch (error) {
      const isDamage = error instanceof LogDamagedError && !(error instanceof UnknownFormatError);
      if (!isDamage) throw error;
      return { checkpoint: undefined, checkpointLost: error.what };
    }
  }
}

/**
 * Whether a file without a header may have held batches, of which the checkpoint may know none yet:
 * one that was just being made never did.
 */
function wasUsed(number: number, length: number, lastUsed: number): boolean {
  return number > 0 && (number <= lastUsed || length > SEGMENT_HEADER_BYTES);
}

/** The same batches twice: those under the name of a segment come first. */
function byBatch(a: Run, b: Run): number {
  if (a.firstBatch !== b.firstBatch) return a.firstBatch - b.firstBatch;
  return Math.sign(segmentNumber(b.file)) - Math.sign(segmentNumber(a.file));
}

/**
 * Of a damaged header the salt may be whole: then a block checks with it, and says the epoch.
 */
async function headerOf(file: StorageFile, name: string): Promise<FoundHeader> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const length = await file.read(bytes, 0);
  const header = decodeSegmentHeader(bytes.subarray(0, length));
  if (header !== undefined) {
    if (header.version === FORMAT_VERSION) return { header, isIntact: true };
    throw new UnknownFormatError(name, SEGMENT_VERSION_OFFSET, header.version);
  }
  if (segmentNumber(name) === 0 || length < SEGMENT_HEADER_BYTES) return none;
  const unchecked = { ...readUncheckedHeader(bytes), number: segmentNumber(name) };
  const segment = new Segment(unchecked, defaultSizes.indexBytes);
  const offset = await findLaterBlock(file, segment, SEGMENT_HEADER_BYTES, 0);
  if (offset < 0) return none;
  const block = new Block();
  await file.read(bytes, offset);
  block.read(bytes, 0);
  return { header: { ...unchecked, epoch: block.epoch }, isIntact: false };
}
