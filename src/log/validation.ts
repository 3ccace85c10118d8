/**
 * Reads a whole directory in order, shows every record of every valid batch, and says what it
 * found. It changes nothing. A torn tail is a finding; every other damage is thrown: what follows
 * would otherwise be lost without a word.
 */
import {
  LogDamagedError,
  MalformedRecordError,
  UnknownFormatError,
  UnknownRecordError,
} from '../errors.ts';
import { CHECKPOINT_NAME, type Checkpoint, readCheckpoint } from './checkpoint.ts';
import type { VisitRecord } from './log.ts';
import { decodeOldest, KIND_OWNER_MIN, type SegmentStart, visitRecords } from './record.ts';
import { type ChainEnd, findLaterBlock, ScanWindow, SegmentScan, type VisitBatch } from './scan.ts';
import {
  decodeSegmentHeader,
  FORMAT_VERSION,
  SEGMENT_HEADER_BYTES,
  SEGMENT_VERSION_OFFSET,
  Segment,
  type SegmentHeader,
  segmentName,
  segmentNumber,
} from './segment.ts';
import type { Segments } from './segments.ts';
import type { Sizes } from './sizes.ts';
import type { Storage, StorageFile } from './storage.ts';

export interface TornTail {
  file: string;
  offset: number;
  bytes: number;
}

export interface Findings {
  checkpoint: Checkpoint | undefined;
  /** Where the log ends. */
  chain: ChainEnd;
  /** Number and epoch of the newest file, 0 without one. */
  lastNumber: number;
  lastEpoch: number;
  /** That of the last start. */
  readonly epoch: number;
  torn: TornTail | undefined;
  /**
   * Files at the end that hold no batch, oldest first: prepared, or cut off in their first batch.
   */
  unused: string[];
  /** The last `oldest` record. */
  oldest: SegmentStart | undefined;
  batches: number;
  records: number;
  bytesRead: number;
}

export class Validation {
  readonly #storage: Storage;
  readonly #segments: Segments;
  readonly #sizes: Sizes;
  readonly #visit: VisitRecord;
  readonly #window = new ScanWindow();
  readonly #findings: Findings = {
    checkpoint: undefined,
    chain: { batch: 0, crc: 0, address: 0, isKnown: true, timeMs: 0, nextId: 0 },
    lastNumber: 0,
    lastEpoch: 0,
    get epoch() {
      return Math.max(this.lastEpoch, this.checkpoint?.epoch ?? 0);
    },
    torn: undefined,
    unused: [],
    oldest: undefined,
    batches: 0,
    records: 0,
    bytesRead: 0,
  };

  /** The segments found go into `segments`, which is empty. */
  constructor(storage: Storage, segments: Segments, sizes: Sizes, visit: VisitRecord) {
    this.#storage = storage;
    this.#segments = segments;
    this.#sizes = sizes;
    this.#visit = visit;
  }

  /** How far it has come: during a visit, the batch of the record. */
  get chain(): Readonly<ChainEnd> {
    return this.#findings.chain;
  }

  async run(): Promise<Findings> {
    const findings = this.#findings;
    const names = await this.#storage.list();
    const numbers = names.map(segmentNumber).filter((number) => number > 0);
    numbers.sort((a, b) => a - b);
    if (names.includes(CHECKPOINT_NAME)) findings.checkpoint = await readCheckpoint(this.#storage);
    else if (numbers.length > 0) refuse(CHECKPOINT_NAME, 0, 'the file is missing');
    this.#checkNumbers(numbers);
    await this.#checkStrays(names);
    for (const number of numbers) await this.#readSegment(number, number === numbers.at(-1));
    this.#checkBeginning(numbers[0] ?? 1);
    this.#checkEnd();
    return findings;
  }

  #checkNumbers(numbers: readonly number[]): void {
    const first = numbers[0] ?? 1;
    this.#findings.chain.isKnown = first === 1;
    for (const [index, number] of numbers.entries()) {
      if (number !== first + index) refuse(segmentName(first + index), 0, 'the file is missing');
    }
    this.#findings.lastNumber = numbers.at(-1) ?? 0;
  }

  /** A segment under a name of another kind would be a hole in the log. */
  async #checkStrays(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (segmentNumber(name) > 0) continue;
      const file = await this.#storage.open(name, 'read');
      const header = await readHeader(file);
      await file.close();
      if (header !== undefined && !names.includes(segmentName(header.number))) {
        refuse(name, 0, `this is the segment ${segmentName(header.number)} under another name`);
      }
    }
  }

  async #readSegment(number: number, isLast: boolean): Promise<void> {
    const file = await this.#storage.open(segmentName(number), 'read');
    try {
      const header = await readHeader(file);
      if (header !== undefined) await this.#readBlocks(header, number, file);
      else this.#noteHeaderless(number, file.length, isLast);
    } finally {
      await file.close();
    }
  }

  /** The header is durable before the file is used: only one just being made may be without. */
  #noteHeaderless(number: number, length: number, isLast: boolean): void {
    const name = segmentName(number);
    const wasUsed = number <= (this.#findings.checkpoint?.segment ?? 0);
    if (wasUsed || !isLast || length > SEGMENT_HEADER_BYTES) {
      refuse(name, 0, 'its header is damaged');
    }
    this.#findings.unused.push(name);
  }

  async #readBlocks(header: SegmentHeader, number: number, file: StorageFile): Promise<void> {
    const findings = this.#findings;
    const segment = this.#checkHeader(header, number);
    if (file.length === SEGMENT_HEADER_BYTES) {
      findings.unused.push(segment.name);
      return;
    }
    if (findings.torn !== undefined) {
      refuse(findings.torn.file, findings.torn.offset, 'damaged, and later segments hold records');
    }
    if (findings.unused.length > 0) refuse(findings.unused[0]!, 0, 'the segment lost its records');
    this.#segments.push(segment);
    const scan = new SegmentScan(
      segment,
      file,
      findings.chain,
      this.#window.for(file),
      (...records) => this.#visitBatch(segment, ...records),
    );
    const end = await scan.run();
    findings.bytesRead += file.length;
    if (end < file.length) await this.#judgeDamage(segment, file, end);
    if (segment.isEmpty) {
      this.#segments.pop();
      findings.unused.push(segment.name);
    }
  }

  #checkHeader(header: SegmentHeader, number: number): Segment {
    const name = segmentName(number);
    if (header.version !== FORMAT_VERSION) {
      throw new UnknownFormatError(name, SEGMENT_VERSION_OFFSET, header.version);
    }
    if (header.number !== number) refuse(name, 16, `it is segment ${header.number} by its header`);
    if (header.epoch < this.#findings.lastEpoch) refuse(name, 20, 'its epoch goes back');
    this.#findings.lastEpoch = header.epoch;
    return new Segment(header, this.#sizes.indexBytes);
  }

  /** Bytes that do not check: torn by a crash only if no proof speaks against it. */
  async #judgeDamage(segment: Segment, file: StorageFile, offset: number): Promise<void> {
    const findings = this.#findings;
    const bytes = file.length - offset;
    const due = findings.chain.batch + 1;
    const what = `batch ${due} is damaged`;
    if (findings.checkpoint?.isClean) refuse(segment.name, offset, `${what}, after a clean stop`);
    const later = await findLaterBlock(file, segment, offset, due);
    if (later >= 0) refuse(segment.name, offset, `${what}, and a valid later one is at ${later}`);
    if (bytes > 2 * this.#sizes.batchBytesMax) {
      refuse(segment.name, offset, `${what}, and ${bytes} bytes follow: more than one batch`);
    }
    findings.torn = { file: segment.name, offset, bytes };
  }

  #visitBatch(segment: Segment, ...records: Parameters<VisitBatch>): void {
    this.#findings.batches += 1;
    try {
      visitRecords(...records, this.#visitRecord);
    } catch (error) {
      const isOfRecord =
        error instanceof UnknownRecordError || error instanceof MalformedRecordError;
      if (!isOfRecord) throw error;
      refuse(segment.name, segment.fileBytes, error.message);
    }
  }

  readonly #visitRecord: VisitRecord = (kind, version, buffer, start, end, position) => {
    if (kind < KIND_OWNER_MIN) {
      this.#findings.oldest = decodeOldest(kind, version, buffer, start, end);
      return;
    }
    this.#findings.records += 1;
    this.#visit(kind, version, buffer, start, end, position);
  };

  /**
   * Files may be missing before the segment that the last `oldest` record names, and only there.
   */
  #checkBeginning(first: number): void {
    const oldest = this.#findings.oldest;
    if (first > (oldest?.number ?? 1)) {
      refuse(segmentName(first - 1), 0, 'the file is missing');
    }
    if (oldest === undefined) return;
    const segment = this.#segments.all.find((candidate) => candidate.number === oldest.number);
    if (segment === undefined) refuse(segmentName(oldest.number), 0, 'the file is missing');
    const isSame =
      segment.firstAddress === oldest.address &&
      segment.firstBatch === oldest.batch &&
      segment.previousCrc === oldest.previousCrc;
    if (!isSame) refuse(segment.name, SEGMENT_HEADER_BYTES, 'it lost its beginning');
  }

  #checkEnd(): void {
    const { checkpoint, chain } = this.#findings;
    if (checkpoint === undefined) return;
    if (this.#findings.lastNumber < checkpoint.segment) {
      refuse(segmentName(checkpoint.segment), 0, 'the file is missing');
    }
    const name = this.#segments.newest?.name ?? segmentName(checkpoint.segment);
    const offset = this.#segments.newest?.fileBytes ?? 0;
    if (chain.address < checkpoint.position || chain.batch < checkpoint.batch) {
      const end = `batch ${chain.batch}, address ${chain.address}`;
      const due = `batch ${checkpoint.batch}, address ${checkpoint.position}`;
      refuse(name, offset, `the log ends at ${end}; it was durable up to ${due}`);
    }
    if (checkpoint.isClean && chain.batch !== checkpoint.batch) {
      refuse(name, offset, `the log goes on after the clean stop at batch ${checkpoint.batch}`);
    }
  }
}

async function readHeader(file: StorageFile): Promise<SegmentHeader | undefined> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const length = await file.read(bytes, 0);
  return decodeSegmentHeader(bytes.subarray(0, length));
}

function refuse(file: string, offset: number, what: string): never {
  throw new LogDamagedError(file, offset, what);
}
