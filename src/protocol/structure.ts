/**
 * Whether bytes are one msgpack value of the types that the wire knows, whatever they mean. It is
 * the fence before msgpackr, and the judge between a wrong field and a broken frame. One loop over
 * local variables, without recursion.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import {
  ARRAY_16,
  ARRAY_32,
  BIN_8,
  BIN_16,
  BIN_32,
  FIXARRAY,
  FIXED_BYTES,
  FIXMAP,
  FIXSTR,
  FLOAT_32,
  FLOAT_64,
  INT_8,
  INT_64,
  MAP_16,
  MAP_32,
  NEGATIVE_FIXINT,
  NIL,
  STR_8,
  STR_16,
  STR_32,
  UINT_64,
  uint32,
} from './msgpack.ts';

/**
 * A frame of megabytes may hold as many values, and the loop takes nanoseconds for each: past so
 * many it is not worth the time.
 */
const VALUES_MAX = 2 ** 18;

const UNUSED = 0;
const STRING = 1;
const BINARY = 2;
const ARRAY = 3;
const MAP = 4;

/** By first byte, of the values without a fixed size: what they are. */
const KINDS = new Uint8Array(256)
  .fill(MAP, FIXMAP, FIXARRAY)
  .fill(ARRAY, FIXARRAY, FIXSTR)
  .fill(STRING, FIXSTR, NIL)
  .fill(BINARY, BIN_8, BIN_32 + 1)
  .fill(STRING, STR_8, STR_32 + 1)
  .fill(ARRAY, ARRAY_16, ARRAY_32 + 1)
  .fill(MAP, MAP_16, MAP_32 + 1);

/** By first byte, the bytes that tell the size; 0 where the first byte itself does. */
const SIZE_BYTES = sizeBytes();

function sizeBytes(): Uint8Array {
  const bytes = new Uint8Array(256);
  for (const head of [BIN_8, STR_8]) bytes[head] = 1;
  for (const head of [BIN_16, STR_16, ARRAY_16, MAP_16]) bytes[head] = 2;
  for (const head of [BIN_32, STR_32, ARRAY_32, MAP_32]) bytes[head] = 4;
  return bytes;
}

export function truncated(what: string): WonderqError {
  return new WonderqError('BAD_FRAME', `the frame ends within ${what}`);
}

export class Structure {
  /**
   * Of the last `pass`: how many values, and whether one is a number that the wire does not take.
   */
  values = 0;
  sawForeignNumber = false;

  /** By level: elements that are still due there, and whether it is a map. */
  readonly #due = new Int32Array(limits.depthMax + 1);
  readonly #isMap = new Uint8Array(limits.depthMax + 1);

  /**
   * Passes one value that lies within `depth` arrays and maps, and gives the place behind it.
   * Throws BAD_FRAME where it is no such value, or does not end before `end`.
   */
  pass(buffer: Buffer, start: number, end: number, depth: number): number {
    const dueAt = this.#due;
    const isMapAt = this.#isMap;
    let at = start;
    let level = depth;
    let due = 1;
    let inMap = false;
    let values = 0;
    let sawForeignNumber = false;
    while (due > 0 || level > depth) {
      if (values > VALUES_MAX) throw notHere(`more than ${VALUES_MAX} values`);
      if (due === 0) {
        level -= 1;
        due = dueAt[level]!;
        inMap = isMapAt[level] === 1;
        continue;
      }
      if (at >= end) throw truncated('a value');
      const head = buffer[at]!;
      const isKey = inMap && due % 2 === 0;
      if (isKey && KINDS[head] !== STRING) throw notHere('a map with a key that is no str');
      due -= 1;
      values += 1;
      const fixed = FIXED_BYTES[head]!;
      if (fixed > 0) {
        if (head >= FLOAT_32 && isForeign(buffer, head, at)) sawForeignNumber = true;
        at += fixed;
        continue;
      }
      const size = sizeAt(buffer, head, at, end);
      at += 1 + SIZE_BYTES[head]!;
      const kind = KINDS[head]!;
      if (kind <= BINARY) at += size;
      else {
        dueAt[level] = due;
        isMapAt[level] = inMap ? 1 : 0;
        level += 1;
        inMap = kind === MAP;
        due = inMap ? size * 2 : size;
        if (level > limits.depthMax) throw notHere(`more than ${limits.depthMax} levels`);
        if (due > end - at) throw truncated('an array or a map');
      }
    }
    if (at > end) throw truncated('a value');
    this.values = values;
    this.sawForeignNumber = sawForeignNumber;
    return at;
  }
}

function sizeAt(buffer: Buffer, head: number, at: number, end: number): number {
  const bytes = SIZE_BYTES[head]!;
  if (bytes === 0) {
    if (KINDS[head] === UNUSED) throw notHere('a type that the wire does not use');
    return head >= FIXSTR ? head & 0x1f : head & 0x0f;
  }
  if (at + 1 + bytes > end) throw truncated('a value');
  if (bytes === 1) return buffer[at + 1]!;
  return bytes === 2 ? (buffer[at + 1]! << 8) | buffer[at + 2]! : uint32(buffer, at + 1);
}

/** A float, a negative integer, or one beyond 2^53 - 1. */
function isForeign(buffer: Buffer, head: number, at: number): boolean {
  if (head >= NEGATIVE_FIXINT || head <= FLOAT_64) return true;
  if (head >= INT_8 && buffer[at + 1]! > 0x7f) return true;
  return (head === UINT_64 || head === INT_64) && uint32(buffer, at + 1) >= 0x200000;
}

function notHere(what: string): WonderqError {
  return new WonderqError('BAD_FRAME', `the frame holds ${what}`);
}
