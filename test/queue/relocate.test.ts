// Compaction: what is surveyed, what a copy keeps, and that the rest can go.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DELAYED, READY } from '../../src/queue/chunk.ts';
import { connectSession } from '../../src/queue/connect.ts';
import { IdList } from '../../src/queue/id-list.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { RETURNED_NACKED, RETURNED_RELEASED } from '../../src/queue/journal.ts';
import { type MessageSnapshot, Survey, snapshotLocated } from '../../src/queue/relocate.ts';
import { Compaction } from './support/compaction.ts';
import type { Fact } from './support/recorder.ts';
import { viewOf } from './support/replayed.ts';
import { Rig, receiptsOf } from './support/rig.ts';

/** Compacts all that is written so far, and checks that the rest tells the same. */
function compact(rig: Rig): Compaction {
  const compaction = new Compaction(rig.state, rig.recorder, rig.recorder.end, 3);
  while (compaction.step(50)) checkInvariants(rig.state);
  compaction.finish();
  assert.equal(viewOf(rig.replayed().state), viewOf(rig.state));
  return compaction;
}

test('a copy keeps lease, token, counts, delay, priority and time of production', () => {
  const rig = new Rig();
  const { session } = connectSession(rig.state, 'key', 'name', rig.connection);
  rig.produce('q', 4, 8);
  rig.nowMs += 3;
  rig.produce('q', 1, 2, 9_000);
  const mine = receiptsOf(rig.take('q', { session, messages: 1, visibilityMs: 20_000 }));
  const detached = receiptsOf(rig.take('q', { messages: 1, visibilityMs: 20_000 }));
  const failed = receiptsOf(rig.take('q', { messages: 2 }));
  rig.nack('q', [failed[0]!]);
  rig.nack('q', [failed[1]!], 7_000);
  assert.is(compact(rig).copiedCount, 5);
  assert.equal([...new Set(rig.recorder.facts.map(({ kind }) => kind))].sort(), [
    'copied',
    'queueSet',
    'sessionOpened',
  ]);
  rig.restart();
  const again = connectSession(rig.state, 'key', 'name', rig.connection);
  assert.ok(again.resumed);
  assert.equal(rig.ack('q', mine), ['STALE_RECEIPT']);
  assert.equal(rig.ack('q', mine, again.session), [undefined]);
  assert.equal(rig.ack('q', detached), [undefined]);
  const [third] = rig.take('q');
  assert.equal([third!.id, third!.deliveryCount, third!.failureCount], [3, 2, 1]);
  rig.pass(7_000);
  const [fourth] = rig.take('q');
  assert.equal([fourth!.id, fourth!.deliveryCount, fourth!.failureCount], [4, 2, 1]);
  rig.pass(2_000);
  const [fifth] = rig.take('q');
  assert.equal([fifth!.id, fifth!.priority, fifth!.deliveryCount], [5, 2, 1]);
  assert.is(fifth!.producedMs + 9_000, rig.nowMs);
});

test('a copy knows what a hole took of its message', () => {
  const rig = new Rig();
  rig.produce('q', 2);
  const queue = rig.state.required('q');
  const bytes = Buffer.alloc(queue.lanes[0]!.chunks[0]!.lengths[0]!);
  const failures = [{ atMs: 7, reason: RETURNED_NACKED, consumer: 'c', text: 'why' }] as const;
  const counts = { deliveryCount: 5, failureCount: 3, session: 0, token: 0, failures };
  const times = { producedMs: rig.nowMs, expiresMs: 0, group: undefined };
  const copy = { priority: 0, length: bytes.length, ...times, ...counts };
  const dueMs = rig.nowMs + 500;
  rig.recorder.copied(queue, { ...copy, id: 1, state: DELAYED, dueMs }, bytes);
  rig.recorder.copied(queue, { ...copy, id: 2, state: READY, dueMs: 0 }, bytes);
  const { state } = rig.replayed();
  checkInvariants(state);
  const now = state.required('q');
  assert.equal([now.ready, now.delayed], [1, 1]);
  for (const id of [1, 2]) {
    assert.ok(now.locate(id));
    const row = now.foundChunk!.rows[now.foundIndex]!;
    assert.is(now.foundChunk!.states[now.foundIndex], id === 1 ? DELAYED : READY);
    assert.equal([state.leases.deliveryCounts[row], state.leases.failureCounts[row]], [5, 3]);
  }
});

test('a copy knows a failure of which only the record is lost', () => {
  const rig = new Rig();
  rig.produce('q', 1);
  rig.nack('q', receiptsOf(rig.take('q')));
  const queue = rig.state.required('q');
  const bytes = Buffer.alloc(queue.lanes[0]!.chunks[0]!.lengths[0]!);
  // The hole: only that it came back is told, as after a repair.
  const lost = rig.recorder.facts.findIndex(({ kind }) => kind === 'returned');
  const how = { reason: RETURNED_RELEASED, atMs: 0, dueMs: 0, consumer: '', text: '' } as const;
  rig.recorder.facts[lost] = { ...rig.recorder.facts[lost]!, how } as Fact;
  assert.ok(queue.locate(1));
  const snapshot = {} as MessageSnapshot;
  snapshotLocated(rig.state, queue, snapshot);
  rig.recorder.copied(queue, snapshot, bytes);
  const { state } = rig.replayed();
  checkInvariants(state);
  const now = state.required('q');
  assert.ok(now.locate(1));
  const row = now.foundChunk!.rows[now.foundIndex]!;
  assert.is(state.leases.failureCounts[row], 1);
  assert.is(state.leases.failures.of(state.leases.histories[row]!).length, 1);
});

test('an ID is never given twice after its message was copied', () => {
  const rig = new Rig();
  rig.produce('q', 10);
  compact(rig);
  const { state } = rig.replayed();
  assert.is(state.nextId, 11);
});

test('a copy takes its place among messages produced since', () => {
  const rig = new Rig();
  rig.produce('q', 40);
  const kept = receiptsOf(rig.take('q', { messages: 40 }));
  rig.ack(
    'q',
    kept.filter((_, at) => at % 2 === 0),
  );
  rig.release(
    'q',
    kept.filter((_, at) => at % 2 === 1),
  );
  const boundary = rig.recorder.end;
  rig.produce('q', 40);
  const compaction = new Compaction(rig.state, rig.recorder, boundary, 7);
  while (compaction.step(1)) rig.produce('q');
  compaction.finish();
  assert.equal(viewOf(rig.replayed().state), viewOf(rig.state));
  rig.restart();
  const ids = rig.take('q', { messages: 200 }).map(({ id }) => id);
  assert.ok(ids.every((id, at) => at === 0 || id > ids[at - 1]!));
  assert.equal(ids.slice(0, 3), [2, 4, 6]);
});

test('an answer whose first part is dropped is told again whole', () => {
  const rig = new Rig();
  const { session } = connectSession(rig.state, 'key', 'name', rig.connection);
  const part = { sequence: 1, operation: 10, count: 3, refused: undefined };
  const parts = [
    { ...part, complete: false, value: 10 },
    { ...part, complete: true, value: 20 },
  ];
  session.answers.add(parts[0]!, rig.recorder.answered(session, parts[0]!));
  const boundary = rig.recorder.end;
  session.answers.add(parts[1]!, rig.recorder.answered(session, parts[1]!));
  const compaction = new Compaction(rig.state, rig.recorder, boundary);
  while (compaction.step(1));
  compaction.finish();
  const answer = rig.replayed().state.sessions.withKey('key')!.answers.find(1)!;
  assert.equal([answer.count, answer.runs], [6, [10, 3, 20, 3]]);
});

test('a survey that stopped within a chunk hides nothing of it from the next one', () => {
  const rig = new Rig();
  rig.produce('q', 4);
  const [chunk] = rig.state.required('q').lanes[0]!.chunks;
  // As copies may lie: not in the order of the IDs.
  chunk!.positions.set([300, 200, 100, 10]);
  chunk!.positionMin = 10;
  new Survey(rig.state, 1_000).next(new IdList(2), Number.POSITIVE_INFINITY);
  const ids = new IdList(4);
  new Survey(rig.state, 50).next(ids, Number.POSITIVE_INFINITY);
  assert.equal(ids.toArray(), [4]);
});

test('a survey finds all before the boundary once, in pieces, over lanes and queues', () => {
  const rig = new Rig();
  for (const priority of [0, 9, 3]) rig.produce('a', 1_500, priority);
  rig.produce('b', 700);
  const boundary = rig.recorder.end;
  for (const priority of [9, 3, 1]) rig.produce('a', 100, priority);
  const survey = new Survey(rig.state, boundary);
  const ids = new IdList(1_000);
  const found = new Set<number>();
  let calls = 0;
  for (let queue = survey.next(ids, 333); queue !== undefined; queue = survey.next(ids, 333)) {
    assert.ok(ids.count <= 333);
    for (const id of ids.values.subarray(0, ids.count)) {
      assert.not(found.has(id));
      found.add(id);
    }
    calls += 1;
  }
  assert.is(found.size, 5_200);
  assert.ok(calls > 5_200 / 333);
});

test('a survey that finds nothing looks at a bounded number of messages a call', () => {
  const rig = new Rig();
  rig.produce('q', 20_000);
  const survey = new Survey(rig.state, rig.recorder.end);
  const ids = new IdList(10_000);
  const queue = rig.state.required('q');
  const old = rig.recorder.end;
  for (const chunk of queue.lanes[0]!.chunks) chunk.positions.fill(old + 1);
  let calls = 0;
  while (survey.next(ids, 10_000) !== undefined) {
    assert.is(ids.count, 0);
    calls += 1;
  }
  assert.is(calls, 5, 'four chunks of 1,024 a call');
  const again = new Survey(rig.state, old);
  assert.is(again.next(ids, 10_000), queue, 'all bounds are known now');
  assert.is(again.next(ids, 10_000), undefined);
});

test.run();
