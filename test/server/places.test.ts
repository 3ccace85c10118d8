/** Places for connections: how many, and how many of them one address may have. Rows E18, E31. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { descriptorsMax, Places, placesFor } from '../../src/server/places.ts';

const test = suite('places (E18, E31)');

/** How many of `asked` get one. */
function taken(places: Places, address: string, asked: number): number {
  let count = 0;
  for (let at = 0; at < asked; at += 1) if (places.take(address)) count += 1;
  return count;
}

test('there are fewer of them than descriptors', () => {
  assert.ok(descriptorsMax() > 0);
  assert.is(placesFor(1024), 896);
  assert.is(placesFor(Number.POSITIVE_INFINITY), limits.connectionsMax);
  assert.is(placesFor(64), 1, 'whatever there is, one');
});

test('one address cannot take them all, and what it gives back can be had again', () => {
  const places = new Places(1000);
  assert.is(taken(places, 'greedy', 2000), 936);
  assert.is(taken(places, 'modest', 2000), 64);
  assert.is(taken(places, 'late', 1), 0, 'all are taken');
  places.leave('greedy');
  assert.is(taken(places, 'greedy', 1), 0);
  assert.is(taken(places, 'late', 1), 1);
});

test('however few there are, the first who comes has one', () => {
  for (let count = 1; count < 10; count += 1) assert.ok(new Places(count).take('any'));
});

test('never more than there are, and all come back', () => {
  const step = fc.record({ isTake: fc.boolean(), address: fc.constantFrom('a', 'b', 'c') });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(step), (count, steps) => {
      const places = new Places(count);
      const held: string[] = [];
      for (const { isTake, address } of steps) {
        if (isTake && places.take(address)) held.push(address);
        const at = held.indexOf(address);
        if (isTake || at < 0) continue;
        places.leave(address);
        held.splice(at, 1);
      }
      assert.ok(held.length <= count);
      for (const address of held) places.leave(address);
      assert.ok(taken(places, 'a', count) >= count - Math.floor(count / 4));
    }),
  );
});

test.run();
