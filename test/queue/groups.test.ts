/**
 * Message groups: of each group one message at a time, in the order of IDs; groups take turns.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dispatch } from '../../src/queue/deliver.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { purge } from '../../src/queue/purge.ts';
import { redrive } from '../../src/queue/redrive.ts';
import { LostRange } from '../../src/queue/unreadable.ts';
import { Compaction } from './support/compaction.ts';
import { messagesOf } from './support/replayed.ts';
import { idsOf, Rig, receiptsOf } from './support/rig.ts';

const test = suite('groups');

/** Produces one message a key, `-` without one, in that order; IDs count from 1. */
function grouped(keys: string, settings = {}): Rig {
  const rig = new Rig();
  for (const key of keys) add(rig, key);
  rig.state.required('q').settings = settings;
  return rig;
}

function add(rig: Rig, key: string, times: { delayMs?: number; timeToLiveMs?: number } = {}): void {
  const { delayMs = 0, timeToLiveMs = 0 } = times;
  rig.produce('q', 1, 0, delayMs, { timeToLiveMs, group: key === '-' ? undefined : key });
}

const all = { messages: 100 };
const taken = (rig: Rig, messages = 100) => idsOf(rig.take('q', { messages }));

/** Takes one and acknowledges it, until there is none. */
function drained(rig: Rig): number[] {
  const ids: number[] = [];
  for (;;) {
    const deliveries = rig.take('q', { messages: 1 });
    if (deliveries.length === 0) return ids;
    ids.push(...idsOf(deliveries));
    rig.ack('q', receiptsOf(deliveries));
  }
}

test('of each group one at a time, in the order of IDs', () => {
  const rig = grouped('aabab');
  const first = rig.take('q', all);
  assert.equal(idsOf(first), [1, 3]);
  assert.equal(taken(rig), []);
  rig.ack('q', receiptsOf(first).slice(0, 1));
  const second = rig.take('q', all);
  assert.equal(idsOf(second), [2]);
  rig.ack('q', receiptsOf(second));
  rig.ack('q', receiptsOf(first).slice(1));
  assert.equal(taken(rig), [4, 5]);
});

test('groups take turns, however many wait in one of them', () => {
  assert.equal(drained(grouped('aaaabbc')), [1, 5, 7, 2, 6, 3, 4]);
});

test('a message without a group has its place by its ID, or its priority', () => {
  const rig = grouped('a-b-a');
  rig.produce('q', 1, 3);
  assert.equal(drained(rig), [6, 1, 2, 3, 4, 5]);
});

test('what comes back, late or at once, holds up its group and no other', () => {
  const rig = grouped('aab');
  const [a, b] = rig.take('q', all);
  rig.nack('q', receiptsOf([a!]), 500);
  rig.release('q', receiptsOf([b!]));
  assert.equal(taken(rig), [3]);
  rig.pass(500);
  const [again] = rig.take('q', { ...all, visibilityMs: 100 });
  assert.equal([again!.id, taken(rig)], [1, []]);
  rig.pass(100);
  assert.equal(drained(rig), [1, 2]);
});

test('one that is produced to be late holds up those behind it', () => {
  const rig = grouped('-');
  add(rig, 'a', { delayMs: 300 });
  add(rig, 'a');
  assert.equal(taken(rig), [1]);
  rig.pass(300);
  assert.equal(drained(rig), [2, 3]);
});

test('dead, discarded, unreadable or past its time it holds up nobody', () => {
  for (const settings of [{ failuresMax: 1 }, { failuresMax: 1, whenFailed: 'discard' as const }]) {
    const rig = grouped('aa', settings);
    rig.nack('q', receiptsOf(rig.take('q', all)), 0);
    assert.equal(taken(rig), [2]);
  }
  const unreadable = grouped('aa');
  const [message] = messagesOf(unreadable.state, 'q');
  const lost = new LostRange(unreadable.state, message!.position, message!.position + 1);
  while (lost.lose());
  assert.equal(taken(unreadable), [2]);
  const late = grouped('-');
  add(late, 'a', { timeToLiveMs: 10 });
  add(late, 'a');
  late.nowMs += 10;
  assert.equal([taken(late), taken(late)], [[1], [3]]);
  late.expire();
});

test('one that is redriven comes first again', () => {
  const rig = grouped('aaa', { failuresMax: 1 });
  rig.nack('q', receiptsOf(rig.take('q', all)), 0);
  const queue = rig.state.required('q');
  assert.is(redrive(rig.state, queue, queue, [1], 'ops').count, 1);
  assert.equal(drained(rig), [1, 2, 3]);
});

test('one that is redriven waits for one behind it that is out', () => {
  const rig = grouped('aaa', { failuresMax: 1 });
  rig.nack('q', receiptsOf(rig.take('q', all)), 0);
  const out = rig.take('q', all);
  assert.equal(idsOf(out), [2]);
  const queue = rig.state.required('q');
  redrive(rig.state, queue, queue, [1], 'ops');
  assert.equal(taken(rig), []);
  rig.release('q', receiptsOf(out));
  assert.equal(drained(rig), [1, 2, 3]);
});

test('in the dead-letter queue it has its group again', () => {
  const rig = grouped('aa', { failuresMax: 1, deadQueue: 'letters' });
  rig.produce('letters', 1);
  for (let round = 0; round < 2; round += 1) {
    rig.nack('q', receiptsOf(rig.take('q', all)), 0);
  }
  assert.equal(idsOf(rig.take('letters', all)), [1, 3]);
  assert.is(rig.state.required('q').groups!.size, 0);
});

test('a replay and compaction know the groups, and a purge forgets them', () => {
  const rig = grouped('aab-a', { failuresMax: 1 });
  rig.nack('q', receiptsOf(rig.take('q', { messages: 1 })), 0);
  rig.take('q', { messages: 1 });
  const heldOf = ({ behind, available }: { behind: number; available: number }) => [
    behind,
    available,
  ];
  const held = () => heldOf(rig.replayed().state.required('q'));
  assert.equal(held(), [1, 2]);
  const compaction = new Compaction(rig.state, rig.recorder, rig.recorder.end);
  while (compaction.step(100));
  compaction.finish();
  assert.equal(held(), [1, 2]);
  rig.restart();
  assert.equal(taken(rig), [2, 4]);
  purge(rig.state, rig.state.required('q'));
  assert.is(rig.state.required('q').groups, undefined);
  checkInvariants(rig.state);
  add(rig, 'a');
  assert.is(taken(rig).length, 1);
});

test('many groups, taken in turns', () => {
  const rig = new Rig();
  const groups = 20_000;
  for (let at = 0; at < 2 * groups; at += 1) add(rig, `${at % groups}`);
  const queue = rig.state.required('q');
  assert.equal([queue.available, queue.behind], [groups, groups]);
  let before = 0;
  for (let round = 0; round < 40; round += 1) {
    const taker = rig.receive('q', { messages: 500 });
    dispatch(rig.state, rig.nowMs);
    const deliveries = rig.takenBy(taker);
    assert.equal(idsOf(deliveries)[0], before + 1);
    before += deliveries.length;
    rig.ack('q', receiptsOf(deliveries));
  }
  assert.is(before, groups);
});

test.run();
