/**
 * Reads one segment from its beginning, checks every block and its place in the chain, and hands
 * each batch over once all of its blocks are good. It keeps apart what recovery must keep apart:
 * bytes that do not check (a torn tail, perhaps), and bytes that check and are wrong all the same
 * (damage).
 */
import { LogDamagedError } from '../errors.ts';
import { limits } from '../limits.ts';
import { BLOCK_HEADER_BYTES, BLOCK_MAGIC, BLOCK_VERSION, Block } from './block.ts';
import { SEGMENT_HEADER_BYTES, type Segment } from './segment.ts';
import type { StorageFile } from './storage.ts';

const READ_BYTES = 1024 * 1024;
const BLOCK_FILE_BYTES_MAX = BLOCK_HEADER_BYTES + limits.blockBytesMax;
/** Holds the longest batch with all its headers, and a read besides. */
const WINDOW_BYTES = 2 * limits.batchBytesMax + READ_BYTES;

/** How far the chain of blocks has come. */
export interface ChainEnd {
  /** Number of the last batch; 0 before the first. */
  batch: number;
  /** CRC-32 of the last block. */
  crc: number;
  /** One past the last record byte. */
  address: number;
  /** False until a block was read: then the first one says where the chain begins. */
  isKnown: boolean;
  timeMs: number;
  nextId: number;
}

/** `buffer` holds the record bytes of a batch from `start` to `end`; valid during the call. */
export type VisitBatch = (buffer: Buffer, start: number, end: number, address: number) => void;

/** Memory that one scan after the other may use, as long as the longest of their files needs. */
export class ScanWindow {
  #bytes = Buffer.alloc(0);

  for(file: StorageFile): Buffer {
    const needed = Math.min(file.length, WINDOW_BYTES);
    if (this.#bytes.length < needed) this.#bytes = Buffer.allocUnsafeSlow(needed);
    return this.#bytes;
  }
}

export class SegmentScan {
  readonly #segment: Segment;
  readonly #file: StorageFile;
  readonly #chain: ChainEnd;
  readonly #visit: VisitBatch;
  readonly #block = new Block();
  readonly #window: Buffer;
  /** Offset in the file of the window's first byte. */
  #windowOffset: number;
  #filled = 0;
  /** In the window: where the batch begins, and its next unchecked block. */
  #batchAt = 0;
  #blockAt = 0;
  /** CRC-32 of the block before `#blockAt`, and the address after it. */
  #crc = 0;
  #address = 0;

  /** `window` is that of the file; `offset` is that of a batch. */
  constructor(
    segment: Segment,
    file: StorageFile,
    chain: ChainEnd,
    window: Buffer,
    visit: VisitBatch,
    offset = SEGMENT_HEADER_BYTES,
  ) {
    this.#windowOffset = offset;
    this.#segment = segment;
    this.#file = file;
    this.#chain = chain;
    this.#window = window;
    this.#visit = visit;
  }

  /**
   * Returns the offset after the last valid batch: less than the file's length when bytes are left.
   */
  async run(): Promise<number> {
    this.#crc = this.#chain.crc;
    this.#address = this.#chain.address;
    for (;;) {
      if (!this.#consume()) break;
      if (!(await this.#fill())) break;
    }
    return this.#windowOffset + this.#batchAt;
  }

  /** Hands over all whole batches of the window. Returns false at bytes that do not check. */
  #consume(): boolean {
    const block = this.#block;
    for (;;) {
      const rest = this.#filled - this.#blockAt;
      if (rest < BLOCK_HEADER_BYTES) return true;
      if (!block.read(this.#window, this.#blockAt)) return false;
      if (block.length === 0 || block.length > limits.blockBytesMax) return false;
      if (rest < BLOCK_HEADER_BYTES + block.length) return true;
      if (!block.isIntact(this.#window, this.#blockAt, this.#segment.salt)) return false;
      this.#checkPlace(block);
      this.#blockAt += BLOCK_HEADER_BYTES + block.length;
      this.#crc = block.crc;
      this.#address = block.address + block.length;
      if (block.isLast) this.#handOver(block);
    }
  }

  /**
   * A block that checks and does not belong here was not torn: something is missing or was moved.
   */
  #checkPlace(block: Block): void {
    const chain = this.#chain;
    const isFirst = this.#blockAt === this.#batchAt;
    if (!chain.isKnown && isFirst) {
      chain.batch = block.batch - 1;
      this.#crc = block.previousCrc;
      this.#address = block.address;
    }
    if (block.version !== BLOCK_VERSION) this.#refuse(`unknown block version ${block.version}`);
    if (block.epoch !== this.#segment.epoch) this.#refuse('a block of another epoch');
    if (block.batch !== chain.batch + 1) {
      this.#refuse(`batch ${block.batch} where batch ${chain.batch + 1} is due`);
    }
    if (block.isFirst !== isFirst || block.address !== this.#address) {
      this.#refuse(`a block of address ${block.address} where ${this.#address} is due`);
    }
    if (block.previousCrc !== this.#crc) this.#refuse('it does not continue the block before it');
    if (isFirst && this.#segment.isEmpty) {
      this.#segment.begin(block.address, block.batch, block.previousCrc);
    }
  }

  #handOver(last: Block): void {
    const start = this.#batchAt + BLOCK_HEADER_BYTES;
    const address = this.#noteBlocks();
    const end = start + (this.#address - address);
    const chain = this.#chain;
    chain.isKnown = true;
    chain.batch = last.batch;
    chain.crc = last.crc;
    chain.address = this.#address;
    chain.timeMs = last.timeMs;
    chain.nextId = last.nextId;
    this.#batchAt = this.#blockAt;
    this.#segment.endAddress = this.#address;
    // Meanwhile the segment ends where this batch begins: there stands what is wrong with it.
    this.#visit(this.#window, start, end, address);
    this.#segment.fileBytes = this.#windowOffset + this.#batchAt;
  }

  /**
   * Puts the blocks of the batch into the index of the segment, and moves their payloads together.
   * Returns the address of the first. The last one was read just now; mostly it is the only one.
   */
  #noteBlocks(): number {
    const window = this.#window;
    const first = this.#batchAt;
    const block = this.#block;
    if (block.isFirst) {
      this.#segment.noteBlock(block.address, this.#windowOffset + first);
      return block.address;
    }
    let target = first + BLOCK_HEADER_BYTES;
    let address = -1;
    for (let at = first; at < this.#blockAt; ) {
      block.read(window, at);
      if (at === first) address = block.address;
      this.#segment.noteBlock(block.address, this.#windowOffset + at);
      const payload = at + BLOCK_HEADER_BYTES;
      if (payload !== target) window.copyWithin(target, payload, payload + block.length);
      target += block.length;
      at = payload + block.length;
    }
    return address;
  }

  /** Reads on. Returns false at the end of the file. */
  async #fill(): Promise<boolean> {
    if (this.#window.length - this.#filled < READ_BYTES) this.#moveDown();
    const room = this.#window.length - this.#filled;
    if (room === 0) return false;
    const target = this.#window.subarray(this.#filled, this.#filled + Math.min(READ_BYTES, room));
    const length = await this.#file.read(target, this.#windowOffset + this.#filled);
    this.#filled += length;
    return length > 0;
  }

  #moveDown(): void {
    this.#window.copyWithin(0, this.#batchAt, this.#filled);
    this.#windowOffset += this.#batchAt;
    this.#filled -= this.#batchAt;
    this.#blockAt -= this.#batchAt;
    this.#batchAt = 0;
  }

  #refuse(what: string): never {
    throw new LogDamagedError(this.#segment.name, this.#windowOffset + this.#blockAt, what);
  }
}

/**
 * Looks after damage at `offset` for a valid block of a batch later than the one that is due there.
 * As a batch is only begun when the one before it is durable, such a block proves that what is
 * damaged was not torn by a crash. Returns its offset, or -1.
 */
export async function findLaterBlock(
  file: StorageFile,
  segment: Segment,
  offset: number,
  dueBatch: number,
): Promise<number> {
  const block = new Block();
  const rest = Math.max(0, file.length - offset);
  const window = Buffer.allocUnsafe(Math.min(rest + 1, 2 * BLOCK_FILE_BYTES_MAX));
  for (let at = offset; ; at += BLOCK_FILE_BYTES_MAX) {
    const length = await file.read(window, at);
    const view = window.subarray(0, length);
    for (let hit = view.indexOf(BLOCK_MAGIC); hit >= 0; hit = view.indexOf(BLOCK_MAGIC, hit + 1)) {
      if (hit + BLOCK_HEADER_BYTES > length) break;
      if (!block.read(view, hit) || block.batch <= dueBatch) continue;
      if (hit + BLOCK_HEADER_BYTES + block.length > length) continue;
      if (block.isIntact(view, hit, segment.salt)) return at + hit;
    }
    if (length < window.length) return -1;
  }
}
