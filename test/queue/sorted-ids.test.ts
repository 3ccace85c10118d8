/**
 * IDs in rising order, against an array, and where an array would move a million of them.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SortedIds } from '../../src/queue/sorted-ids.ts';
import { printedSeed, seededRandom } from '../support/random.ts';

const test = suite('sorted IDs');

test('what comes and goes anywhere, against an array', () => {
  const random = seededRandom(printedSeed('sorted IDs'));
  const sorted = new SortedIds();
  const all = new Set<number>();
  for (let step = 0; step < 20_000; step += 1) {
    const id = random.integer(1, 3_000);
    if (random.chance(step < 8_000 ? 0.7 : 0.4)) {
      sorted.add(id);
      all.add(id);
    } else {
      sorted.remove(id);
      all.delete(id);
    }
    assert.is(sorted.size, all.size);
    if (step % 50 === 0) assert.is(sorted.first, all.size === 0 ? 0 : Math.min(...all));
  }
  for (const id of [...all].sort((a, b) => a - b)) {
    assert.is(sorted.first, id);
    sorted.remove(id);
  }
  assert.equal([sorted.first, sorted.size], [0, 0]);
});

test('a compaction that tells the old ones behind the new ones, in the time of those in order', () => {
  const count = 200_000;
  const timeOf = (from: number) => {
    const sorted = new SortedIds();
    for (let id = count; id < 2 * count; id += 1) sorted.add(id);
    const startMs = performance.now();
    for (let id = from; id < from + count; id += 1) sorted.add(id);
    return performance.now() - startMs;
  };
  const inOrderMs = timeOf(2 * count);
  const inFrontMs = timeOf(0);
  // Moving all that follow takes hundreds of times as long.
  assert.ok(inFrontMs < 20 * inOrderMs + 50, `${inFrontMs} ms, in order ${inOrderMs} ms`);
});

test.run();
