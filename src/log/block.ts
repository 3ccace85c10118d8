/**
 * A block: the unit of checking and of reading back, a header and at most 256 KiB of record bytes.
 * A batch is a run of blocks; it is valid when all of them are. All numbers are big-endian:
 *
 *     offset bytes
 *          0     4  magic
 *          4     4  CRC-32 of all that follows, header and payload, begun with the segment's salt
 *          8     1  version
 *          9     1  flags: 1 the first of its batch, 2 the last
 *         10     2  index in the batch, from 0
 *         12     4  bytes of payload, at least 1
 *         16     8  batch number, from 1
 *         24     8  address of the first payload byte
 *         32     4  CRC-32 of the block before, over batches and segments; 0 before the first
 *         36     4  epoch
 *         40     8  broker time in milliseconds
 *         48     8  next message ID
 *
 * A file of zeros never validates: the magic is not zero.
 */
import { crc32 } from 'node:zlib';
import { readSafeInteger, writeSafeInteger } from './safe-integer.ts';

export const BLOCK_HEADER_BYTES = 56;
export const BLOCK_MAGIC = Buffer.from('WQB\x01', 'latin1');
export const BLOCK_VERSION = 1;

const MAGIC = BLOCK_MAGIC.readUInt32BE(0);
const FLAG_FIRST = 1;
const FLAG_LAST = 2;
const CHECKED_FROM = 8;

/**
 * The fields of one header; `read` and the writer overwrite them, so that no block costs an object.
 */
export class Block {
  crc = 0;
  version = BLOCK_VERSION;
  isFirst = false;
  isLast = false;
  index = 0;
  length = 0;
  batch = 0;
  address = 0;
  previousCrc = 0;
  epoch = 0;
  timeMs = 0;
  nextId = 0;

  /** Reads the header at `offset`, unchecked. Returns false when there is none. */
  read(buffer: Buffer, offset: number): boolean {
    if (buffer.readUInt32BE(offset) !== MAGIC) return false;
    const flags = buffer[offset + 9]!;
    this.crc = buffer.readUInt32BE(offset + 4);
    this.version = buffer[offset + 8]!;
    this.isFirst = (flags & FLAG_FIRST) !== 0;
    this.isLast = (flags & FLAG_LAST) !== 0;
    this.index = buffer.readUInt16BE(offset + 10);
    this.length = buffer.readUInt32BE(offset + 12);
    this.batch = readSafeInteger(buffer, offset + 16);
    this.address = readSafeInteger(buffer, offset + 24);
    this.previousCrc = buffer.readUInt32BE(offset + 32);
    this.epoch = buffer.readUInt32BE(offset + 36);
    this.timeMs = readSafeInteger(buffer, offset + 40);
    this.nextId = readSafeInteger(buffer, offset + 48);
    return true;
  }

  /** Whether the block that was read at `offset`, payload included, is what was written there. */
  isIntact(buffer: Buffer, offset: number, salt: number): boolean {
    const end = offset + BLOCK_HEADER_BYTES + this.length;
    return crc32(buffer.subarray(offset + CHECKED_FROM, end), salt) === this.crc;
  }

  /** Writes the header for `payload` to `header`, and keeps the CRC. */
  write(header: Buffer, payload: Buffer, salt: number): void {
    header.writeUInt32BE(MAGIC, 0);
    header[8] = BLOCK_VERSION;
    header[9] = (this.isFirst ? FLAG_FIRST : 0) | (this.isLast ? FLAG_LAST : 0);
    header.writeUInt16BE(this.index, 10);
    header.writeUInt32BE(payload.length, 12);
    writeSafeInteger(header, this.batch, 16);
    writeSafeInteger(header, this.address, 24);
    header.writeUInt32BE(this.previousCrc, 32);
    header.writeUInt32BE(this.epoch, 36);
    writeSafeInteger(header, this.timeMs, 40);
    writeSafeInteger(header, this.nextId, 48);
    this.length = payload.length;
    this.crc = crc32(payload, crc32(header.subarray(CHECKED_FROM, BLOCK_HEADER_BYTES), salt));
    header.writeUInt32BE(this.crc, 4);
  }
}
