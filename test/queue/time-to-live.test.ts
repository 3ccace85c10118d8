// Time to live, and not before a time: what is past its time is not delivered and its receipts are not
// valid, whatever its state, at once, after a restart and after compaction.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { dispatch } from '../../src/queue/deliver.ts';
import { expire, nextDueMs } from '../../src/queue/expire.ts';
import { DIED_EXPIRED, SETTLED_EXPIRED } from '../../src/queue/journal.ts';
import { purge } from '../../src/queue/purge.ts';
import type { QueueSettings } from '../../src/queue/queue.ts';
import { deadIds, redrive } from '../../src/queue/redrive.ts';
import { LostRange } from '../../src/queue/unreadable.ts';
import { Compaction } from './support/compaction.ts';
import { idsOf, Rig, receiptsOf } from './support/rig.ts';

const lifeMs = 10_000;

function live(rig: Rig, count = 1, delayMs = 0, name = 'q'): number {
  return rig.produce(name, count, 0, delayMs, { timeToLiveMs: lifeMs });
}

function rigWith(settings: QueueSettings): Rig {
  const rig = new Rig();
  rig.produce('q');
  rig.ack('q', receiptsOf(rig.take('q')));
  const queue = rig.state.required('q');
  queue.settings = settings;
  queue.position = rig.recorder.queueSet(queue);
  return rig;
}

function countsOf(rig: Rig) {
  const { ready, inFlight, delayed, dead, counters } = rig.state.required('q');
  return { ready, inFlight, delayed, dead, timedOut: counters.timedOut };
}

const none = { ready: 0, inFlight: 0, delayed: 0, dead: 0 };

function compact(rig: Rig): void {
  const compaction = new Compaction(rig.state, rig.recorder, rig.recorder.end);
  while (compaction.step(1000));
  compaction.finish();
}

test('past its time a message goes, whether ready, delayed or in flight', () => {
  const rig = new Rig();
  live(rig, 2);
  live(rig, 1, lifeMs * 2);
  rig.take('q', { messages: 1, visibilityMs: lifeMs * 3 });
  assert.is(nextDueMs(rig.state), rig.nowMs + lifeMs);
  rig.pass(lifeMs - 1);
  assert.equal(countsOf(rig), { ready: 1, inFlight: 1, delayed: 1, dead: 0, timedOut: 0 });
  rig.pass(1);
  assert.equal(countsOf(rig), { ...none, timedOut: 3 });
  const [fact, ...others] = rig.recorder.of('settled');
  assert.equal(
    [fact!.reason, [...fact!.ids].sort(), others.length],
    [SETTLED_EXPIRED, [1, 2, 3], 0],
  );
  assert.equal([rig.state.leases.size, rig.state.leases.expiries.size], [0, 0]);
});

test('or is dead, without a failure, and once redriven has no time to live', () => {
  const rig = rigWith({ whenExpired: 'dead' });
  const first = live(rig, 3, lifeMs / 2);
  rig.pass(lifeMs / 2);
  const [held] = receiptsOf(rig.take('q', { messages: 1, visibilityMs: lifeMs }));
  rig.pass(lifeMs / 2);
  assert.equal(countsOf(rig), { ...none, dead: 3, timedOut: 3 });
  const [fact] = rig.recorder.of('died');
  assert.equal([fact!.how.reason, fact!.ids.length], [DIED_EXPIRED, 3]);
  assert.equal(rig.ack('q', [held!]), ['STALE_RECEIPT']);
  compact(rig);
  rig.restart();
  assert.is(countsOf(rig).dead, 3);
  const queue = rig.state.required('q');
  assert.is(redrive(rig.state, queue, queue, deadIds(queue, 9), 'ops').count, 3);
  rig.pass(lifeMs);
  rig.restart();
  const again = rig.take('q');
  assert.equal(idsOf(again), [first, first + 1, first + 2]);
  assert.equal(
    again.map(({ failureCount }) => failureCount),
    [0, 0, 0],
  );
});

test('a delay that ends leaves the time to live, also over a restart', () => {
  const rig = new Rig();
  live(rig, 2, 100);
  rig.pass(100);
  assert.is(countsOf(rig).ready, 2);
  rig.restart();
  rig.take('q', { messages: 1, visibilityMs: 50 });
  rig.pass(50);
  compact(rig);
  rig.restart();
  assert.is(countsOf(rig).ready, 2);
  rig.pass(lifeMs - 151);
  assert.is(countsOf(rig).ready, 2);
  rig.pass(1);
  assert.equal(countsOf(rig), { ...none, timedOut: 2 });
});

test('what expired while the broker was down is never delivered', () => {
  const rig = new Rig();
  live(rig, 3);
  rig.produce('q');
  assert.is(rig.replayed().state.leases.expiries.size, 3);
  rig.nowMs += lifeMs;
  const { ready, counters } = rig.replayed().state.required('q');
  assert.equal([ready, counters.timedOut], [1, 3]);
});

test('a receipt past the time is not valid, also where nothing expired yet', () => {
  const rig = new Rig();
  live(rig, 4);
  const receipts = receiptsOf(rig.take('q', { messages: 4, visibilityMs: lifeMs * 2 }));
  rig.nowMs += lifeMs;
  assert.equal(rig.ack('q', [receipts[0]!, receipts[0]!]), ['GONE', 'GONE']);
  assert.equal(rig.nack('q', [receipts[1]!]), ['GONE']);
  assert.equal(rig.release('q', [receipts[2]!]), ['GONE']);
  assert.equal(rig.extend('q', [receipts[3]!]), ['GONE']);
  assert.equal(countsOf(rig), { ...none, timedOut: 4 });
  assert.equal(
    rig.recorder.of('settled').map(({ ids }) => ids),
    [[1], [2], [3], [4]],
  );
  rig.nowMs -= lifeMs;
  rig.restart();
  assert.equal(rig.ack('q', receipts), ['GONE', 'GONE', 'GONE', 'GONE'], 'it is written down');
});

test('nor is an acknowledgement by ID', () => {
  for (const whenExpired of ['discard', 'dead'] as const) {
    const rig = rigWith({ whenExpired });
    const id = live(rig);
    rig.take('q', { visibilityMs: lifeMs * 2 });
    rig.nowMs += lifeMs;
    const code = whenExpired === 'dead' ? 'NOT_LEASED' : 'GONE';
    assert.equal(rig.ackCurrent('q', [id]), [code]);
    assert.is(countsOf(rig).timedOut, 1);
  }
});

test('a lease that ends later than its message counts no failure', () => {
  const rig = rigWith({ failuresMax: 1, whenExpired: 'dead' });
  live(rig);
  const receipts = receiptsOf(rig.take('q', { visibilityMs: lifeMs }));
  rig.nowMs += lifeMs;
  assert.equal(rig.ack('q', receipts), ['STALE_RECEIPT']);
  rig.expire();
  const { counters } = rig.state.required('q');
  assert.equal([counters.timedOut, counters.expired, counters.died], [1, 0, 0]);
});

test('a delivery passes over what is past its time, before anything expired', () => {
  const rig = new Rig();
  live(rig, 2);
  rig.produce('q', 1);
  live(rig, 2);
  rig.produce('q', 1);
  rig.nowMs += lifeMs;
  const taker = rig.subscribe('q', { messages: 10 });
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(taker)), [3, 6]);
  assert.equal(
    rig.recorder.of('settled').map(({ ids }) => ids),
    [
      [1, 2],
      [4, 5],
    ],
  );
  assert.is(countsOf(rig).timedOut, 4);
});

test('behind many of them too, a slice at a time, before another queue has its turn', () => {
  const rig = new Rig();
  live(rig, 2_500);
  const first = rig.produce('q');
  rig.produce('other');
  rig.nowMs += lifeMs;
  const taker = rig.receive(['q', 'other'], { messages: 1 });
  for (const sum of [1_000, 2_000]) {
    assert.ok(dispatch(rig.state, rig.nowMs));
    assert.equal([countsOf(rig).timedOut, rig.delivered.length], [sum, 0]);
  }
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(taker)), [first]);
});

test('many expire in slices, each a record about one queue', () => {
  const rig = new Rig();
  live(rig, 1_500, 0, 'a');
  live(rig, 1_000, 0, 'b');
  rig.nowMs += lifeMs;
  let done = 0;
  for (let isMore = true; isMore; ) {
    isMore = expire(rig.state, rig.nowMs);
    const sum = rig.recorder.of('settled').reduce((count, { ids }) => count + ids.length, 0);
    assert.ok(sum > done && sum - done <= limits.sliceMessagesMax, `${sum - done} in one slice`);
    done = sum;
  }
  assert.is(done, 2_500);
});

test('a time to live of the queue is for what is produced from then on without one', () => {
  const rig = rigWith({ timeToLiveMs: 1_000 });
  rig.produce('q');
  live(rig);
  rig.state.required('q').settings = {};
  rig.produce('q');
  const lives = rig.recorder.of('produced').map(({ nowMs, expiresMs }) => expiresMs - nowMs);
  assert.equal(lives, [-rig.nowMs, 1_000, lifeMs, -rig.nowMs]);
  rig.pass(lifeMs);
  assert.equal(countsOf(rig), { ...none, ready: 1, timedOut: 2 });
});

test('what is dead already does not expire, nor what is unreadable', () => {
  const rig = rigWith({ failuresMax: 1 });
  live(rig, 2);
  rig.nack('q', receiptsOf(rig.take('q', { messages: 1 })));
  new LostRange(rig.state, 0, rig.recorder.end).lose();
  assert.is(rig.state.leases.expiries.size, 0);
  rig.pass(lifeMs);
  assert.is(rig.state.required('q').counters.timedOut, 0);
  assert.is(rig.state.required('q').unreadable, 2);
});

test('what was purged does not expire', () => {
  const rig = new Rig();
  live(rig, 5);
  purge(rig.state, rig.state.required('q'));
  rig.nowMs += lifeMs;
  rig.expire();
  assert.equal([rig.state.leases.expiries.size, rig.recorder.of('settled').length], [0, 0]);
});

test('not before a time: it is delayed until then, and one in the past is ready', () => {
  const rig = new Rig();
  const notBeforeMs = rig.nowMs + 5_000;
  rig.produce('q', 1, 0, 0, { notBeforeMs });
  rig.produce('q', 1, 0, 0, { notBeforeMs: rig.nowMs });
  assert.equal(
    rig.recorder.of('produced').map(({ dueMs }) => dueMs),
    [notBeforeMs, 0],
  );
  assert.equal(idsOf(rig.take('q')), [2]);
  rig.pass(4_999);
  assert.equal(rig.take('q'), []);
  rig.pass(1);
  assert.equal(idsOf(rig.take('q')), [1]);
});

test('a message without a time to live has neither row nor deadline', () => {
  const rig = new Rig();
  rig.produce('q', 100);
  const { size, expiries } = rig.state.leases;
  assert.equal([size, expiries.size], [0, 0]);
});

test.run();
