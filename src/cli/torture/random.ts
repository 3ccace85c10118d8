/**
 * A seeded source of randomness (sfc32), so that what was drawn can be drawn again.
 */
export interface Random {
  readonly seed: number;
  /** An unsigned 32-bit integer. */
  uint32(): number;
  /** A number from 0 to 1, without 1. */
  fraction(): number;
  /** An integer from `least` to `most`, both included. */
  integer(least: number, most: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** One of `values`, which must not be empty. */
  pick<T>(values: readonly T[]): T;
  /** `values` in a random order, as a new array. */
  shuffle<T>(values: readonly T[]): T[];
  bytes(length: number): Buffer;
}

export function seededRandom(seed: number): Random {
  const uint32 = sfc32(seed);
  const fraction = () => uint32() / 2 ** 32;
  const integer = (least: number, most: number) =>
    least + Math.floor(fraction() * (most - least + 1));
  return {
    seed,
    uint32,
    fraction,
    integer,
    chance: (probability) => fraction() < probability,
    pick: (values) => values[integer(0, values.length - 1)]!,
    shuffle: (values) => shuffled(values, integer),
    bytes: (length) => Buffer.from(Array.from({ length }, () => uint32() & 0xff)),
  };
}

function shuffled<T>(values: readonly T[], integer: Random['integer']): T[] {
  const result = [...values];
  for (let index = result.length - 1; index > 0; index--) {
    const other = integer(0, index);
    [result[index], result[other]] = [result[other]!, result[index]!];
  }
  return result;
}

// Chris Doty-Humphrey's small fast counting generator. The first dozen outputs still show how much
// the seeds have in common, so they are thrown away.
function sfc32(seed: number): () => number {
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;
  const next = () => {
    const result = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + result) >>> 0;
    return result;
  };
  for (let round = 0; round < 12; round++) next();
  return next;
}
