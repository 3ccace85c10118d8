// The byte writer: shortest forms that msgpackr reads, growth, frames behind frames; and the values of
// administration frames, which msgpackr writes.

import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { decodePlain, encodePlain } from '../../src/protocol/codec.ts';
import { Walker } from '../../src/protocol/walker.ts';
import { printedSeed } from '../support/random.ts';
import { plainValue, uint } from './support/arbitraries.ts';
import { unpack } from './support/reading.ts';
import { encode } from './support/wide.ts';

const seed = printedSeed('byte-writer');

function written(write: (writer: ByteWriter) => void, bytes = 16): Buffer {
  const writer = new ByteWriter(bytes);
  write(writer);
  return Buffer.from(writer.written());
}

test('each value has its shortest form', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 70 }),
    fc.nat(70_000).map((length) => 'é'.repeat(length)),
  );
  const size = fc.oneof(fc.nat(300), fc.nat(70_000));
  fc.assert(
    fc.property(uint, text, size, (number, string, length) => {
      assert.ok(written((to) => to.uint(number)).equals(encode(number)));
      assert.ok(written((to) => to.string(string)).equals(encode(string)));
      const bytes = Buffer.alloc(length, 7);
      assert.ok(written((to) => to.binary(bytes)).equals(encode(bytes)));
      const array = encode(new Array(length).fill(null)).subarray(0, -length || undefined);
      assert.ok(written((to) => to.arrayHeader(length)).equals(array));
    }),
    { seed, numRuns: 200 },
  );
  assert.is(written((to) => to.mapHeader(15)).toString('hex'), '8f');
  assert.is(written((to) => to.mapHeader(16)).toString('hex'), 'de0010');
  assert.is(written((to) => to.mapHeader(65_536)).toString('hex'), 'df00010000');
  assert.is(written((to) => to.nil()).toString('hex'), 'c0');
  assert.is(written((to) => to.bool(true)).toString('hex'), 'c3');
  assert.is(written((to) => to.bool(false)).toString('hex'), 'c2');
});

test('a number that the wire does not carry is a defect of the caller', () => {
  for (const number of [-1, 0.5, 2 ** 53, -(2 ** 40), Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => written((to) => to.uint(number)), /number that the wire/);
    assert.throws(() => encodePlain({ number }), /number that the wire/);
  }
});

test('a lone surrogate is written as UTF-8', () => {
  assert.is(unpack(written((to) => to.string('a\ud800b'))), 'a\ufffdb');
});

test('copies of every length, from anywhere, in a writer that grows', () => {
  const source = Buffer.from(Array.from({ length: 3_000 }, (_, index) => index % 251));
  const writer = new ByteWriter(16);
  const expected: Buffer[] = [];
  for (let length = 0; length < 200; length += 1) {
    writer.copy(source, length, length * 2);
    expected.push(source.subarray(length, length * 2));
  }
  writer.copy(source, 0, source.length);
  expected.push(source);
  assert.ok(writer.written().equals(Buffer.concat(expected)));
});

test('frames gather behind each other, and the buffer can be given away', () => {
  const writer = new ByteWriter(16);
  for (const text of ['one', 'two and more']) {
    const start = writer.beginFrame();
    writer.string(text);
    writer.endFrame(start);
  }
  const taken = writer.take();
  assert.is(taken.toString('latin1'), '\0\0\0\x04\xa3one\0\0\0\x0d\xactwo and more');
  assert.is(writer.at, 0);
  writer.string('later');
  assert.is(taken.toString('latin1', 4, 8), '\xa3one');
  writer.reset();
  assert.is(writer.written().length, 0);
});

test('a plain value survives the way to bytes and back', () => {
  const walker = new Walker();
  fc.assert(
    fc.property(plainValue, (value) => {
      const bytes = encodePlain(value);
      walker.reset(bytes, 0, bytes.length);
      assert.equal(decodePlain(walker, 'value'), value);
      assert.is(walker.at, bytes.length);
    }),
    { seed, numRuns: 300 },
  );
});

test('large integers are integers on the wire', () => {
  assert.is(encodePlain(2 ** 32 - 1).toString('hex'), 'ceffffffff');
  assert.is(encodePlain(2 ** 32).toString('hex'), 'd30000000100000000');
  assert.is(encodePlain(2 ** 53 - 1).toString('hex'), 'd3001fffffffffffff');
});

test('what is no plain value is a defect of the caller', () => {
  for (const value of [new Map(), new Date(), () => 1, 5n, Symbol('a'), /a/, new Set([1])]) {
    assert.throws(() => encodePlain({ value }), /plain objects only/);
  }
  const deep = (depth: number): unknown => (depth === 0 ? [] : [deep(depth - 1)]);
  encodePlain(deep(6));
  assert.throws(() => encodePlain(deep(7)), /nested too deep/);
  assert.is(encodePlain({ a: 1, b: undefined }).toString('hex'), '81a16101');
});

test('keys with a meaning to JavaScript do no harm', () => {
  const walker = new Walker();
  const text = '{ "__proto__": { "a": 1 }, "constructor": 2, "toString": 3 }';
  const bytes = encode(JSON.parse(text));
  walker.reset(bytes, 0, bytes.length);
  const value = decodePlain(walker, 'value') as Record<string, unknown>;
  assert.is(Object.getPrototypeOf(value), Object.prototype);
  assert.equal([value.a, value.constructor, value.toString], [undefined, 2, 3]);
});

test.run();
