// Why something is not being delivered: a table with every reason, and that asking changes nothing.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectSession } from '../../src/queue/connect.ts';
import { loseBody } from '../../src/queue/transitions.ts';
import { type Holdups, type Reason, why } from '../../src/queue/why.ts';
import { Rig, receiptsOf } from './support/rig.ts';

const test = suite('why');
const free: Holdups = { isDiskFull: false, isOverloaded: false };

interface Row {
  readonly arrange: (rig: Rig) => void;
  /** Of the message with ID 1, if not said otherwise; null: of the next one. */
  readonly id?: number | null;
  readonly holdups?: Partial<Holdups>;
  readonly reasons: readonly Reason[];
}

const nobody: Reason = { code: 'NOBODY_WAITS' };

function grouped(rig: Rig, ...groups: (string | undefined)[]): void {
  for (const group of groups) rig.produce('q', 1, 0, 0, { group });
}

function fail(rig: Rig, failuresMax: number): void {
  rig.state.required('q').settings = { failuresMax };
  for (let failures = 0; failures < failuresMax; failures += 1) {
    rig.nack('q', receiptsOf(rig.take('q', { messages: 1 })));
  }
}

/** By a client with this name. */
function lease(rig: Rig, name: string): void {
  const { session } = connectSession(rig.state, `key of ${name}`, name, rig.connection);
  rig.take('q', { session, visibilityMs: 500 });
}

function pause(rig: Rig, paused: 'produce' | 'receive' | 'both'): void {
  rig.state.required('q').paused = paused;
}

const rows: Readonly<Record<string, Row>> = {
  'no such message': {
    arrange: (rig) => rig.ack('q', receiptsOf(rig.take('q'))),
    reasons: [{ code: 'GONE', isNew: false }],
  },
  'no such message yet': { arrange: () => {}, id: 2, reasons: [{ code: 'GONE', isNew: true }] },
  'nobody waits': { arrange: () => {}, reasons: [nobody] },
  'nobody waits for the next one': { arrange: () => {}, id: null, reasons: [nobody] },
  'about to be delivered': {
    arrange: (rig) => rig.receive('q', { waitMs: 1_000 }),
    reasons: [{ code: 'SOON' }],
  },
  paused: {
    arrange: (rig) => {
      rig.receive('q', { waitMs: 1_000 });
      pause(rig, 'both');
    },
    reasons: [{ code: 'PAUSED', paused: 'both' }],
  },
  'paused for produce only': { arrange: (rig) => pause(rig, 'produce'), reasons: [nobody] },
  'all that holds is told': {
    arrange: (rig) => {
      pause(rig, 'receive');
      rig.produce('q', 2, 1);
    },
    holdups: { isDiskFull: true, isOverloaded: true },
    reasons: [
      { code: 'PAUSED', paused: 'receive' },
      { code: 'DISK_FULL' },
      { code: 'OVERLOADED' },
      { code: 'OTHERS_FIRST', messages: 2, isMore: false },
      nobody,
    ],
  },
  'others are before it, by priority and ID': {
    arrange: (rig) => {
      rig.produce('q', 3);
      rig.produce('q', 2, 1);
      rig.produce('q', 2, 1, 1_000);
      rig.receive('q', { waitMs: 1_000 });
    },
    id: 4,
    reasons: [{ code: 'OTHERS_FIRST', messages: 5, isMore: false }],
  },
  'the body is being read': {
    arrange: (rig) => {
      rig.coldBefore = rig.recorder.end;
      rig.receive('q', { waitMs: 1_000 });
      rig.dispatch();
    },
    reasons: [{ code: 'BODY_BEING_READ' }],
  },
  'no credit': {
    arrange: (rig) => rig.subscribe('q', { messages: 0 }),
    reasons: [{ code: 'NO_CREDIT', subscriptions: 1 }],
  },
  'those who wait cannot take more': {
    arrange: (rig) => {
      rig.connection.isBlocked = true;
      rig.receive('q', { waitMs: 1_000 });
      rig.subscribe(['other', 'q'], { messages: 0 });
      rig.subscribe('other', { messages: 0 });
      rig.dispatch();
    },
    reasons: [
      { code: 'NO_CREDIT', subscriptions: 1 },
      { code: 'CANNOT_TAKE', waiting: 1 },
    ],
  },
  'a full disk is the reason, not who waits': {
    arrange: (rig) => {
      rig.connection.isBlocked = true;
      rig.receive('q', { waitMs: 1_000 });
      rig.dispatch();
    },
    holdups: { isDiskFull: true },
    reasons: [{ code: 'DISK_FULL' }],
  },
  'leased to a client': {
    arrange: (rig) => lease(rig, 'worker'),
    reasons: [{ code: 'LEASED', untilMs: 500, isOver: false, client: 'worker' }],
  },
  'leased to nobody in particular, and paused': {
    arrange: (rig) => {
      rig.take('q', { visibilityMs: 700 });
      pause(rig, 'receive');
    },
    reasons: [
      { code: 'LEASED', untilMs: 700, isOver: false, client: undefined },
      { code: 'PAUSED', paused: 'receive' },
    ],
  },
  'a lease that is over, on a full disk': {
    arrange: (rig) => {
      lease(rig, '');
      rig.nowMs += 500;
    },
    holdups: { isDiskFull: true },
    reasons: [{ code: 'LEASED', untilMs: 500, isOver: true, client: '' }, { code: 'DISK_FULL' }],
  },
  delayed: {
    arrange: (rig) => rig.produce('q', 1, 0, 90),
    id: 2,
    reasons: [{ code: 'DELAYED', untilMs: 90, isOver: false }],
  },
  'past its time to live': {
    arrange: (rig) => {
      rig.produce('q', 1, 0, 0, { timeToLiveMs: 100 });
      rig.nowMs += 100;
      rig.receive('q', { waitMs: 1_000 });
    },
    id: 2,
    reasons: [
      { code: 'EXPIRED', expiresMs: 100 },
      { code: 'OTHERS_FIRST', messages: 1, isMore: false },
    ],
  },
  dead: {
    arrange: (rig) => fail(rig, 2),
    reasons: [
      {
        code: 'DEAD',
        failureCount: 2,
        last: { atMs: 0, reason: 1, consumer: '', text: '' },
      },
    ],
  },
  unreadable: {
    arrange: (rig) => {
      const queue = rig.state.required('q');
      queue.locate(1);
      loseBody(rig.state, queue, queue.foundLane!, queue.foundChunk!, queue.foundIndex);
    },
    reasons: [{ code: 'UNREADABLE' }],
  },
  'an empty queue': {
    arrange: (rig) => rig.ack('q', receiptsOf(rig.take('q'))),
    id: null,
    reasons: [{ code: 'EMPTY' }, nobody],
  },
  'behind another one of its group': {
    arrange: (rig) => grouped(rig, 'a', 'a'),
    id: 3,
    reasons: [{ code: 'GROUP_HELD', group: 'a', by: 2 }, nobody],
  },
  'behind one of its group that is out': {
    arrange: (rig) => {
      grouped(rig, 'a', 'a');
      rig.take('q', { messages: 2 });
    },
    id: 3,
    reasons: [{ code: 'GROUP_HELD', group: 'a', by: 2 }, nobody],
  },
  'the first one of its group, whose turn is later': {
    arrange: (rig) => grouped(rig, 'a', 'b'),
    id: 3,
    reasons: [
      { code: 'OTHERS_FIRST', messages: 1, isMore: false },
      { code: 'OTHER_GROUPS_FIRST', groups: 1, isMore: false },
      nobody,
    ],
  },
  'of no group, behind those of groups': {
    arrange: (rig) => grouped(rig, 'a', 'b', undefined, 'c'),
    id: 4,
    reasons: [
      { code: 'OTHERS_FIRST', messages: 1, isMore: false },
      { code: 'OTHER_GROUPS_FIRST', groups: 2, isMore: false },
      nobody,
    ],
  },
  'a queue in which none is ready': {
    arrange: (rig) => {
      fail(rig, 1);
      rig.produce('q', 2);
      rig.take('q');
      rig.produce('q', 3, 0, 1_000);
      rig.receive('q', { waitMs: 1_000 });
    },
    id: null,
    reasons: [{ code: 'NONE_READY', held: 0, inFlight: 2, delayed: 3, dead: 1, unreadable: 0 }],
  },
};

/** Times as they are from the beginning on. */
function sinceStart(reason: Reason, startMs: number): Reason {
  if ('untilMs' in reason) return { ...reason, untilMs: reason.untilMs - startMs };
  if ('expiresMs' in reason) return { ...reason, expiresMs: reason.expiresMs - startMs };
  if (reason.code !== 'DEAD' || reason.last === undefined) return reason;
  return { ...reason, last: { ...reason.last, atMs: reason.last.atMs - startMs } };
}

for (const [name, { arrange, id = 1, holdups, reasons }] of Object.entries(rows)) {
  test(name, () => {
    const rig = new Rig();
    const startMs = rig.nowMs;
    rig.produce('q', 1);
    arrange(rig);
    const queue = rig.state.required('q');
    const before = [rig.recorder.facts.length, rig.state.changed.size, queue.line.size];
    const found = why(rig.state, queue, id ?? undefined, { ...free, ...holdups }, rig.nowMs);
    assert.equal(
      found.reasons.map((reason) => sinceStart(reason, startMs)),
      reasons,
    );
    const after = [rig.recorder.facts.length, rig.state.changed.size, queue.line.size];
    assert.equal(after, before);
  });
}

test('of how many are before it no more than a slice of chunks is counted', () => {
  const rig = new Rig();
  const all = 1_100 * 1_024;
  rig.produce('q', 1);
  const queue = rig.state.required('q');
  // Without the facts of a million messages.
  for (let id = 2; id <= all; id += 1) queue.lane(0).push(id, rig.nowMs, id, 1);
  const reasonOf = (id: number) => why(rig.state, queue, id, free, rig.nowMs).reasons[0]!;
  assert.equal(reasonOf(all), {
    code: 'OTHERS_FIRST',
    messages: 1_000 * 1_024 + 1_023,
    isMore: true,
  });
  assert.equal(reasonOf(900_000), { code: 'OTHERS_FIRST', messages: 899_999, isMore: false });
});

test('the next message is the one that goes first', () => {
  const rig = new Rig();
  rig.produce('q', 2);
  rig.produce('q', 1, 4);
  const queue = rig.state.required('q');
  assert.is(why(rig.state, queue, undefined, free, rig.nowMs).id, 3);
  rig.take('q', { messages: 1 });
  assert.is(why(rig.state, queue, undefined, free, rig.nowMs).id, 1);
});

test.run();
