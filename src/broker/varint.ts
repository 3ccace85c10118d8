/**
 * Integers from 0 to 2^53 - 1 in 1 to 8 bytes: seven bits a byte, lowest first, the top bit says
 * that more follow. The numbers in the records of the log, where most are small.
 */
import { MalformedRecordError } from '../errors.ts';

const TWO_7 = 128;

/** The longest form. */
export const varintBytesMax = 8;

/** Writes `value` at `offset` and returns the offset behind it. */
export function writeVarint(buffer: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 2 ** 31) {
    buffer[at] = (rest % TWO_7) | TWO_7;
    at += 1;
    rest = Math.floor(rest / TWO_7);
  }
  while (rest >= TWO_7) {
    buffer[at] = (rest & 127) | TWO_7;
    at += 1;
    rest >>>= 7;
  }
  buffer[at] = rest;
  return at + 1;
}

/**
 * Reads the numbers of one record, one after the other. The record's checksum was checked, so that
 * it is as it was written; what it says may lead beyond it all the same, and is malformed then.
 */
export class VarintReader {
  buffer: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;

  reset(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
  }

  next(): number {
    if (this.at >= this.end) throw new MalformedRecordError();
    const { buffer } = this;
    let byte = buffer[this.at]!;
    this.at += 1;
    if (byte < TWO_7) return byte;
    let value = byte & 127;
    let scale = TWO_7;
    do {
      if (this.at >= this.end) throw new MalformedRecordError();
      byte = buffer[this.at]!;
      this.at += 1;
      value += (byte & 127) * scale;
      scale *= TWO_7;
    } while (byte >= TWO_7);
    if (value > Number.MAX_SAFE_INTEGER) throw new MalformedRecordError();
    return value;
  }

  /** How many follow, each of a byte at least, and no more than `max`. */
  count(max = Number.MAX_SAFE_INTEGER): number {
    const count = this.next();
    if (count > max || count > this.end - this.at) throw new MalformedRecordError();
    return count;
  }

  /** What the next number stands for. */
  code<T>(meanings: readonly T[]): T {
    const code = this.next();
    if (code >= meanings.length) throw new MalformedRecordError();
    return meanings[code]!;
  }

  bytes(length: number): Buffer {
    if (length > this.end - this.at) throw new MalformedRecordError();
    const bytes = this.buffer.subarray(this.at, this.at + length);
    this.at += length;
    return bytes;
  }

  /** A length and so many bytes of UTF-8. */
  text(): string {
    return this.bytes(this.next()).toString('utf8');
  }
}
