// A msgpack encoder of the tests' own, which can write every value in each of its encodings. It
// shares nothing with the product, and can also write what no frame may hold.

/** Picks one of `count` encodings, 0 to `count` - 1; they are ordered by length. */
export type Choose = (count: number) => number;

export const shortest: Choose = () => 0;
export const longest: Choose = (count) => count - 1;

/** Bytes that stand where a value is due. */
export class Raw {
  readonly bytes: Buffer;

  constructor(hex: string) {
    this.bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  }
}

export function raw(hex: string): Raw {
  return new Raw(hex);
}

export function encode(value: unknown, choose: Choose = shortest): Buffer {
  if (value instanceof Raw) return value.bytes;
  if (value === null || value === undefined) return Buffer.of(0xc0);
  if (typeof value === 'boolean') return Buffer.of(value ? 0xc3 : 0xc2);
  if (typeof value === 'number') return encodeNumber(value, choose);
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return Buffer.concat([sized(bytes.length, choose, [0xa0, 31], 0xd9, 0xda, 0xdb), bytes]);
  }
  if (value instanceof Uint8Array) {
    return Buffer.concat([sized(value.length, choose, undefined, 0xc4, 0xc5, 0xc6), value]);
  }
  if (Array.isArray(value)) {
    const header = sized(value.length, choose, [0x90, 15], undefined, 0xdc, 0xdd);
    return Buffer.concat([header, ...value.map((element) => encode(element, choose))]);
  }
  const entries = Object.entries(value as Record<string, unknown>);
  const header = sized(entries.length, choose, [0x80, 15], undefined, 0xde, 0xdf);
  const pairs = entries.flatMap(([key, entry]) => [encode(key, choose), encode(entry, choose)]);
  return Buffer.concat([header, ...pairs]);
}

function encodeNumber(value: number, choose: Choose): Buffer {
  if (!Number.isInteger(value)) {
    const bytes = Buffer.alloc(9, 0xcb);
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  const encodings = value < 0 ? negativeEncodings(value) : integerEncodings(value);
  return encodings[choose(encodings.length)]!;
}

/** Every msgpack encoding of a non-negative integer. */
export function integerEncodings(value: number): Buffer[] {
  const encodings: Buffer[] = [];
  if (value <= 0x7f) encodings.push(Buffer.of(value));
  for (const [first, bytes] of [
    [0xcc, 1],
    [0xcd, 2],
    [0xce, 4],
    [0xcf, 8],
  ] as const) {
    if (value < 2 ** (8 * bytes)) encodings.push(integerOf(first, bytes, value));
  }
  for (const [first, bytes] of [
    [0xd0, 1],
    [0xd1, 2],
    [0xd2, 4],
    [0xd3, 8],
  ] as const) {
    if (value < 2 ** (8 * bytes - 1)) encodings.push(integerOf(first, bytes, value));
  }
  return encodings;
}

export function negativeEncodings(value: number): Buffer[] {
  const encodings: Buffer[] = [];
  if (value >= -32) encodings.push(Buffer.of(0x100 + value));
  for (const [first, bytes] of [
    [0xd0, 1],
    [0xd1, 2],
    [0xd2, 4],
    [0xd3, 8],
  ] as const) {
    if (value >= -(2 ** (8 * bytes - 1))) encodings.push(integerOf(first, bytes, value));
  }
  return encodings;
}

function integerOf(first: number, bytes: number, value: number): Buffer {
  const digits = BigInt.asUintN(8 * bytes, BigInt(value)).toString(16);
  return Buffer.from(first.toString(16) + digits.padStart(2 * bytes, '0'), 'hex');
}

type Heads = [one?: number | undefined, two?: number | undefined, four?: number | undefined];

function sized(
  size: number,
  choose: Choose,
  fixed: readonly [first: number, max: number] | undefined,
  ...heads: Heads
): Buffer {
  const encodings: Buffer[] = [];
  if (fixed !== undefined && size <= fixed[1]) encodings.push(Buffer.of(fixed[0] | size));
  for (const [index, first] of heads.entries()) {
    const bytes = 2 ** index;
    if (first !== undefined && size < 2 ** (8 * bytes)) {
      encodings.push(integerOf(first, bytes, size));
    }
  }
  return encodings[choose(encodings.length)]!;
}
