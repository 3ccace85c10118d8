/**
 * Integers from 0 to 2^53 - 1 in 1 to 8 bytes: seven bits a byte, lowest first, the top bit says
 * that more follow. The numbers in the records of the log, where most are small.
 */
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

/** Reads the numbers of one record, one after the other. */
export class VarintReader {
  buffer: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;

  reset(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
  }

  /** The next number. The record's checksum was checked, so that it is whole. */
  next(): number {
    const { buffer } = this;
    let byte = buffer[this.at]!;
    this.at += 1;
    if (byte < TWO_7) return byte;
    let value = byte & 127;
    let scale = TWO_7;
    do {
      byte = buffer[this.at]!;
      this.at += 1;
      value += (byte & 127) * scale;
      scale *= TWO_7;
    } while (byte >= TWO_7);
    return value;
  }

  bytes(length: number): Buffer {
    const bytes = this.buffer.subarray(this.at, this.at + length);
    this.at += length;
    return bytes;
  }

  /** A length and so many bytes of UTF-8. */
  text(): string {
    return this.bytes(this.next()).toString('utf8');
  }
}
