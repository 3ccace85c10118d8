// The heap of deadlines: always the earliest first, whatever is set, changed and removed.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Deadlines } from '../../src/queue/deadlines.ts';
import { printedSeed, seededRandom } from '../support/random.ts';

test('an empty heap has no first deadline', () => {
  const deadlines = new Deadlines();
  assert.is(deadlines.firstMs, Number.POSITIVE_INFINITY);
  assert.is(deadlines.size, 0);
  assert.not(deadlines.has(3));
});

test('a deadline can be moved forward and back', () => {
  const deadlines = new Deadlines();
  deadlines.set(5, 50);
  deadlines.set(900, 40);
  assert.is(deadlines.first, 900);
  deadlines.set(900, 60);
  assert.is(deadlines.first, 5);
  deadlines.set(900, 10);
  assert.equal([deadlines.first, deadlines.firstMs, deadlines.size], [900, 10, 2]);
  deadlines.remove(900);
  assert.not(deadlines.has(900));
  assert.equal([deadlines.first, deadlines.firstMs, deadlines.size], [5, 50, 1]);
});

test('random changes leave the same order as a sorted list', () => {
  const random = seededRandom(printedSeed('deadlines'));
  const deadlines = new Deadlines();
  const expected = new Map<number, number>();
  for (let step = 0; step < 20_000; step += 1) {
    const handle = random.integer(0, step < 10_000 ? 300 : 40);
    if (expected.has(handle) && random.chance(0.45)) {
      deadlines.remove(handle);
      expected.delete(handle);
    } else {
      const dueMs = random.integer(0, 500);
      deadlines.set(handle, dueMs);
      expected.set(handle, dueMs);
    }
    assert.is(deadlines.size, expected.size);
    if (expected.size === 0) continue;
    assert.is(deadlines.firstMs, Math.min(...expected.values()));
    assert.is(expected.get(deadlines.first), deadlines.firstMs);
    assert.is(deadlines.has(handle), expected.has(handle));
    if (expected.has(handle)) assert.is(deadlines.dueMsOf(handle), expected.get(handle));
  }
  let lastMs = 0;
  while (deadlines.size > 0) {
    assert.ok(deadlines.firstMs >= lastMs);
    lastMs = deadlines.firstMs;
    deadlines.remove(deadlines.first);
  }
});

test.run();
