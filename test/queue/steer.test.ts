// What an operator does to single messages: whatever their state, only as they were seen, and written
// down with who did it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DEAD,
  DELAYED,
  IN_FLIGHT,
  type MessageState,
  READY,
  UNREADABLE,
} from '../../src/queue/chunk.ts';
import { connectSession } from '../../src/queue/connect.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { SETTLED_EXPIRED } from '../../src/queue/journal.ts';
import type { QueueSettings } from '../../src/queue/queue.ts';
import { deleteMessages, type Meant, moveMessages } from '../../src/queue/steer.ts';
import { LostRange } from '../../src/queue/unreadable.ts';
import { messagesOf, viewOf } from './support/replayed.ts';
import { type Receipt, Rig, receiptsOf } from './support/rig.ts';

const test = suite('steer');

interface Scene {
  readonly rig: Rig;
  /** By the state in which it is. */
  readonly ids: Readonly<Record<'ready' | 'inFlight' | 'delayed' | 'dead' | 'unreadable', number>>;
  /** Of the one in flight. */
  readonly receipt: Receipt;
}

/** A message of each state in queue `q`, and a queue `other`. */
function scene(settings: QueueSettings = {}): Scene {
  const rig = new Rig();
  rig.produce('other', 1);
  const first = rig.produce('q', 1, 9);
  const queue = rig.state.required('q');
  queue.settings = { failuresMax: 1, ...settings };
  queue.position = rig.recorder.queueSet(queue);
  rig.nack('q', receiptsOf(rig.take('q')));
  rig.produce('q', 1, 8);
  const { session } = connectSession(rig.state, 'key', 'worker', rig.connection);
  const [receipt] = receiptsOf(rig.take('q', { session }));
  rig.produce('q', 1, 7, 5_000);
  rig.produce('q', 1, 6);
  queue.locate(first + 3);
  const at = queue.foundChunk!.positions[queue.foundIndex]!;
  const lost = new LostRange(rig.state, at, at + 1);
  while (lost.lose());
  rig.produce('q', 1, 5);
  const [dead, inFlight, delayed, unreadable, ready] = [0, 1, 2, 3, 4].map((more) => first + more);
  const ids = { dead, inFlight, delayed, unreadable, ready } as Scene['ids'];
  assert.equal(statesIn(rig, 'q'), [DEAD, IN_FLIGHT, DELAYED, UNREADABLE, READY]);
  return { rig, ids, receipt: receipt! };
}

function statesIn(rig: Rig, name: string): MessageState[] {
  return messagesOf(rig.state, name).map(({ state }) => state);
}

function idsIn(rig: Rig, name: string): number[] {
  return messagesOf(rig.state, name).map(({ id }) => id);
}

function deleted(rig: Rig, meant: Meant) {
  return after(rig, deleteMessages(rig.state, rig.state.required('q'), meant, 'ops', rig.nowMs));
}

function moved(rig: Rig, meant: Meant) {
  const [from, to] = [rig.state.required('q'), rig.state.required('other')];
  return after(rig, moveMessages(rig.state, from, to, meant, 'ops', rig.nowMs));
}

/** What was done is in the log as it is in memory. */
function after<Done>(rig: Rig, done: Done): Done {
  checkInvariants(rig.state);
  assert.equal(viewOf(rig.replayed().state), viewOf(rig.state));
  return done;
}

test('a message is deleted whatever its state, and its receipt is gone with it', () => {
  const { rig, ids, receipt } = scene();
  const { dead, inFlight, delayed, unreadable, ready } = ids;
  const all = [dead, 7_000, inFlight, delayed, unreadable, ready, dead];
  assert.equal(deleted(rig, { ids: all }), {
    count: 5,
    refused: [
      { index: 1, code: 'GONE' },
      { index: 6, code: 'GONE' },
    ],
  });
  const queue = rig.state.required('q');
  assert.equal([queue.live, queue.counters.deleted], [0, 5]);
  assert.equal(rig.ack('q', [receipt]), ['GONE']);
  const { by, ids: written } = rig.recorder.of('deleted')[0]!;
  assert.equal([by, written], ['ops', [dead, inFlight, delayed, unreadable, ready]]);
  assert.is(rig.recorder.live.size, 1, 'nothing of them is needed');
  rig.pass(100_000);
});

test('what nobody has is moved, and is ready; what somebody has, and what rotted, stays', () => {
  const { rig, ids, receipt } = scene();
  const { dead, inFlight, delayed, unreadable, ready } = ids;
  assert.equal(moved(rig, { ids: [dead, inFlight, delayed, unreadable, ready, 7_000] }), {
    count: 3,
    refused: [
      { index: 1, code: 'CHANGED' },
      { index: 3, code: 'CHANGED' },
      { index: 5, code: 'GONE' },
    ],
  });
  assert.equal(idsIn(rig, 'other'), [dead, delayed, ready, 1]);
  assert.equal(statesIn(rig, 'other'), [READY, READY, READY, READY]);
  assert.equal(idsIn(rig, 'q'), [inFlight, unreadable]);
  const [fact] = rig.recorder.of('moved');
  assert.equal([fact!.how, fact!.ids], [{ by: 'ops' }, [dead, delayed, ready]]);
  assert.is(rig.state.required('q').counters.moved, 3);
  const [first] = rig.take('other', { messages: 1 });
  assert.equal([first!.id, first!.deliveryCount, first!.failureCount], [dead, 2, 0]);
  const history = messagesOf(rig.state, 'other')[0]!.failures;
  assert.equal(history.length, 1, 'its failure is told still');
  assert.equal(rig.ack('q', [receipt], rig.state.sessions.withKey('key')), [undefined]);
  rig.pass(100_000);
});

test('one that is not as it was seen any more is left alone, and no other', () => {
  for (const act of [deleted, moved]) {
    const { rig, ids } = scene();
    const { dead, delayed, ready } = ids;
    const before = viewOf(rig.state);
    const wrong: Meant = {
      ids: [dead, dead, ready, ready, delayed],
      states: [READY, undefined, READY, DELAYED, DELAYED],
      deliveryCounts: [undefined, 2, 1, 0, 3],
    };
    const changed = wrong.ids.map((_, index) => ({ index, code: 'CHANGED' }));
    assert.equal(act(rig, wrong), { count: 0, refused: changed });
    assert.equal(viewOf(rig.state), before);
    const right: Meant = {
      ids: [dead, delayed, ready],
      states: [DEAD, READY, undefined],
      deliveryCounts: [1, undefined, 0],
    };
    assert.equal(act(rig, right), { count: 2, refused: [{ index: 1, code: 'CHANGED' }] });
    assert.not(idsIn(rig, 'q').includes(dead));
    assert.ok(idsIn(rig, 'q').includes(delayed));
  }
});

test('one that was delivered since it was seen is left alone, though it is ready again', () => {
  const { rig, ids } = scene();
  const seen: Meant = { ids: [ids.ready], states: [READY], deliveryCounts: [0] };
  rig.release('q', receiptsOf(rig.take('q', { messages: 1 })));
  const refused = [{ index: 0, code: 'CHANGED' }];
  assert.equal(deleted(rig, seen), { count: 0, refused });
  assert.equal(moved(rig, seen), { count: 0, refused });
  assert.is(deleted(rig, { ...seen, deliveryCounts: [1] }).count, 1);
});

test('what is past its time to live does not come back by a move', () => {
  const rig = new Rig();
  rig.produce('other', 1);
  const id = rig.produce('q', 1, 0, 0, { timeToLiveMs: 10 });
  rig.nowMs += 10;
  assert.equal(moved(rig, { ids: [id] }), { count: 0, refused: [{ index: 0, code: 'GONE' }] });
  assert.is(rig.recorder.of('settled')[0]!.reason, SETTLED_EXPIRED);
  assert.equal([idsIn(rig, 'q'), idsIn(rig, 'other')], [[], [1]]);
});

test('or is dead then, where its queue keeps it, and is moved as a dead one', () => {
  const rig = new Rig();
  rig.produce('other', 1);
  const id = rig.produce('q', 1, 0, 0, { timeToLiveMs: 10 });
  const queue = rig.state.required('q');
  queue.settings = { whenExpired: 'dead' };
  queue.position = rig.recorder.queueSet(queue);
  rig.nowMs += 10;
  const refused = [{ index: 0, code: 'CHANGED' }];
  assert.equal(moved(rig, { ids: [id], states: [READY] }), { count: 0, refused });
  assert.is(moved(rig, { ids: [id], states: [DEAD] }).count, 1);
  assert.equal(statesIn(rig, 'other'), [READY, READY]);
  rig.pass(100_000);
});

test('nothing is written where nothing was done', () => {
  const { rig } = scene();
  const { length } = rig.recorder.facts;
  assert.is(deleted(rig, { ids: [7_000] }).count + moved(rig, { ids: [7_000] }).count, 0);
  assert.is(rig.recorder.facts.length, length);
});

test.run();
