// The life of a session: resume with what is held, goodbye, and what the log is told.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  connectSession,
  disconnectSession,
  endSession,
  resumeSession,
} from '../../src/queue/connect.ts';
import { RETURNED_RELEASED } from '../../src/queue/journal.ts';
import { purge } from '../../src/queue/purge.ts';
import { messagesOf } from './support/replayed.ts';
import { Rig, receiptsOf } from './support/rig.ts';

/** A session that holds five messages of two queues. */
function holding() {
  const rig = new Rig();
  const { session } = connectSession(rig.state, 'key', 'name', rig.connection);
  rig.produce('a', 3);
  rig.produce('b', 2);
  const a = receiptsOf(rig.take('a', { session }));
  const b = receiptsOf(rig.take('b', { session }));
  return { rig, session, a, b };
}

function ready(rig: Rig): number[] {
  return ['a', 'b'].flatMap((name) =>
    messagesOf(rig.state, name)
      .filter(({ dueMs }) => dueMs === 0)
      .map(({ id }) => id),
  );
}

test('a session opens once, and its key leads to it again', () => {
  const rig = new Rig();
  const { session, resumed } = connectSession(rig.state, 'key', 'name', rig.connection);
  assert.not(resumed);
  disconnectSession(rig.state, session, rig.nowMs);
  const again = connectSession(rig.state, 'key', 'another name', {});
  assert.equal([again.resumed, again.session], [true, session]);
  assert.equal(
    rig.recorder.of('sessionOpened').map(({ session: number, key, name }) => [number, key, name]),
    [[session.number, 'key', 'name']],
  );
});

test('a resumed client keeps what it holds, the rest is given back uncounted', () => {
  const { rig, session, a, b } = holding();
  const held = new Map([
    ['a', new Map([a[1]!, [a[2]![0], a[2]![1] + 1]])],
    ['b', new Map([b[0]!])],
  ]);
  resumeSession(rig.state, session, held, rig.nowMs);
  assert.equal(ready(rig), [1, 3, 5]);
  assert.is(session.leaseCount, 2);
  assert.ok(rig.recorder.of('returned').every(({ how }) => how.reason === RETURNED_RELEASED));
  assert.ok(messagesOf(rig.state, 'a').every(({ failureCount }) => failureCount === 0));
  assert.equal(rig.ack('a', [a[1]!, a[2]!], session), [undefined, 'STALE_RECEIPT']);
  assert.equal(rig.ack('b', b, session), [undefined, 'STALE_RECEIPT']);
});

test('a client that holds nothing gives back everything, detached leases excepted', () => {
  const { rig, session } = holding();
  rig.produce('a');
  const detached = receiptsOf(rig.take('a'));
  assert.is(detached.length, 1);
  resumeSession(rig.state, session, new Map(), rig.nowMs);
  assert.equal(ready(rig), [1, 2, 3, 4, 5]);
  assert.equal(rig.ack('a', detached), [undefined]);
});

test('more leases than one slice holds come back in several', () => {
  const rig = new Rig();
  const { session } = connectSession(rig.state, 'key', 'name', rig.connection);
  rig.produce('q', 2_300);
  const taker = rig.subscribe('q', { session, messages: 10_000 });
  rig.dispatch();
  rig.leave(taker);
  const slices = [
    endSession(rig.state, session, rig.nowMs),
    endSession(rig.state, session, rig.nowMs),
  ];
  assert.equal(slices, [true, true]);
  assert.not(endSession(rig.state, session, rig.nowMs));
  const counts = rig.recorder.of('returned').map(({ ids }) => ids.length);
  assert.equal(counts, [1_000, 1_000, 300]);
});

test('goodbye gives back uncounted and forgets the session', () => {
  const { rig, session, a } = holding();
  endSession(rig.state, session, rig.nowMs);
  assert.equal(ready(rig), [1, 2, 3, 4, 5]);
  assert.ok(messagesOf(rig.state, 'a').every(({ failureCount }) => failureCount === 0));
  assert.equal(rig.state.required('a').counters.released, 3);
  assert.is(rig.state.sessions.withKey('key'), undefined);
  const next = connectSession(rig.state, 'key', 'name', rig.connection);
  assert.not(next.resumed);
  assert.equal(rig.ack('a', [a[0]!], next.session), ['STALE_RECEIPT']);
});

test('leases of purged messages hinder no goodbye, freed or not', () => {
  const { rig, session } = holding();
  purge(rig.state, rig.state.required('a'));
  endSession(rig.state, session, rig.nowMs);
  assert.equal(ready(rig), [4, 5]);
  rig.expire();
  assert.is(rig.state.leases.deadlines.size, 0);
  const { state } = rig.replayed();
  assert.equal(
    [...state.sessions.all()].map(({ number }) => number),
    [],
  );
});

test.run();
