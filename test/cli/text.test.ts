// How figures look to people.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { age, counted, size } from '../../src/cli/text.ts';

const test = suite('text');
const GIB = 2 ** 30;

test('a size is in the unit that keeps it short', () => {
  const sizes = [0, 718, 1024, 1.5 * 2 ** 20, GIB, 76.9 * GIB, 2 ** 41, 2 ** 52].map(size);
  const expected = ['0 B', '718 B', '1.0 KiB', '1.5 MiB', '1.0 GiB', '76.9 GiB', '2.0 TiB'];
  assert.equal(sizes, [...expected, '4096.0 TiB']);
});

test('an age is in its largest unit', () => {
  const ages = [0, 59_999, 60_000, 3_599_999, 3_600_000, 86_400_000, 1e9].map(age);
  assert.equal(ages, ['0 s', '59 s', '1 min', '59 min', '1 h', '1 d', '11 d']);
});

test('one thing is one, anything else are several', () => {
  assert.equal(
    [0, 1, 2].map((count) => counted(count, 'message')),
    ['0 messages', '1 message', '2 messages'],
  );
  assert.equal(
    [1, 2].map((count) => counted(count, 'batch', 'batches')),
    ['1 batch', '2 batches'],
  );
});

test.run();
