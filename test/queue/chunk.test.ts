// One chunk: what it stores, its counts, its bounds.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Chunk, DELAYED, GONE, IN_FLIGHT, READY } from '../../src/queue/chunk.ts';

function chunkOf(ids: readonly number[]): Chunk {
  const chunk = new Chunk(ids[0]!, 1_000);
  for (const id of ids) chunk.push(id, 1_000 + id, id * 10, id + 1);
  return chunk;
}

const run = Array.from({ length: 100 }, (_, at) => 50 + at);

test('columns grow and keep what was in them', () => {
  const chunk = chunkOf(run);
  for (const [index, id] of run.entries()) {
    assert.is(chunk.idAt(index), id);
    assert.is(chunk.producedMsAt(index), 1_000 + id);
    assert.is(chunk.positions[index], id * 10);
    assert.is(chunk.lengths[index], id + 1);
    assert.is(chunk.states[index], READY);
  }
  assert.equal([chunk.count, chunk.live, chunk.ready, chunk.lastId], [100, 100, 100, 149]);
  assert.is(chunk.positionMin, 500);
});

test('an ID is found, also between gaps, or else the place after it', () => {
  const chunk = chunkOf([10, 11, 12, 40, 41, 90]);
  assert.equal(
    [9, 10, 12, 13, 39, 40, 41, 42, 90, 91].map((id) => chunk.search(id)),
    [0, 0, 2, 3, 3, 3, 4, 5, 5, 6],
  );
  const gapFirst = chunkOf([10, 12, 13]);
  assert.equal(
    [10, 11, 12, 13, 14].map((id) => gapFirst.search(id)),
    [0, 1, 1, 2, 3],
  );
});

test('states are counted, and the first ready entry is found again when one comes back', () => {
  const chunk = chunkOf(run);
  chunk.setState(0, IN_FLIGHT);
  chunk.setState(1, DELAYED);
  assert.is(chunk.firstReady(), 2);
  chunk.setState(2, GONE);
  assert.is(chunk.firstReady(), 3);
  assert.equal([chunk.live, chunk.ready], [99, 97]);
  chunk.setState(1, READY);
  assert.is(chunk.firstReady(), 1);
});

test('it takes 1,024 messages, none before its first, none too far from it', () => {
  const chunk = new Chunk(5, 1_000);
  for (let id = 5; id < 5 + 1_024; id += 1) {
    assert.ok(chunk.takes(id, 1_000));
    chunk.push(id, 1_000, id, 1);
  }
  assert.not(chunk.takes(3_000, 1_000));
  const young = chunkOf([5]);
  assert.not(young.takes(6, 999));
  assert.ok(young.takes(5 + 2 ** 32 - 1, 1_000 + 2 ** 32 - 1));
  assert.not(young.takes(5 + 2 ** 32, 1_000));
  assert.not(young.takes(6, 1_000 + 2 ** 32));
  young.push(5 + 2 ** 32 - 1, 1_000 + 2 ** 32 - 1, 7, 1);
  assert.is(young.idAt(1), 5 + 2 ** 32 - 1);
  assert.is(young.producedMsAt(1), 1_000 + 2 ** 32 - 1);
});

test('live entries are copied with state and row, the others are left behind', () => {
  const from = chunkOf([10, 11, 12, 13]);
  from.rows.set([0, 7, 8, 9]);
  from.setState(1, IN_FLIGHT);
  from.setState(2, GONE);
  from.setState(3, DELAYED);
  const into = chunkOf([4]);
  into.copyLiveFrom(from, 1);
  assert.equal([into.count, into.live, into.ready], [3, 3, 1]);
  assert.equal([into.idAt(1), into.states[1], into.rows[1]], [11, IN_FLIGHT, 7]);
  assert.equal([into.idAt(2), into.states[2], into.rows[2]], [13, DELAYED, 9]);
  assert.equal([into.producedMsAt(2), into.positions[2], into.lengths[2]], [1_013, 130, 14]);
  assert.is(into.positionMin, 40);
});

test('a cut forgets the end and counts anew', () => {
  const chunk = chunkOf([10, 11, 12, 13]);
  chunk.setState(0, IN_FLIGHT);
  chunk.setState(1, GONE);
  chunk.cut(3);
  assert.equal([chunk.count, chunk.live, chunk.ready, chunk.lastId], [3, 2, 1, 12]);
  chunk.push(20, 1_020, 5, 1);
  assert.equal([chunk.firstReady(), chunk.states[3], chunk.positionMin], [2, READY, 5]);
});

test.run();
