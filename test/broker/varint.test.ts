/** Varints: every safe integer comes back, in as few bytes as its size asks for. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VarintReader, varintBytesMax, writeVarint } from '../../src/broker/varint.ts';

const test = suite('varint');

function roundTrip(values: readonly number[]): number[] {
  const buffer = Buffer.alloc(values.length * varintBytesMax);
  let end = 0;
  for (const value of values) end = writeVarint(buffer, end, value);
  const reader = new VarintReader();
  reader.reset(buffer, 0, end);
  const read = values.map(() => reader.next());
  assert.is(reader.at, end);
  return read;
}

test('every safe integer comes back', () => {
  const powers = Array.from({ length: 54 }, (_, power) => 2 ** power);
  const edges = powers.flatMap((power) => [power - 1, power, power + 1]);
  const safe = edges.filter((value) => Number.isSafeInteger(value));
  assert.equal(roundTrip(safe), safe);
  fc.assert(
    fc.property(fc.array(fc.maxSafeNat()), (values) => {
      assert.equal(roundTrip(values), values);
    }),
  );
});

test('seven bits a byte, at most eight bytes', () => {
  const lengthOf = (value: number) => writeVarint(Buffer.alloc(16), 0, value);
  for (let bytes = 1; bytes < varintBytesMax; bytes += 1) {
    assert.is(lengthOf(2 ** (7 * bytes) - 1), bytes);
    assert.is(lengthOf(2 ** (7 * bytes)), bytes + 1);
  }
  assert.is(lengthOf(Number.MAX_SAFE_INTEGER), varintBytesMax);
});

test('a text of any language', () => {
  const buffer = Buffer.alloc(64);
  const bytes = Buffer.from('Größe 大');
  const start = writeVarint(buffer, 0, bytes.length);
  bytes.copy(buffer, start);
  const reader = new VarintReader();
  reader.reset(buffer, 0, start + bytes.length);
  assert.is(reader.text(), 'Größe 大');
});

test.run();
