/**
 * A growing buffer into which frames are written: msgpack values in their shortest form, and the
 * length in front of each frame. Many frames gather in one writer and leave in one write.
 */
import assert from 'node:assert';
import {
  ARRAY_16,
  ARRAY_32,
  BIN_8,
  BIN_16,
  BIN_32,
  FALSE,
  FIXARRAY,
  FIXMAP,
  FIXSTR,
  MAP_16,
  MAP_32,
  NIL,
  STR_8,
  STR_16,
  STR_32,
  TRUE,
  UINT_8,
  UINT_16,
  UINT_32,
  UINT_64,
} from './msgpack.ts';

const BYTES_MIN = 4 * 1024;
/** Of a writer in which nothing was written yet: there may be very many of them. */
const NO_BYTES = Buffer.alloc(0);
const PREFIX_BYTES = 4;
const TWO_32 = 2 ** 32;
/** A call to copy costs more than a loop for fewer bytes than this. */
const LOOP_BYTES_MAX = 40;
/** The longest header that a value has before its content. */
const HEADER_BYTES_MAX = 9;
/** UTF-8 takes at most three bytes for a unit of a JavaScript string. */
const UTF8_BYTES_PER_UNIT = 3;

export class ByteWriter {
  buffer = NO_BYTES;
  /** Bytes written: the next one goes to `buffer[at]`. */
  at = 0;

  /** `bytes`: room for so many from the beginning. */
  constructor(bytes = 0) {
    if (bytes > 0) this.buffer = Buffer.allocUnsafeSlow(bytes);
  }

  /** What was written, in place: it holds until the writer is used again. */
  written(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  /** Gives the buffer away, as to a socket that still reads it, and starts a new one. */
  take(): Buffer {
    const written = this.written();
    this.buffer = NO_BYTES;
    this.at = 0;
    return written;
  }

  /** Forgets what was written and keeps the memory. */
  reset(): void {
    this.at = 0;
  }

  /** Gives up the memory it grew to; nothing may be in it. */
  shrink(): void {
    assert(this.at === 0, 'what shrinks is empty');
    this.buffer = NO_BYTES;
  }

  /** Makes room for `bytes` more. */
  ensure(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const enough = this.at + bytes;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2 || BYTES_MIN, enough));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }

  /** Leaves room for the length of a frame, and gives the place that `endFrame` takes. */
  beginFrame(): number {
    this.ensure(PREFIX_BYTES);
    const start = this.at;
    this.at = start + PREFIX_BYTES;
    return start;
  }

  endFrame(start: number): void {
    this.buffer.writeUInt32BE(this.at - start - PREFIX_BYTES, start);
  }

  nil(): void {
    this.#byte(NIL);
  }

  bool(value: boolean): void {
    this.#byte(value ? TRUE : FALSE);
  }

  uint(value: number): void {
    this.ensure(HEADER_BYTES_MAX);
    if (value >>> 0 !== value) this.#uint64(value);
    else if (value < FIXMAP) {
      this.buffer[this.at] = value;
      this.at += 1;
    } else if (value <= 0xff) this.#head(UINT_8, value, 1);
    else if (value <= 0xffff) this.#head(UINT_16, value, 2);
    else this.#head(UINT_32, value, 4);
  }

  /** `uint`, or nil in place of `absent`. */
  uintOrNil(value: number | undefined, absent = 0): void {
    if (value === undefined || value === absent) this.nil();
    else this.uint(value);
  }

  string(text: string): void {
    const units = text.length;
    this.ensure(HEADER_BYTES_MAX + units * UTF8_BYTES_PER_UNIT);
    if (units <= 31 && this.#shortAscii(text)) return;
    const bytes = Buffer.byteLength(text, 'utf8');
    if (bytes <= 31) this.#byte(FIXSTR | bytes);
    else if (bytes <= 0xff) this.#head(STR_8, bytes, 1);
    else if (bytes <= 0xffff) this.#head(STR_16, bytes, 2);
    else this.#head(STR_32, bytes, 4);
    this.at += this.buffer.write(text, this.at, bytes, 'utf8');
  }

  stringOrNil(text: string | undefined): void {
    if (text === undefined) this.nil();
    else this.string(text);
  }

  binary(bytes: Uint8Array): void {
    const { length } = bytes;
    this.ensure(HEADER_BYTES_MAX + length);
    if (length <= 0xff) this.#head(BIN_8, length, 1);
    else if (length <= 0xffff) this.#head(BIN_16, length, 2);
    else this.#head(BIN_32, length, 4);
    this.#bytes(bytes, 0, length);
  }

  arrayHeader(count: number): void {
    this.ensure(HEADER_BYTES_MAX);
    if (count <= 15) this.#byte(FIXARRAY | count);
    else if (count <= 0xffff) this.#head(ARRAY_16, count, 2);
    else this.#head(ARRAY_32, count, 4);
  }

  mapHeader(count: number): void {
    this.ensure(HEADER_BYTES_MAX);
    if (count <= 15) this.#byte(FIXMAP | count);
    else if (count <= 0xffff) this.#head(MAP_16, count, 2);
    else this.#head(MAP_32, count, 4);
  }

  /** Bytes as they are: one or more whole values. */
  copy(source: Uint8Array, start: number, end: number): void {
    this.ensure(end - start);
    this.#bytes(source, start, end);
  }

  #bytes(source: Uint8Array, start: number, end: number): void {
    const { buffer, at } = this;
    const length = end - start;
    if (length <= LOOP_BYTES_MAX) {
      for (let index = 0; index < length; index += 1) buffer[at + index] = source[start + index]!;
    } else if (start === 0 && end === source.length) buffer.set(source, at);
    else buffer.set(source.subarray(start, end), at);
    this.at = at + length;
  }

  #byte(value: number): void {
    this.ensure(1);
    this.buffer[this.at] = value;
    this.at += 1;
  }

  /** A first byte and a number of 1, 2 or 4 bytes; room was made. */
  #head(first: number, value: number, bytes: 1 | 2 | 4): void {
    const { buffer } = this;
    let at = this.at;
    buffer[at++] = first;
    if (bytes === 4) {
      buffer[at++] = value >>> 24;
      buffer[at++] = value >>> 16;
    }
    if (bytes >= 2) buffer[at++] = value >>> 8;
    buffer[at++] = value;
    this.at = at;
  }

  #uint64(value: number): void {
    // A message with the number in it would be put together for every one that is good.
    assert(Number.isSafeInteger(value) && value >= 0, 'a number that the wire does not carry');
    this.buffer[this.at] = UINT_64;
    this.at += 1;
    this.#uint32(Math.floor(value / TWO_32));
    this.#uint32(value >>> 0);
  }

  #uint32(value: number): void {
    const { buffer, at } = this;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
    this.at = at + 4;
  }

  /** Most strings are names: writes them by a loop, or nothing if a character is not ASCII. */
  #shortAscii(text: string): boolean {
    const { buffer, at } = this;
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) return false;
      buffer[at + 1 + index] = unit;
    }
    buffer[at] = FIXSTR | text.length;
    this.at = at + 1 + text.length;
    return true;
  }
}
