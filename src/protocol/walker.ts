/**
 * The walker passes once over the msgpack bytes of a frame, checks each step and finds values in
 * place. Two kinds of refusal: bytes that no msgpack reader could follow, or that the wire never
 * carries (BAD_FRAME), and a value that is not what the field takes (BAD_REQUEST with the field's
 * name).
 *
 * A value of two parts (where its bytes lie and how many) comes as a length, with the place in
 * `from`: no method is ever called inside an expression that also reads `at`, since JavaScript
 * would read the old `at` first.
 */
import { isUtf8 } from 'node:buffer';
import { WonderqError } from '../errors.ts';
import {
  ARRAY_16,
  ARRAY_32,
  BIN_8,
  BIN_16,
  BIN_32,
  FALSE,
  FIXARRAY,
  FIXED_BYTES,
  FIXMAP,
  FIXSTR,
  INT_8,
  INT_16,
  INT_32,
  INT_64,
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
  uint32,
} from './msgpack.ts';
import { NameCache } from './names.ts';
import { Structure, truncated } from './structure.ts';

const EMPTY = Buffer.alloc(0);
const UINT_MAX = Number.MAX_SAFE_INTEGER;
const TWO_32 = 2 ** 32;

export function badField(field: string, what: string): WonderqError {
  return new WonderqError('BAD_REQUEST', `${field} ${what}`, { field });
}

export class Walker {
  buffer: Buffer = EMPTY;
  /** The next byte to read, and the end of the frame. */
  at = 0;
  end = 0;
  /** Where the content of the string or bytes lies that was passed last. */
  from = 0;
  /** Elements of the frame's own array that are not read yet. */
  fieldsLeft = 0;

  readonly structure = new Structure();

  readonly #names = new NameCache();

  reset(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
  }

  /** Opens the frame's own array. */
  open(): void {
    if (!this.isArray()) throw new WonderqError('BAD_FRAME', 'a frame holds one array');
    this.fieldsLeft = this.arrayHeader('frame');
  }

  /** The frame's next element must be there. */
  due(field: string): void {
    if (this.fieldsLeft === 0) throw badField(field, 'is missing');
    this.fieldsLeft -= 1;
  }

  /** Whether the frame's next element is there and is not nil; a nil is passed. */
  given(): boolean {
    if (this.fieldsLeft === 0) return false;
    this.fieldsLeft -= 1;
    return !this.nil();
  }

  /** The frame must end here. */
  close(): void {
    if (this.fieldsLeft > 0) {
      throw new WonderqError('BAD_REQUEST', 'the frame has more fields than its operation');
    }
    if (this.at !== this.end) {
      throw new WonderqError('BAD_FRAME', 'bytes follow the array of the frame');
    }
  }

  /** Passes a nil, and tells whether there was one. */
  nil(): boolean {
    if (this.at >= this.end || this.buffer[this.at] !== NIL) return false;
    this.at += 1;
    return true;
  }

  isArray(): boolean {
    if (this.at >= this.end) return false;
    const head = this.buffer[this.at]!;
    return (head >= FIXARRAY && head < FIXSTR) || head === ARRAY_16 || head === ARRAY_32;
  }

  bool(field: string): boolean {
    const head = this.#head(field);
    if (head !== TRUE && head !== FALSE) throw badField(field, 'must be a bool');
    this.at += 1;
    return head === TRUE;
  }

  /** An integer within bounds, in any of the encodings of msgpack. */
  uint(field: string, max: number = UINT_MAX, min = 0): number {
    const at = this.at;
    if (at >= this.end) throw truncated(field);
    const head = this.buffer[at]!;
    let value = head;
    if (head < FIXMAP) this.at = at + 1;
    else value = this.#wideUint(head, field);
    if (value > max || value < min) throw badField(field, `must be ${min} to ${max}`);
    return value;
  }

  #wideUint(head: number, field: string): number {
    const buffer = this.buffer;
    const at = this.at;
    const bytes = FIXED_BYTES[head]!;
    if (at + bytes > this.end) throw truncated(field);
    this.at = at + bytes;
    switch (head) {
      case UINT_8:
        return buffer[at + 1]!;
      case UINT_16:
        return (buffer[at + 1]! << 8) | buffer[at + 2]!;
      case UINT_32:
        return uint32(buffer, at + 1);
      case UINT_64:
        return uint64(buffer, at + 1);
      case INT_8:
      case INT_16:
      case INT_32:
      case INT_64:
        if (buffer[at + 1]! > 0x7f) throw badField(field, 'must not be negative');
        if (head === INT_8) return buffer[at + 1]!;
        if (head === INT_16) return (buffer[at + 1]! << 8) | buffer[at + 2]!;
        return head === INT_32 ? uint32(buffer, at + 1) : uint64(buffer, at + 1);
      default:
        throw badField(field, 'must be an integer of 0 or more');
    }
  }

  /** Passes bytes; gives their count and leaves their place in `from`. */
  bin(field: string): number {
    const at = this.at;
    const head = this.#head(field);
    if (head < BIN_8 || head > BIN_32) throw badField(field, 'must be bin');
    const prefix = head === BIN_8 ? 1 : head === BIN_16 ? 2 : 4;
    return this.#content(at + 1, prefix, field);
  }

  /** Passes a string without looking at its characters; as `bin`. */
  str(field: string, bytesMax: number): number {
    const at = this.at;
    const head = this.#head(field);
    let length = 0;
    if (head >= FIXSTR && head < NIL) {
      length = head & 0x1f;
      this.#place(at + 1, length, field);
    } else {
      if (head < STR_8 || head > STR_32) throw badField(field, 'must be str');
      const prefix = head === STR_8 ? 1 : head === STR_16 ? 2 : 4;
      length = this.#content(at + 1, prefix, field);
    }
    if (length > bytesMax) throw badField(field, `must be at most ${bytesMax} bytes`);
    return length;
  }

  /** Passes a string and checks that it is UTF-8; as `bin`. */
  text(field: string, bytesMax: number): number {
    const length = this.str(field, bytesMax);
    const buffer = this.buffer;
    const end = this.at;
    for (let at = this.from; at < end; at += 1) {
      if (buffer[at]! <= 0x7f) continue;
      if (isUtf8(buffer.subarray(at, end))) break;
      throw badField(field, 'must be UTF-8');
    }
    return length;
  }

  string(field: string, bytesMax: number): string {
    this.text(field, bytesMax);
    return this.buffer.toString('utf8', this.from, this.at);
  }

  /** The name of a queue; the same string object for the same bytes, mostly. */
  name(field: string): string {
    this.str(field, UINT_MAX);
    const name = this.#names.read(this.buffer, this.from, this.at);
    if (name === undefined) throw new WonderqError('BAD_NAME', undefined, { field });
    return name;
  }

  /** The next value is an array: gives the count of its elements, which the frame can hold. */
  arrayHeader(field: string): number {
    const at = this.at;
    const head = this.#head(field);
    let count = 0;
    if (head >= FIXARRAY && head < FIXSTR) {
      count = head & 0x0f;
      this.at = at + 1;
    } else {
      if (head !== ARRAY_16 && head !== ARRAY_32) throw badField(field, 'must be an array');
      count = this.#count(at + 1, head === ARRAY_16 ? 2 : 4, field);
    }
    if (count > this.end - this.at) throw truncated(field);
    return count;
  }

  /** The next value is a map: gives the count of its pairs, which the frame can hold. */
  mapHeader(field: string): number {
    const at = this.at;
    const head = this.#head(field);
    let count = 0;
    if (head >= FIXMAP && head < FIXARRAY) {
      count = head & 0x0f;
      this.at = at + 1;
    } else {
      if (head !== MAP_16 && head !== MAP_32) throw badField(field, 'must be a map');
      count = this.#count(at + 1, head === MAP_16 ? 2 : 4, field);
    }
    if (2 * count > this.end - this.at) throw truncated(field);
    return count;
  }

  /**
   * Passes any value within `depth` arrays and maps. Throws BAD_FRAME where it is no value of the
   * wire's types; what it saw stands in `structure`.
   */
  pass(depth: number): void {
    const end = this.structure.pass(this.buffer, this.at, this.end, depth);
    this.at = end;
  }

  #head(field: string): number {
    if (this.at >= this.end) throw truncated(field);
    return this.buffer[this.at]!;
  }

  /** Reads a count of 2 or 4 bytes and stands behind it. */
  #count(at: number, bytes: number, field: string): number {
    if (at + bytes > this.end) throw truncated(field);
    this.at = at + bytes;
    const buffer = this.buffer;
    return bytes === 2 ? (buffer[at]! << 8) | buffer[at + 1]! : uint32(buffer, at);
  }

  /** Reads a length of 1, 2 or 4 bytes and passes the content behind it. */
  #content(at: number, bytes: number, field: string): number {
    if (at + bytes > this.end) throw truncated(field);
    const length = bytes === 1 ? this.buffer[at]! : this.#count(at, bytes, field);
    this.#place(at + bytes, length, field);
    return length;
  }

  #place(from: number, length: number, field: string): void {
    if (from + length > this.end) throw truncated(field);
    this.from = from;
    this.at = from + length;
  }
}

/** Beyond 2^53 the value is rounded, but stays beyond: the bound of the field refuses it. */
function uint64(buffer: Buffer, at: number): number {
  return uint32(buffer, at) * TWO_32 + uint32(buffer, at + 4);
}
