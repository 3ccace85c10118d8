// Purge and delete: everything goes at once, its memory slice by slice, and nobody is left waiting.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expire, nextDueMs } from '../../src/queue/expire.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { deleteQueue, purge } from '../../src/queue/purge.ts';
import { idsOf, Rig, receiptsOf } from './support/rig.ts';

test('a purge takes ready, delayed and in flight, by one fact', () => {
  const rig = new Rig();
  rig.produce('q', 3);
  rig.produce('q', 2, 7, 1_000);
  rig.produce('other', 2);
  const receipts = receiptsOf(rig.take('q', { messages: 2 }));
  const queue = rig.state.required('q');
  assert.is(purge(rig.state, queue), 5);
  assert.equal([queue.live, queue.bytes, queue.counters.purged], [0, 0, 5]);
  assert.equal(
    rig.recorder.of('purged').map(({ number, lastId }) => [number, lastId]),
    [[queue.number, 7]],
  );
  assert.equal(rig.ack('q', receipts), ['GONE', 'GONE'], 'also before their memory is freed');
  rig.pass(60_000);
  assert.equal(rig.nack('q', receipts), ['GONE', 'GONE']);
  assert.equal([rig.recorder.liveBytes, rig.state.leases.size], [2, 0]);
  assert.is(rig.state.required('other').ready, 2);
});

test('a purge of an empty queue is no fact', () => {
  const rig = new Rig();
  rig.produce('q');
  rig.ack('q', receiptsOf(rig.take('q')));
  const facts = rig.recorder.facts.length;
  assert.is(purge(rig.state, rig.state.required('q')), 0);
  assert.is(rig.recorder.facts.length, facts);
});

test('memory is freed in slices, before anything else that is due', () => {
  const rig = new Rig();
  rig.produce('q', 5_000);
  rig.subscribe('q', { messages: 3_000, visibilityMs: 10 });
  rig.dispatch();
  purge(rig.state, rig.state.required('q'));
  rig.produce('q', 3);
  assert.is(rig.recorder.liveBytes, 5_003);
  assert.is(nextDueMs(rig.state), 0);
  rig.nowMs += 10;
  let before = rig.recorder.liveBytes;
  let slices = 0;
  while (rig.state.isFreeing) {
    assert.ok(expire(rig.state, rig.nowMs));
    checkInvariants(rig.state);
    assert.ok(before - rig.recorder.liveBytes <= 2_048, 'a slice is bounded');
    before = rig.recorder.liveBytes;
    slices += 1;
  }
  assert.ok(slices >= 4);
  assert.equal([rig.recorder.liveBytes, rig.state.leases.size], [3, 0]);
  assert.is(rig.recorder.of('returned').length, 0, 'purged leases do not expire');
});

test('a purged queue goes on', () => {
  const rig = new Rig();
  rig.produce('q', 2);
  purge(rig.state, rig.state.required('q'));
  rig.produce('q', 1);
  assert.equal(idsOf(rig.take('q')), [3]);
});

test('deletion ends everybody who wants the queue, in line or not', () => {
  const rig = new Rig();
  rig.produce('q', 1, 0, 1_000);
  const queue = rig.state.required('q');
  const waiting = rig.receive(['never', 'q'], { waitMs: 1_000 });
  const outOfCredit = rig.subscribe('q', { messages: 0 });
  const other = rig.subscribe('other');
  assert.is(deleteQueue(rig.state, queue), 1);
  assert.equal(
    rig.ended.map(({ taker, code }) => [taker, code]),
    [
      [waiting, 'QUEUE_DELETED'],
      [outOfCredit, 'QUEUE_DELETED'],
    ],
  );
  assert.equal([...rig.state.queuesByName.keys()], ['other']);
  assert.equal([...rig.state.takers.all()], [other]);
  rig.pass(2_000);
  assert.equal([rig.recorder.liveBytes, rig.state.leases.size], [0, 0]);
});

test('a deleted queue that is made again is another one', () => {
  const rig = new Rig();
  rig.produce('q', 2);
  const receipts = receiptsOf(rig.take('q'));
  const { number } = rig.state.required('q');
  deleteQueue(rig.state, rig.state.required('q'));
  assert.equal(rig.ack('q', receipts), ['GONE', 'GONE']);
  rig.produce('q');
  assert.ok(rig.state.required('q').number > number);
  assert.equal(rig.ack('q', receipts), ['GONE', 'GONE']);
  rig.expire();
  assert.equal(idsOf(rig.take('q')), [3]);
});

test.run();
