/** Ways to look into the files of a log and to break them, without the code under test. */
import { crc32 } from 'node:zlib';

export type Files = Map<string, Buffer>;

export interface FoundBlock {
  offset: number;
  /** One past its last byte. */
  end: number;
  batch: number;
  isFirst: boolean;
  isLast: boolean;
}

const SEGMENT_HEADER_BYTES = 64;
const BLOCK_HEADER_BYTES = 56;

export function segmentNames(files: Files): string[] {
  return [...files.keys()].filter((name) => /^\d{10}\.wq$/.test(name)).sort();
}

/** The last segment that holds a batch. */
export function tailName(files: Files): string {
  return segmentNames(files).findLast((name) => files.get(name)!.length > SEGMENT_HEADER_BYTES)!;
}

export function blocks(bytes: Buffer): FoundBlock[] {
  const found: FoundBlock[] = [];
  for (let offset = SEGMENT_HEADER_BYTES; offset < bytes.length; ) {
    const end = offset + BLOCK_HEADER_BYTES + bytes.readUInt32BE(offset + 12);
    const flags = bytes[offset + 9]!;
    found.push({
      offset,
      end,
      batch: Number(bytes.readBigUInt64BE(offset + 16)),
      isFirst: (flags & 1) !== 0,
      isLast: (flags & 2) !== 0,
    });
    offset = end;
  }
  return found;
}

/** Where the last batch begins. */
export function lastBatchOffset(bytes: Buffer): number {
  return blocks(bytes).findLast((block) => block.isFirst)!.offset;
}

export function flip(bytes: Buffer, offset: number, mask = 0x10): Buffer {
  const result = Buffer.from(bytes);
  result[offset]! ^= mask;
  return result;
}

export function zeroed(bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.from(bytes).fill(0, from, to);
}

export function without(bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
}

/** Makes the header of a segment check again after a change. */
export function resealHeader(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32(bytes.subarray(12, SEGMENT_HEADER_BYTES)), 8);
  return bytes;
}

/** Makes the block at `offset` check again after a change. */
export function resealBlock(bytes: Buffer, offset: number): Buffer {
  const salt = bytes.readUInt32BE(24);
  const end = offset + BLOCK_HEADER_BYTES + bytes.readUInt32BE(offset + 12);
  bytes.writeUInt32BE(crc32(bytes.subarray(offset + 8, end), salt), offset + 4);
  return bytes;
}

/**
 * Makes the block at `offset` of a file check again after a change, and all later ones of the log
 * continue it.
 */
export function resealFrom(files: Files, name: string, offset: number): void {
  let previousCrc: number | undefined;
  for (const file of segmentNames(files).filter((other) => other >= name)) {
    const bytes = files.get(file)!;
    for (const block of blocks(bytes)) {
      if (file === name && block.offset < offset) continue;
      if (previousCrc !== undefined) bytes.writeUInt32BE(previousCrc, block.offset + 32);
      previousCrc = resealBlock(bytes, block.offset).readUInt32BE(block.offset + 4);
    }
  }
}
