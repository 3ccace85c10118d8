// One lane: messages in order of their IDs whatever comes, goes and comes back, in chunks that are
// split, shrunk, joined, dropped and used again.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GONE, IN_FLIGHT, READY } from '../../src/queue/chunk.ts';
import { Lane } from '../../src/queue/lane.ts';
import { printedSeed, seededRandom } from '../support/random.ts';

function push(lane: Lane, from: number, to: number): void {
  for (let id = from; id <= to; id += 1) lane.push(id, id, id * 10, 1);
}

function find(lane: Lane, id: number) {
  const at = lane.chunkOf(id);
  if (at < 0) return undefined;
  const chunk = lane.chunks[at]!;
  const index = lane.indexIn(chunk, id);
  return index < 0 ? undefined : { chunk, index };
}

function remove(lane: Lane, id: number): void {
  const { chunk, index } = find(lane, id)!;
  lane.remove(chunk, index);
}

function setState(lane: Lane, id: number, state: typeof READY | typeof IN_FLIGHT): void {
  const { chunk, index } = find(lane, id)!;
  lane.setState(chunk, index, state);
}

function firstReady(lane: Lane): number {
  const chunk = lane.firstReadyChunk();
  return chunk.idAt(chunk.firstReady());
}

function liveIds(lane: Lane): number[] {
  return lane.chunks.flatMap((chunk) =>
    Array.from({ length: chunk.count }, (_, index) => index)
      .filter((index) => chunk.states[index] !== GONE)
      .map((index) => chunk.idAt(index)),
  );
}

test('a chunk that is full is followed by another', () => {
  const lane = new Lane(0);
  push(lane, 1, 2_500);
  assert.equal(
    lane.chunks.map(({ count }) => count),
    [1_024, 1_024, 452],
  );
  assert.is(find(lane, 1_025)!.chunk, lane.chunks[1]);
  assert.is(find(lane, 2_501), undefined);
  assert.is(find(lane, 0), undefined);
  assert.equal([lane.live, lane.ready], [2_500, 2_500]);
});

test('a message that comes back is the first ready one again, also in an earlier chunk', () => {
  const lane = new Lane(0);
  push(lane, 1, 1_100);
  for (let id = 1; id <= 1_050; id += 1) setState(lane, id, IN_FLIGHT);
  assert.is(firstReady(lane), 1_051);
  setState(lane, 1_030, READY);
  assert.is(firstReady(lane), 1_030);
  setState(lane, 700, READY);
  assert.is(firstReady(lane), 700);
  assert.is(lane.ready, 52);
});

test('an insert takes its place in a chunk, in the middle and at both ends', () => {
  const lane = new Lane(0);
  push(lane, 100, 110);
  remove(lane, 105);
  setState(lane, 107, IN_FLIGHT);
  lane.push(200, 200, 0, 1);
  lane.insert(150, 150, 0, 1);
  lane.insert(50, 50, 0, 1);
  lane.insert(40, 40, 0, 1);
  lane.insert(51, 51, 0, 1);
  lane.insert(300, 300, 0, 1);
  const rest = [100, 101, 102, 103, 104, 106, 107, 108, 109, 110, 150, 200, 300];
  assert.equal(liveIds(lane), [40, 50, 51, ...rest]);
  assert.equal([lane.live, lane.ready], [16, 15]);
  assert.is(lane.chunks.length, 1);
  assert.is(firstReady(lane), 40);
  assert.is(find(lane, 107)!.chunk.states[find(lane, 107)!.index], IN_FLIGHT);
});

const orders: Readonly<Record<string, (ids: number[], seed: number) => number[]>> = {
  rising: (ids) => ids,
  falling: (ids) => ids.reverse(),
  any: (ids, seed) => seededRandom(seed).shuffle(ids),
};

for (const [title, inOrder] of Object.entries(orders)) {
  test(`inserts in ${title} order fill chunks, and few of them`, () => {
    const seed = printedSeed('lane');
    const lane = new Lane(0);
    const ids = Array.from({ length: 20_000 }, (_, at) => at + 1);
    for (const id of inOrder([...ids], seed)) lane.insert(id, id, id * 10, 1);
    assert.equal(liveIds(lane), ids);
    assert.ok(lane.chunks.length <= 60, `${lane.chunks.length} chunks`);
  });
}

test('an insert into a chunk that is full of what is gone makes no second one', () => {
  const lane = new Lane(0);
  for (let id = 2; id <= 2_048; id += 2) lane.push(id, id, id, 1);
  for (const id of [2, 4, 500]) remove(lane, id);
  lane.insert(501, 501, 0, 1);
  lane.insert(3, 3, 0, 1);
  assert.is(lane.chunks.length, 1);
  assert.equal([firstReady(lane), lane.live], [3, 1_023]);
});

test('a message whose time is before that of its chunk stands between two', () => {
  const lane = new Lane(0);
  push(lane, 100, 102);
  lane.push(200, 200, 0, 1);
  lane.insert(150, 50, 0, 1);
  assert.equal(liveIds(lane), [100, 101, 102, 150, 200]);
  const { chunk, index } = find(lane, 150)!;
  assert.is(chunk.producedMsAt(index), 50);
});

test('a message that was there takes its own place again', () => {
  const lane = new Lane(0);
  for (const id of [1, 3, 4]) lane.push(id, id, id, 1);
  remove(lane, 3);
  lane.insert(3, 3, 30, 1);
  assert.is(find(lane, 3)!.chunk.positions[1], 30);
  assert.is(lane.chunks[0]!.count, 3);
});

test('an insert where the next entries are gone leaves no empty chunk', () => {
  const lane = new Lane(0);
  for (let id = 10; id <= 400; id += 10) lane.push(id, id, id, 1);
  for (const id of [110, 120, 130]) remove(lane, id);
  lane.insert(105, 105, 0, 1);
  lane.insert(125, 125, 0, 1);
  lane.insert(115, 115, 0, 1);
  assert.ok(lane.chunks.every(({ live, count }) => live > 0 && count > 0));
  assert.equal(liveIds(lane).slice(9, 14), [100, 105, 115, 125, 140]);
  assert.ok(find(lane, 115) && find(lane, 125) && find(lane, 140));
});

test('a sparse chunk shrinks, and joins the one before it where both fit', () => {
  const lane = new Lane(0);
  push(lane, 1, 3_072);
  for (let id = 1; id <= 3_072; id += 1) if (id % 16 !== 0) remove(lane, id);
  assert.is(lane.live, 192);
  assert.is(lane.chunks.length, 2, 'of three');
  const isShorter = lane.chunks.every(({ states }) => states.length < 1_024);
  assert.ok(isShorter);
  assert.equal(
    liveIds(lane),
    Array.from({ length: 192 }, (_, at) => 16 * (at + 1)),
  );
  assert.is(firstReady(lane), 16);
});

test('an empty chunk goes, but for the last one, whose rest is used', () => {
  const lane = new Lane(0);
  push(lane, 1, 1_030);
  for (let id = 1; id <= 1_030; id += 1) remove(lane, id);
  assert.is(lane.chunks.length, 1);
  const [tail] = lane.chunks;
  push(lane, 1_031, 1_040);
  assert.is(lane.chunks[0], tail);
  assert.equal([firstReady(lane), lane.live], [1_031, 10]);
  push(lane, 1_041, 2_000);
  for (let id = 1_031; id <= 2_000; id += 1) remove(lane, id);
  assert.equal([lane.live, lane.ready], [0, 0]);
  assert.ok(lane.chunks.length <= 1 && lane.chunks.every(({ count }) => count < 512));
  push(lane, 2_001, 2_001);
  assert.is(firstReady(lane), 2_001);
});

interface Expected {
  readonly producedMs: number;
  readonly position: number;
  isReady: boolean;
}

function sameAs(lane: Lane, expected: ReadonlyMap<number, Expected>): void {
  const ids = [...expected.keys()].sort((a, b) => a - b);
  assert.equal(liveIds(lane), ids);
  const ready = ids.filter((id) => expected.get(id)!.isReady);
  assert.equal([lane.live, lane.ready], [ids.length, ready.length]);
  if (ready.length > 0) assert.is(firstReady(lane), ready[0]);
  for (const id of ids) {
    const { chunk, index } = find(lane, id)!;
    const { producedMs, position, isReady } = expected.get(id)!;
    assert.equal([chunk.producedMsAt(index), chunk.positions[index]], [producedMs, position]);
    assert.is(chunk.states[index] === READY, isReady);
    assert.ok(position >= chunk.positionMin);
  }
  for (const chunk of lane.chunks) assert.ok(chunk.count > 0);
}

test('random changes leave the same as a sorted list', () => {
  const seed = printedSeed('lane');
  for (let round = 0; round < 5; round += 1) {
    const random = seededRandom(seed + round * 2 ** 32);
    const lane = new Lane(0);
    const expected = new Map<number, Expected>();
    let highest = 0;
    const add = (how: 'push' | 'insert', id: number): void => {
      const position = random.integer(1, 2 ** 40);
      lane[how](id, id, position, 1);
      expected.set(id, { producedMs: id, position, isReady: true });
    };
    for (let step = 0; step < 2_000; step += 1) {
      const draw = random.fraction();
      const known = [...expected.keys()];
      const id = known.length === 0 ? 0 : random.pick(known);
      if (draw < 0.2 || id === 0) {
        const count = random.chance(0.1) ? 400 : random.integer(1, 5);
        for (let number = 0; number < count; number += 1) {
          highest += random.chance(0.3) ? random.integer(1, 50) : 1;
          add('push', highest);
        }
      } else if (draw < 0.35) {
        const free = random.integer(1, highest);
        if (!expected.has(free)) add('insert', free);
      } else if (draw < 0.6) {
        for (const gone of known.slice(-random.integer(1, 40))) {
          remove(lane, gone);
          expected.delete(gone);
        }
      } else if (draw < 0.8) {
        remove(lane, id);
        expected.delete(id);
      } else {
        const message = expected.get(id)!;
        message.isReady = !message.isReady;
        setState(lane, id, message.isReady ? READY : IN_FLIGHT);
      }
      if (step % 20 === 0) sameAs(lane, expected);
    }
    sameAs(lane, expected);
  }
});

test.run();
