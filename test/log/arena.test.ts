// The arena by itself: what is copied out of it stays as it is while it moves on.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Arena } from '../../src/log/arena.ts';

const chunkBytes = 64;
const bodyBytes = 40;

/** One record to a chunk, its body filled with `fill`. Returns its position. */
function write(arena: Arena, fill: number): number {
  const at = arena.begin(16, 1, bodyBytes, Number.POSITIVE_INFINITY);
  const position = arena.beginPosition;
  arena.buffer.fill(fill, at, at + bodyBytes);
  arena.finish(at + bodyBytes);
  return position;
}

test('what a record is a copy of stays as it is until the record is written', () => {
  const arena = new Arena(0, chunkBytes, 2 * chunkBytes);
  const positions = [write(arena, 1), write(arena, 2)];
  for (let fill = 3; fill < 9; fill += 1) {
    // The oldest one that is still there; it is pushed out by the record that copies it.
    const source = positions.at(-2)!;
    const { buffer, address } = arena.find(source, bodyBytes)!;
    const from = source - address;
    positions.push(write(arena, fill));
    assert.is(arena.find(source, bodyBytes), undefined);
    assert.ok(buffer.subarray(from, from + bodyBytes).every((byte) => byte === fill - 2));
  }
});

test.run();
