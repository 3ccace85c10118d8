/**
 * One file of the log: its name, its header, where its records lie, and a sparse index to read them
 * back. The file is made with its header and synced before it is used, so that a file longer than
 * its header always has a good one. All that depends on what came before stands in the first block,
 * since a file is made while the one before still fills. Header, big-endian:
 *
 *     offset bytes
 *          0     8  magic
 *          8     4  CRC-32 of the rest of the header
 *         12     2  format version
 *         16     4  segment number
 *         20     4  epoch
 *         24     4  salt: a random number that begins the CRC of each block, so that no
 *                   message body can pass for a block
 *         32     8  broker time of the newest batch when the file was made, in milliseconds
 *         40    24  zeros
 */
import { crc32 } from 'node:zlib';
import { readSafeInteger, writeSafeInteger } from './safe-integer.ts';
import type { StorageFile } from './storage.ts';

export const SEGMENT_HEADER_BYTES = 64;
const SEGMENT_MAGIC = Buffer.from('WONDERQ\n', 'latin1');
export const FORMAT_VERSION = 1;
export const SEGMENT_VERSION_OFFSET = 12;

const NAME = /^[0-9]{10}\.wq$/;

export interface SegmentHeader {
  version: number;
  number: number;
  epoch: number;
  salt: number;
  timeMs: number;
}

export function segmentName(number: number): string {
  return `${String(number).padStart(10, '0')}.wq`;
}

/** The number in a segment's name; 0 when it is no such name. */
export function segmentNumber(name: string): number {
  return NAME.test(name) ? Number.parseInt(name, 10) : 0;
}

export function encodeSegmentHeader(header: Omit<SegmentHeader, 'version'>): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(bytes);
  bytes.writeUInt16BE(FORMAT_VERSION, SEGMENT_VERSION_OFFSET);
  bytes.writeUInt32BE(header.number, 16);
  bytes.writeUInt32BE(header.epoch, 20);
  bytes.writeUInt32BE(header.salt, 24);
  writeSafeInteger(bytes, header.timeMs, 32);
  bytes.writeUInt32BE(crc32(bytes.subarray(12)), 8);
  return bytes;
}

/** Returns undefined when the bytes are no intact header of any version. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  if (!bytes.subarray(0, SEGMENT_MAGIC.length).equals(SEGMENT_MAGIC)) return undefined;
  if (crc32(bytes.subarray(12, SEGMENT_HEADER_BYTES)) !== bytes.readUInt32BE(8)) return undefined;
  return readUncheckedHeader(bytes);
}

/** Of bytes that may be damaged. */
export function readUncheckedHeader(bytes: Buffer): SegmentHeader {
  return {
    version: bytes.readUInt16BE(SEGMENT_VERSION_OFFSET),
    number: bytes.readUInt32BE(16),
    epoch: bytes.readUInt32BE(20),
    salt: bytes.readUInt32BE(24),
    timeMs: readSafeInteger(bytes, 32),
  };
}

export class Segment {
  readonly number: number;
  readonly epoch: number;
  readonly salt: number;

  /** Where it begins in the chain of blocks; known when it is taken into use. */
  firstAddress = 0;
  firstBatch = 0;
  previousCrc = 0;

  endAddress = 0;
  fileBytes = SEGMENT_HEADER_BYTES;
  liveBytes = 0;
  isSealed = false;
  /** A block of it no longer checks: the file is kept aside when the log no longer needs it. */
  isDamaged = false;

  /** Open while it is written, and again when it is read. */
  file: StorageFile | undefined;
  /** Reads in progress: the file stays open. */
  readers = 0;
  /** The last reader closes it. */
  isClosing = false;
  /** Told when the last reader has left. */
  unread: (() => void) | undefined;

  /** The sparse index: addresses of blocks, ascending, and where those blocks lie in the file. */
  readonly #addresses: number[] = [];
  readonly #offsets: number[] = [];
  readonly #indexBytes: number;

  constructor(header: Omit<SegmentHeader, 'version' | 'timeMs'>, indexBytes: number) {
    this.number = header.number;
    this.epoch = header.epoch;
    this.salt = header.salt;
    this.#indexBytes = indexBytes;
  }

  get name(): string {
    return segmentName(this.number);
  }

  get isEmpty(): boolean {
    return this.fileBytes === SEGMENT_HEADER_BYTES;
  }

  begin(address: number, batch: number, previousCrc: number): void {
    this.firstAddress = address;
    this.endAddress = address;
    this.firstBatch = batch;
    this.previousCrc = previousCrc;
  }

  /** Notes a block of the file; most of them need no entry of the index. */
  noteBlock(address: number, offset: number): void {
    const last = this.#offsets.length - 1;
    if (last >= 0 && offset - this.#offsets[last]! < this.#indexBytes) return;
    this.#addresses.push(address);
    this.#offsets.push(offset);
  }

  /** Notes a block among those that are noted already. */
  noteBetween(address: number, offset: number): void {
    const before = this.entryBefore(address);
    if (this.#addresses[before] === address) return;
    this.#addresses.splice(before + 1, 0, address);
    this.#offsets.splice(before + 1, 0, offset);
  }

  /** The last index entry at or before `address`. */
  entryBefore(address: number): number {
    let low = 0;
    let high = this.#addresses.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#addresses[middle]! <= address) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Address and offset of an entry; past the last one, the end of the segment. */
  entryAddress(entry: number): number {
    return this.#addresses[entry] ?? this.endAddress;
  }

  entryOffset(entry: number): number {
    return this.#offsets[entry] ?? this.fileBytes;
  }
}
