// What time does, slice by slice.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectSession, disconnectSession } from '../../src/queue/connect.ts';
import { expire, nextDueMs } from '../../src/queue/expire.ts';
import { RETURNED_EXPIRED, RETURNED_SESSION_LOST } from '../../src/queue/journal.ts';
import { messagesOf } from './support/replayed.ts';
import { idsOf, Rig, receiptsOf } from './support/rig.ts';

const sliceMax = 1_000;

function session(rig: Rig, key: string) {
  return connectSession(rig.state, key, key, {}).session;
}

test('an expired lease counts as a failure and is written down, a delay that ends is not', () => {
  const rig = new Rig();
  rig.produce('q', 2);
  rig.produce('q', 1, 0, 1_000);
  rig.take('q', { visibilityMs: 1_000 });
  rig.pass(999);
  assert.equal([rig.state.required('q').inFlight, rig.state.required('q').delayed], [2, 1]);
  rig.pass(1);
  const returned = rig.recorder.of('returned');
  assert.equal(
    returned.map(({ how, ids }) => [how, [...ids].sort()]),
    [[{ reason: RETURNED_EXPIRED, atMs: rig.nowMs, dueMs: 0, consumer: '', text: '' }, [1, 2]]],
  );
  assert.equal(
    rig.take('q').map(({ deliveryCount, failureCount }) => [deliveryCount, failureCount]),
    [
      [2, 1],
      [2, 1],
      [1, 0],
    ],
  );
  assert.is(rig.state.required('q').counters.expired, 2);
});

test('many leases expire in slices, in records about one queue each', () => {
  const rig = new Rig();
  rig.produce('a', 1_500);
  rig.produce('b', 1_000);
  for (const name of ['a', 'b']) rig.subscribe(name, { messages: 10_000, visibilityMs: 100 });
  rig.dispatch();
  for (const taker of [...rig.state.takers.all()]) rig.leave(taker);
  rig.nowMs += 100;
  let done = 0;
  let isMore = true;
  while (isMore) {
    isMore = expire(rig.state, rig.nowMs);
    const sum = rig.recorder.of('returned').reduce((count, { ids }) => count + ids.length, 0);
    assert.ok(sum - done <= sliceMax && sum > done);
    done = sum;
  }
  assert.is(done, 2_500);
  assert.equal([rig.state.required('a').ready, rig.state.required('b').ready], [1_500, 1_000]);
  const numbers = new Map([
    [rig.state.required('a').number, (id: number) => id <= 1_500],
    [rig.state.required('b').number, (id: number) => id > 1_500],
  ]);
  for (const { number, ids } of rig.recorder.of('returned')) {
    assert.ok(ids.every(numbers.get(number)!));
  }
});

test('a lost session gives its leases back after its grace, counted as failures', () => {
  const rig = new Rig();
  const lost = session(rig, 'lost');
  rig.produce('q', 2);
  rig.produce('other', 1);
  const receipts = receiptsOf(rig.take('q', { session: lost }));
  rig.take('other', { session: lost });
  disconnectSession(rig.state, lost, rig.nowMs);
  assert.is(nextDueMs(rig.state), rig.nowMs + 5_000);
  rig.pass(4_999);
  assert.is(rig.state.required('q').inFlight, 2);
  rig.pass(1);
  assert.equal([rig.state.required('q').ready, rig.state.required('other').ready], [2, 1]);
  assert.ok(rig.recorder.of('returned').every(({ how }) => how.reason === RETURNED_SESSION_LOST));
  assert.equal(
    messagesOf(rig.state, 'q').map(({ failureCount }) => failureCount),
    [1, 1],
  );
  assert.is(rig.state.required('q').counters.sessionLost, 2);
  assert.equal(rig.ack('q', receipts, lost), ['STALE_RECEIPT', 'STALE_RECEIPT']);
});

test('detached leases outlive every session', () => {
  const rig = new Rig();
  const lost = session(rig, 'lost');
  rig.produce('q');
  const receipts = receiptsOf(rig.take('q'));
  disconnectSession(rig.state, lost, rig.nowMs);
  rig.pass(20_000);
  assert.equal(rig.ack('q', receipts), [undefined]);
});

test('many leases of lost sessions come back in slices', () => {
  const rig = new Rig();
  rig.produce('q', 3_000);
  for (const key of ['k1', 'k2', 'k3', 'k4', 'k5']) {
    const lost = session(rig, key);
    rig.subscribe('q', { messages: 600, session: lost });
    rig.dispatch();
    disconnectSession(rig.state, lost, rig.nowMs);
  }
  rig.nowMs += 5_000;
  let before = rig.state.required('q').ready;
  assert.is(before, 0);
  for (let isMore = true; isMore; ) {
    isMore = expire(rig.state, rig.nowMs);
    const { ready } = rig.state.required('q');
    assert.ok(ready - before <= sliceMax, `${ready - before} in one slice`);
    before = ready;
  }
  assert.is(before, 3_000);
});

test('a session is forgotten ten minutes after it lost its connection', () => {
  const rig = new Rig();
  const first = session(rig, 'first');
  session(rig, 'connected');
  disconnectSession(rig.state, first, rig.nowMs);
  rig.pass(599_999);
  assert.is(rig.state.sessions.withKey('first'), first);
  assert.is(nextDueMs(rig.state), rig.nowMs + 1);
  rig.pass(1);
  assert.is(rig.state.sessions.withKey('first'), undefined);
  assert.equal(
    rig.recorder.of('sessionEnded').map(({ session }) => session),
    [first.number],
  );
  assert.is(nextDueMs(rig.state), Number.POSITIVE_INFINITY);
  const again = connectSession(rig.state, 'first', 'first', {});
  assert.not(again.resumed);
  assert.ok(again.session.number > first.number);
});

test('a session that comes back starts its time anew', () => {
  const rig = new Rig();
  const one = session(rig, 'one');
  disconnectSession(rig.state, one, rig.nowMs);
  rig.pass(500_000);
  assert.ok(connectSession(rig.state, 'one', 'one', {}).resumed);
  rig.pass(500_000);
  disconnectSession(rig.state, one, rig.nowMs);
  rig.pass(599_999);
  assert.is(rig.state.sessions.withKey('one'), one);
});

test('beyond 100,000 sessions the one gone longest is forgotten first', () => {
  const rig = new Rig();
  for (let number = 0; number < 100_002; number += 1) {
    connectSession(rig.state, `k${number}`, '', rig.connection);
  }
  for (const key of ['k7', 'k3', 'k9']) {
    disconnectSession(rig.state, rig.state.sessions.withKey(key)!, rig.nowMs);
    rig.nowMs += 1;
  }
  rig.nowMs += 5_000;
  while (expire(rig.state, rig.nowMs));
  const known = ['k7', 'k3', 'k9'].map((key) => rig.state.sessions.withKey(key) !== undefined);
  assert.equal(known, [false, false, true]);
});

test('the next due time is that of the first thing to happen', () => {
  const rig = new Rig();
  assert.is(nextDueMs(rig.state), Number.POSITIVE_INFINITY);
  const start = rig.nowMs;
  rig.receive('q', { waitMs: 900 });
  assert.is(nextDueMs(rig.state), start + 900);
  rig.produce('q', 1, 0, 800);
  assert.is(nextDueMs(rig.state), start + 800);
  rig.produce('q');
  rig.take('q', { visibilityMs: 700 });
  rig.dispatch();
  rig.produce('q');
  rig.take('q', { visibilityMs: 600 });
  assert.is(nextDueMs(rig.state), start + 600);
});

test('what is due for long is done in the order of its time', () => {
  const rig = new Rig();
  rig.produce('q', 1, 0, 500);
  rig.produce('q', 1, 9, 5_000);
  const waiting = rig.receive('q', { waitMs: 60_000, messages: 1 });
  rig.pass(10_000);
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(waiting)), [2], 'both are ready: priority decides');
});

test.run();
