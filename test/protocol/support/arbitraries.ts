// Random requests and values for the properties: the array that a frame holds, before it is encoded.

import fc from 'fast-check';
import type { Choose } from './wide.ts';

export const uint: fc.Arbitrary<number> = fc.oneof(
  fc.nat(130),
  fc.nat(70_000),
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
);
const positive = uint.map((value) => Math.max(1, value));

const firstCharacter = fc.constantFrom(...'aZ09');
const laterCharacter = fc.constantFrom(...'abcXYZ019._-');
export const queueName: fc.Arbitrary<string> = fc
  .tuple(firstCharacter, fc.array(laterCharacter, { maxLength: 127 }))
  .map(([first, rest]) => first + rest.join(''));

const text = fc.string({ unit: 'binary', maxLength: 60 });
const bytes = fc
  .oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(70_000).map((size) => new Uint8Array(size)),
  )
  .map((array) => Buffer.from(array));

function orNil<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.option(arbitrary, { nil: null });
}

const headers = fc.dictionary(plainKey(), text, { maxKeys: 20, noNullPrototype: true });
const contentType = fc.string({ unit: 'binary', maxLength: 60 });
export const message: fc.Arbitrary<unknown[]> = fc.oneof(
  bytes.map((body) => [body]),
  fc.tuple(bytes, orNil(contentType)),
  fc.tuple(bytes, orNil(contentType), orNil(headers)),
);

const receipts = fc.array(fc.tuple(uint, uint), { maxLength: 40 }).map((pairs) => pairs.flat());
const groups = fc.array(fc.tuple(queueName, receipts), { maxLength: 5 });
const queues = fc.oneof(queueName, fc.uniqueArray(queueName, { minLength: 1, maxLength: 16 }));
const sequence = orNil(positive);
const delay = orNil(fc.nat(316_224_000_000));
const visibility = orNil(fc.integer({ min: 1, max: 604_800_000 }));
const detached = orNil(fc.boolean());
const credit = orNil(fc.nat(100_000));

/** Plain values as administration frames carry them, to a depth that the frame leaves. */
export const plainValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    uint,
    text,
    fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(plainKey(), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

/** msgpackr spells this one key in another way, so that it does no harm. */
export function plainKey(): fc.Arbitrary<string> {
  return text.filter((key) => key !== '__proto__');
}

const plainMap = fc.dictionary(plainKey(), plainValue, { maxKeys: 6, noNullPrototype: true });
const shortText = fc.string({ maxLength: 60 }).filter((value) => Buffer.byteLength(value) <= 64);

const operations: readonly fc.Arbitrary<unknown[]>[] = [
  fc.tuple(
    fc.constant(1),
    positive,
    fc.constant(1),
    orNil(shortText),
    orNil(fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => Buffer.from(array))),
    orNil(text),
    orNil(fc.boolean()),
  ),
  fc.tuple(fc.constant(2), positive, orNil(groups)),
  fc.tuple(fc.constantFrom(3, 4), positive),
  fc.tuple(fc.constant(5), positive, positive),
  fc.tuple(fc.constant(6), uint),
  fc
    .tuple(
      fc.constant(10),
      positive,
      sequence,
      queueName,
      orNil(fc.nat(1)),
      delay,
      orNil(fc.nat(255)),
      fc.array(message, { minLength: 1, maxLength: 12 }),
      orNil(uint),
      orNil(fc.integer({ min: 1, max: 316_224_000_000 })),
    )
    .filter((values) => !values[5] || !values[8]),
  fc
    .tuple(
      fc.constant(11),
      positive,
      sequence,
      queues,
      orNil(fc.integer({ min: 1, max: 10_000 })),
      orNil(uint),
      orNil(fc.nat(600_000)),
      visibility,
      detached,
      orNil(groups),
    )
    .filter((values) => values[2] === null || values[9] !== null),
  fc.tuple(fc.constantFrom(12, 14), positive, sequence, queueName, receipts),
  fc.tuple(fc.constant(13), positive, sequence, queueName, receipts, delay),
  fc.tuple(fc.constant(15), positive, sequence, queueName, receipts, visibility),
  fc.tuple(fc.constant(16), positive, queues, credit, orNil(uint), visibility, detached),
  fc.tuple(fc.constant(17), positive, credit, orNil(uint)),
  fc.tuple(fc.constant(18), positive, positive),
  fc.tuple(fc.constant(20), positive, sequence, shortText, orNil(plainMap)),
];

/** The array of a valid request of any operation. */
export const requestValues: fc.Arbitrary<unknown[]> = fc.oneof(...operations);

/** Picks encodings by a list of numbers, over and over. */
export const choose: fc.Arbitrary<Choose> = fc
  .array(fc.nat(9), { minLength: 1, maxLength: 30 })
  .map((picks) => {
    let turn = 0;
    return (count: number) => picks[turn++ % picks.length]! % count;
  });

/** A frame without the trailing elements that are nil: it says the same. */
export function withoutTrailingNils(values: readonly unknown[]): unknown[] {
  let { length } = values;
  while (length > 2 && values[length - 1] === null) length -= 1;
  return values.slice(0, length);
}
