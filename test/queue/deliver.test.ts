// Delivery: order, turns, bounds of a frame, preference, bodies that are not in memory. Row E29 of
// docs/reliability.md.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectSession } from '../../src/queue/connect.ts';
import { dispatch } from '../../src/queue/deliver.ts';
import { deleteQueue, purge } from '../../src/queue/purge.ts';
import { idsOf, Rig } from './support/rig.ts';

const kib = Buffer.alloc(1_024, 'k');
const ids = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at);

test('the highest priority goes first, then the lowest ID', () => {
  const rig = new Rig();
  rig.produce('q', 2, 0);
  rig.produce('q', 2, 255);
  rig.produce('q', 2, 7);
  rig.produce('q', 1, 255);
  assert.equal(idsOf(rig.take('q')), [3, 4, 7, 5, 6, 1, 2]);
});

test('a delivery says what the message is, and its token goes up', () => {
  const rig = new Rig();
  const session = connectSession(rig.state, 'k', 'k', rig.connection).session;
  const producedMs = rig.nowMs;
  rig.produce('q', [Buffer.from('one'), Buffer.from('two')], 3);
  rig.nowMs += 5;
  const [one, two] = rig.take('q', { session, visibilityMs: 700 });
  const common = { deliveryCount: 1, failureCount: 0, producedMs, priority: 3 };
  assert.equal(one, { id: 1, token: 2 ** 40, body: Buffer.from('one'), ...common });
  assert.equal(two, { id: 2, token: 2 ** 40 + 1, body: Buffer.from('two'), ...common });
  const fact = rig.recorder.of('delivered')[0]!;
  assert.equal([fact.session, fact.firstToken, fact.ids], [session.number, 2 ** 40, [1, 2]]);
  assert.is(fact.dueMs, rig.nowMs + 700);
});

test('a frame holds 512 messages at most', () => {
  const rig = new Rig();
  rig.produce('q', 1_100);
  assert.equal(idsOf(rig.take('q', { messages: 10_000 })), ids(1, 512));
  const taker = rig.subscribe('q', { messages: 600 });
  rig.dispatch();
  assert.equal(
    rig.delivered.slice(1).map(({ deliveries }) => deliveries.length),
    [512, 76],
  );
  assert.is(taker.messages, 12);
});

test('a frame holds 256 KiB at most, but for a first message of any size', () => {
  const rig = new Rig();
  rig.produce('q', [Buffer.alloc(300 * 1_024, 'x'), ...ids(1, 300).map(() => kib)]);
  assert.equal(idsOf(rig.take('q', { messages: 1_000 })), [1]);
  assert.equal(idsOf(rig.take('q', { messages: 1_000 })), ids(2, 257));
});

test('a receive takes bytesMax at most, but for the first message', () => {
  const rig = new Rig();
  rig.produce('q', [kib, kib, kib, kib, kib]);
  assert.equal(idsOf(rig.take('q', { bytes: 1 })), [1]);
  assert.equal(idsOf(rig.take('q', { bytes: 2 * 1_024 })), [2, 3]);
  assert.equal(idsOf(rig.take('q', { bytes: 2 * 1_024 - 1 })), [4]);
});

test('credit in bytes goes below zero by one message, then nothing more comes', () => {
  const rig = new Rig();
  rig.produce('q', [kib, kib, kib]);
  const taker = rig.subscribe('q', { bytes: 1_500 });
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(taker)), [1, 2]);
  assert.equal([taker.bytes, taker.inLine], [1_500 - 2 * 1_024, false]);
});

test('those of one queue take turns', () => {
  const rig = new Rig();
  const takers = ids(1, 3).map(() => rig.subscribe('q'));
  for (let round = 0; round < 6; round += 1) {
    rig.produce('q');
    rig.dispatch();
  }
  assert.equal(
    takers.map((taker) => idsOf(rig.takenBy(taker))),
    [
      [1, 4],
      [2, 5],
      [3, 6],
    ],
  );
  rig.produce('q', 9);
  rig.dispatch();
  assert.equal(
    takers.map((taker) => rig.takenBy(taker).length),
    [5, 5, 5],
  );
});

test('a queue that always has more holds up no other, nor who does not wait', () => {
  const rig = new Rig();
  rig.subscribe('busy', { messages: 100_000 });
  const quiet = rig.subscribe('quiet');
  rig.produce('busy', 5_000);
  rig.produce('quiet');
  const empty = rig.receive('nothing');
  const waiting = rig.receive('busy');
  const calls = [0, 1, 2].map(() => {
    rig.produce('busy', 1_200);
    return dispatch(rig.state, rig.nowMs);
  });
  assert.equal(calls, [true, true, true]);
  assert.is(rig.takenBy(quiet).length, 1);
  assert.equal(rig.empties, [empty]);
  assert.ok(rig.takenBy(waiting).length > 0);
});

test('the first queue with messages in order of preference is taken from, and only that', () => {
  const rig = new Rig();
  rig.produce('b', 2);
  rig.produce('c', 2);
  assert.equal(idsOf(rig.take(['a', 'b', 'c'])), [1, 2]);
  assert.equal(idsOf(rig.take(['a', 'b', 'c'])), [3, 4]);
  const waiting = rig.receive(['a', 'b', 'c'], { waitMs: 1_000 });
  rig.produce('c');
  rig.produce('a');
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(waiting)), [6]);
  assert.is(rig.state.required('c').line.size, 0, 'it left all lines');
});

test('a receive that does not wait is answered empty, one that waits is not', () => {
  const rig = new Rig();
  rig.produce('q', 1, 0, 50);
  const impatient = rig.receive('q');
  const patient = rig.receive('q', { waitMs: 1_000 });
  rig.dispatch();
  assert.equal(rig.empties, [impatient]);
  rig.pass(50);
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(patient)), [1]);
  rig.pass(10_000);
  assert.is(rig.empties.length, 1);
});

test('a receive may wait for a queue that does not exist yet', () => {
  const rig = new Rig();
  const taker = rig.receive('new', { waitMs: 1_000 });
  rig.dispatch();
  assert.is(rig.state.existing('new'), undefined);
  rig.produce('new');
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(taker)), [1]);
});

test('where queues are made explicitly only, an unknown one is refused', () => {
  const rig = new Rig({ createQueues: false });
  for (const ask of [() => rig.produce('q'), () => rig.receive('q'), () => rig.subscribe('q')]) {
    assert.throws(ask, ({ code }: { code: string }) => code === 'QUEUE_NOT_FOUND');
  }
  assert.is(rig.state.queuesByName.size, 0);
  assert.is(rig.recorder.facts.length, 0);
});

test('a paused queue gives nothing and takes nothing', () => {
  const rig = new Rig();
  rig.produce('q');
  const queue = rig.state.required('q');
  queue.paused = 'receive';
  assert.equal(rig.take('q'), []);
  const waiting = rig.receive('q', { waitMs: 1_000 });
  rig.produce('q');
  rig.dispatch();
  assert.equal(rig.takenBy(waiting), []);
  queue.paused = 'produce';
  rig.state.changed.add(queue);
  assert.throws(
    () => rig.produce('q'),
    ({ code }: { code: string }) => code === 'PAUSED',
  );
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(waiting)), [1, 2]);
});

test('the line waits for a body that is not in memory, other queues go on', () => {
  const rig = new Rig();
  rig.produce('cold', 2);
  rig.coldBefore = rig.recorder.end;
  rig.produce('cold', 2);
  rig.produce('warm');
  const first = rig.receive('cold', { waitMs: 1_000 });
  const impatient = rig.receive('cold');
  const other = rig.receive('warm');
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(other)), [5]);
  assert.is(rig.fetches.length, 1, 'one fetch at a time');
  assert.equal([...rig.takenBy(first), ...rig.takenBy(impatient), ...rig.empties], []);
  rig.completeFetch();
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(first)), [1], 'the next one is not in memory');
  assert.is(rig.fetches.length, 1);
  rig.completeFetch();
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(impatient)), [2, 3, 4]);
});

test('who waited long enough still gets the body that is being read', () => {
  const rig = new Rig();
  rig.produce('cold');
  rig.coldBefore = rig.recorder.end;
  const taker = rig.receive('cold', { waitMs: 50 });
  rig.dispatch();
  rig.pass(1_000);
  rig.dispatch();
  assert.equal(rig.empties, []);
  rig.completeFetch();
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(taker)), [1]);
});

test('who prefers a queue whose body is being read gets from its next queue', () => {
  const rig = new Rig();
  rig.produce('cold');
  rig.coldBefore = rig.recorder.end;
  rig.produce('warm');
  assert.equal(idsOf(rig.take(['cold', 'warm'])), [2]);
  assert.is(rig.fetches.length, 1);
});

for (const what of [purge, deleteQueue]) {
  test(`${what.name} while a body is read leaves nothing behind`, () => {
    const rig = new Rig();
    rig.produce('q');
    rig.coldBefore = rig.recorder.end;
    const taker = rig.receive('q', { waitMs: 60_000 });
    rig.dispatch();
    what(rig.state, rig.state.required('q'));
    rig.produce('q');
    const next = rig.receive('q');
    rig.completeFetch();
    rig.dispatch();
    const served = what === purge ? taker : next;
    assert.equal(idsOf(rig.takenBy(served)), [2]);
  });
}

test('who cannot take leaves the line, and the next one is served', () => {
  const rig = new Rig();
  const blocked = { isBlocked: true };
  const first = rig.subscribe('q', { connection: blocked });
  const empty = rig.receive('other', { connection: blocked });
  const second = rig.subscribe('q', { messages: 2 });
  rig.produce('q', 4);
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(second)), [1, 2]);
  assert.equal([first.inLine, rig.takenBy(first).length], [false, 0]);
  assert.equal(rig.empties, [], 'nor is it answered');
  rig.unblock(blocked);
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(first)), [3, 4]);
  assert.equal(rig.empties, [empty]);
});

test.run();
