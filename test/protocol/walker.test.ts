// The walker and the structure check, value by value: every encoding of msgpack is read, everything
// else is refused, and what is accepted is what msgpackr decodes.

import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Walker } from '../../src/protocol/walker.ts';
import { printedSeed, seededRandom } from '../support/random.ts';
import { choose, plainValue, uint } from './support/arbitraries.ts';
import { refusal, refusalOrNone } from './support/frames.ts';
import { unpack } from './support/reading.ts';
import { encode, integerEncodings, negativeEncodings } from './support/wide.ts';

const seed = printedSeed('walker');
const margin = Buffer.alloc(9, 0xc1);

/** A walker at the value, in the middle of a larger buffer. */
function walk(bytes: Buffer): Walker {
  const walker = new Walker();
  walker.reset(Buffer.concat([margin, bytes, margin]), margin.length, margin.length + bytes.length);
  return walker;
}

function isAtEnd(walker: Walker): boolean {
  return walker.at === walker.end;
}

test('integers are read in every encoding', () => {
  fc.assert(
    fc.property(uint, (value) => {
      for (const bytes of integerEncodings(value)) {
        const walker = walk(bytes);
        assert.is(walker.uint('field'), value, bytes.toString('hex'));
        assert.ok(isAtEnd(walker));
      }
    }),
    { seed },
  );
});

test('the edges of every encoding of integers', () => {
  const edges = [0, 7, 8, 15, 16, 31, 32, 52, 53].flatMap((bits) => [2 ** bits - 1, 2 ** bits]);
  for (const value of edges.filter(Number.isSafeInteger)) {
    for (const bytes of integerEncodings(value)) assert.is(walk(bytes).uint('field'), value);
  }
  for (const bytes of ['cf0020000000000000', 'cfffffffffffffffff', 'd30020000000000000']) {
    const error = refusal(() => walk(Buffer.from(bytes, 'hex')).uint('field'));
    assert.equal([error.code, error.field], ['BAD_REQUEST', 'field']);
  }
});

test('negative integers are refused in every encoding', () => {
  for (const value of [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1]) {
    for (const bytes of negativeEncodings(value)) {
      const error = refusal(() => walk(bytes).uint('field'));
      assert.equal([error.code, error.field], ['BAD_REQUEST', 'field'], bytes.toString('hex'));
    }
  }
});

test('texts, bytes, arrays and maps are read in every encoding', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), choose, (text, picks) => {
      const walker = walk(encode(text, picks));
      assert.is(walker.string('field', 10_000), text);
      assert.ok(isAtEnd(walker));
      const bytes = Buffer.from(text);
      const second = walk(encode(bytes, picks));
      assert.is(second.bin('field'), bytes.length);
      assert.ok(second.buffer.subarray(second.from, second.at).equals(bytes));
      assert.ok(isAtEnd(second));
      const elements = [...text].map(() => 1);
      assert.is(walk(encode(elements, picks)).arrayHeader('field'), elements.length);
      const pairs = Object.fromEntries(elements.map((_, index) => [`key ${index}`, 1]));
      assert.is(walk(encode(pairs, picks)).mapHeader('field'), elements.length);
    }),
    { seed },
  );
});

test('a value that is cut anywhere is BAD_FRAME', () => {
  const steps: [unknown, (walker: Walker) => unknown][] = [
    [2 ** 40, (walker) => walker.uint('field')],
    ['text', (walker) => walker.string('field', 100)],
    ['orders', (walker) => walker.name('field')],
    [Buffer.from('bytes'), (walker) => walker.bin('field')],
    [[null, null], (walker) => walker.arrayHeader('field')],
    [true, (walker) => walker.bool('field')],
    [{ a: [1, 'x', 2 ** 40, Buffer.from('b')] }, (walker) => walker.pass(0)],
  ];
  for (const [value, step] of steps) {
    for (const pick of [0, 1, 2, 3, 4]) {
      const bytes = encode(value, (count) => pick % count);
      step(walk(bytes));
      for (let length = 0; length < bytes.length; length += 1) {
        assert.is(refusal(() => step(walk(bytes.subarray(0, length)))).code, 'BAD_FRAME');
      }
    }
  }
});

test('plain values are passed as a whole, counted, and what msgpackr decodes', () => {
  fc.assert(
    fc.property(plainValue, choose, (value, picks) => {
      const bytes = encode(value, picks);
      const walker = walk(bytes);
      walker.pass(1);
      assert.ok(isAtEnd(walker));
      assert.is(walker.structure.values, countValues(value));
      assert.is(walker.structure.sawForeignNumber, false);
      assert.equal(unpack(bytes), value);
    }),
    { seed, numRuns: 500 },
  );
});

function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return 1;
  const elements = Array.isArray(value) ? value : Object.entries(value).flat();
  return elements.reduce((sum: number, element) => sum + countValues(element), 1);
}

test('numbers that the wire does not take are noticed at any depth', () => {
  const foreign = [-1, 0.5, -40_000, Number.NaN];
  for (const value of foreign) {
    for (const around of [value, [1, value, 2], { a: [{ b: value }], c: 1 }]) {
      const walker = walk(encode(around));
      walker.pass(0);
      assert.is(walker.structure.sawForeignNumber, true);
      walker.reset(encode([1, 2]), 0, 3);
      walker.pass(0);
      assert.is(walker.structure.sawForeignNumber, false, 'only of the last value');
    }
  }
});

test('whatever random bytes pass as a value, msgpackr decodes to plain values', () => {
  const random = seededRandom(seed);
  let passed = 0;
  for (let round = 0; round < 150_000; round += 1) {
    const bytes = random.bytes(random.integer(1, 20));
    const walker = walk(bytes);
    const error = refusalOrNone(() => walker.pass(0));
    if (error !== undefined) {
      assert.is(error.code, 'BAD_FRAME');
      continue;
    }
    passed += 1;
    const length = walker.at - margin.length;
    assert.ok(length > 0 && length <= bytes.length);
    assert.ok(isPlain(unpack(bytes.subarray(0, length))), bytes.toString('hex'));
  }
  assert.ok(passed > 10_000, `${passed} passed`);
});

function isPlain(value: unknown): boolean {
  if (value === null || ['boolean', 'number', 'string'].includes(typeof value)) return true;
  if (Buffer.isBuffer(value)) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value!).every(isPlain);
}

test('the same name gives the same string, and names do not mix', () => {
  const walker = new Walker();
  const names = Array.from({ length: 3_000 }, (_, index) => `queue-${index}.${index % 7}`);
  for (let round = 0; round < 2; round += 1) {
    for (const name of names) {
      const bytes = encode(name);
      walker.reset(bytes, 0, bytes.length);
      assert.is(walker.name('queue'), name);
    }
  }
});

test.run();
