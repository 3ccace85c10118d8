/**
 * Values of administration frames, by msgpackr: the only file that imports it. Every option is
 * spelled out, since its defaults write records that no other library reads, and nothing reaches
 * its decoder that the walker has not passed first: left to itself it makes regular expressions,
 * cycles and compiled code out of extension types.
 */
import assert from 'node:assert';
import { Packr, Unpackr } from 'msgpackr';
import { limits } from '../limits.ts';
import { badField, type Walker } from './walker.ts';

const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  encodeUndefinedAsNil: true,
  useToJSON: false,
});
const unpackr = new Unpackr({
  useRecords: false,
  mapsAsObjects: true,
  copyBuffers: true,
  int64AsType: 'number',
  structuredClone: false,
});

/**
 * msgpackr writes numbers from here on as floats, which the wire does not carry, and bigints
 * right.
 */
const BIGINT_FROM = 2 ** 32;

/**
 * The bytes of a value that an administration frame can carry: nil, bool, safe integers from 0,
 * strings, bytes, arrays, plain objects. Anything else is a defect of the caller.
 */
export function encodePlain(value: unknown): Buffer {
  return packr.pack(wireValue(value, 1));
}

/** Passes one value and gives it; refuses numbers that the wire does not take. */
export function decodePlain(
  walker: Walker,
  field: string,
  valuesMax = Number.POSITIVE_INFINITY,
): unknown {
  const start = walker.at;
  walker.pass(1);
  const { sawForeignNumber, values } = walker.structure;
  if (sawForeignNumber) throw badField(field, 'must hold integers of 0 to 2^53 - 1 only');
  if (values > valuesMax) throw badField(field, `must hold at most ${valuesMax} values`);
  // A copy: msgpackr leaves a property of its own on the buffer it reads.
  return unpackr.unpack(Buffer.from(walker.buffer.subarray(start, walker.at)));
}

function wireValue(value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    assert(Number.isSafeInteger(value) && value >= 0, 'a number that the wire does not carry');
    return value < BIGINT_FROM ? value : BigInt(value);
  }
  if (value instanceof Uint8Array) return value;
  assert(depth < limits.depthMax, 'a value for the wire is nested too deep');
  if (Array.isArray(value)) return value.map((element) => wireValue(element, depth + 1));
  assert(isPlainObject(value), 'the wire carries plain objects only');
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.map(([key, field]) => [key, wireValue(field, depth + 1)]));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
