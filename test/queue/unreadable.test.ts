/**
 * Messages whose bytes rotted, at replay: also where a log with holes tells of their delivery only
 * afterwards, as a repair does.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UNREADABLE } from '../../src/queue/chunk.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { RETURNED_EXPIRED, SETTLED_ACKED } from '../../src/queue/journal.ts';
import type { MessageSnapshot } from '../../src/queue/relocate.ts';
import { transfer } from '../../src/queue/transfer.ts';
import { LostRange } from '../../src/queue/unreadable.ts';
import { freshState } from '../broker/support/facts.ts';
import type { Told } from './support/recorder.ts';
import { replayFact } from './support/replayed.ts';
import { Rig } from './support/rig.ts';

const test = suite('unreadable');

const bytes = Buffer.from('91c40161', 'hex');
const number = 1;
const ids = [1];
const settings = { visibilityMs: undefined, durability: undefined };
const created: Told = {
  kind: 'queueSet',
  number,
  name: 'q',
  createdMs: 1,
  settings,
  paused: 'none',
};
const produced: Told = {
  kind: 'produced',
  number,
  priority: 0,
  firstId: 1,
  nowMs: 1,
  dueMs: 0,
  expiresMs: 0,
  bytes,
  offsets: [0],
  lengths: [bytes.length],
};
const unreadable: Told = { kind: 'unreadable', number, ids };
const delivered: Told = { kind: 'delivered', number, session: 0, firstToken: 9, dueMs: 99, ids };
const how = { reason: RETURNED_EXPIRED, atMs: 9, dueMs: 0, consumer: '', text: '' } as const;
const returned: Told = { kind: 'returned', number, how, ids };
const acked: Told = { kind: 'settled', number, reason: SETTLED_ACKED, ids };

function after(...facts: readonly Told[]) {
  const state = freshState();
  let position = 100;
  for (const fact of facts) {
    replayFact(state, { ...fact, position, inside: position });
    position += 100;
  }
  checkInvariants(state);
  const { ready, inFlight, unreadable: lost } = state.required('q');
  return { ready, inFlight, unreadable: lost };
}

test('one that waits is only counted, and goes by its end', () => {
  assert.equal(after(created, produced, unreadable), { ready: 0, inFlight: 0, unreadable: 1 });
  const gone = after(created, produced, unreadable, acked);
  assert.equal(gone, { ready: 0, inFlight: 0, unreadable: 0 });
});

test('one that is out stays out until it comes back', () => {
  const out = [created, produced, delivered, unreadable];
  assert.equal(after(...out), { ready: 0, inFlight: 1, unreadable: 0 });
  assert.equal(after(...out, returned), { ready: 0, inFlight: 0, unreadable: 1 });
});

test('that it was out may be told behind that it rotted', () => {
  const late = [created, produced, unreadable, delivered];
  assert.equal(after(...late), { ready: 0, inFlight: 1, unreadable: 0 });
  assert.equal(after(...late, returned), { ready: 0, inFlight: 0, unreadable: 1 });
  assert.equal(after(...late, acked), { ready: 0, inFlight: 0, unreadable: 0 });
});

test('copies of it tell again that it is out of reach', () => {
  const copy: MessageSnapshot = {
    id: 1,
    priority: 0,
    producedMs: 1,
    length: 0,
    state: UNREADABLE,
    ...{ deliveryCount: 0, failureCount: 0, session: 0, token: 0, dueMs: 0, expiresMs: 0 },
    failures: [],
    group: undefined,
  };
  const copied: Told = { kind: 'copied', number, copy, bytes: Buffer.alloc(0) };
  const lost = { ready: 0, inFlight: 0, unreadable: 1 };
  assert.equal(after(created, produced, unreadable, copied), lost);
  assert.equal(after(created, produced, copied, copied), lost);
  assert.equal(after(created, copied, copied), lost);
});

test('the walk over what rotted ends, whatever else is moved meanwhile', () => {
  const rig = new Rig();
  rig.produce('a', 5_000);
  rig.produce('b', 1);
  const [a, b] = [rig.state.required('a'), rig.state.required('b')];
  a.locate(5_000);
  const from = a.foundChunk!.positions[a.foundIndex]!;
  const range = new LostRange(rig.state, from, from + 1);
  let slices = 0;
  for (let id = 1; range.lose(); id += 1) {
    slices += 1;
    assert.ok(slices < 30, 'it goes on and on');
    assert.ok(a.locate(id));
    transfer(rig.state, a, b);
  }
  assert.equal([range.count, a.unreadable], [1, 1]);
});

test.run();
