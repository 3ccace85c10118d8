// Limits of a queue: what goes beyond them is refused whole, or the oldest messages go that nobody has;
// what comes back is never refused.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WonderqError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { SETTLED_DROPPED } from '../../src/queue/journal.ts';
import { dropOldest } from '../../src/queue/overflow.ts';
import type { QueueSettings } from '../../src/queue/queue.ts';
import { deadIds, redrive } from '../../src/queue/redrive.ts';
import { LostRange } from '../../src/queue/unreadable.ts';
import { messagesOf } from './support/replayed.ts';
import { Rig, receiptsOf } from './support/rig.ts';

const test = suite('overflow');

function rigWith(settings: QueueSettings): Rig {
  const rig = new Rig();
  rig.produce('q');
  rig.ack('q', receiptsOf(rig.take('q')));
  configure(rig, settings);
  return rig;
}

function configure(rig: Rig, settings: QueueSettings): void {
  const queue = rig.state.required('q');
  queue.settings = settings;
  queue.position = rig.recorder.queueSet(queue);
}

/** The IDs of what is there, also in the state that is read back. */
function ids(rig: Rig): number[] {
  checkInvariants(rig.state);
  const idsIn = ({ state }: { state: Rig['state'] }) =>
    messagesOf(state, 'q')
      .map(({ id }) => id)
      .sort((a, b) => a - b);
  assert.equal(idsIn(rig.replayed()), idsIn(rig));
  return idsIn(rig);
}

function bodies(...lengths: number[]): Buffer[] {
  return lengths.map((length) => Buffer.alloc(length, 'x'));
}

/** It is, and changes nothing. */
function isRefused(rig: Rig, produce: () => unknown): void {
  const { length } = rig.recorder.facts;
  const { nextId } = rig.state;
  try {
    produce();
    assert.unreachable('it was not refused');
  } catch (error) {
    if (!(error instanceof WonderqError)) throw error;
    const { code, field, retryAfterMs } = error;
    assert.equal([code, field, retryAfterMs], ['QUEUE_FULL', 'queue', 1000]);
  }
  assert.equal([rig.recorder.facts.length, rig.state.nextId], [length, nextId]);
}

function refusalOf(action: () => unknown): { code?: string; field?: string | undefined } {
  try {
    action();
  } catch (error) {
    return error as WonderqError;
  }
  return {};
}

test('what goes beyond the number of messages is refused whole', () => {
  const rig = rigWith({ messagesMax: 3 });
  rig.produce('q', 2);
  isRefused(rig, () => rig.produce('q', 2));
  assert.is(rig.produce('q'), 4);
  isRefused(rig, () => rig.produce('q'));
  assert.equal(ids(rig), [2, 3, 4]);
  rig.ack('q', receiptsOf(rig.take('q', { messages: 1 })));
  rig.produce('q');
  assert.equal(ids(rig), [3, 4, 5]);
});

test('likewise beyond their bytes', () => {
  const rig = rigWith({ bytesMax: 100 });
  rig.produce('q', bodies(40, 60));
  isRefused(rig, () => rig.produce('q', bodies(1)));
  rig.ack('q', receiptsOf(rig.take('q', { messages: 1 })));
  isRefused(rig, () => rig.produce('q', bodies(20, 21)));
  rig.produce('q', bodies(40));
  assert.equal(ids(rig), [3, 4]);
});

test('what is in flight and delayed counts; what is dead or unreadable does not', () => {
  const rig = rigWith({ messagesMax: 2, bytesMax: 20, failuresMax: 1 });
  rig.produce('q', bodies(5), 0, 1000);
  rig.produce('q', bodies(15));
  const taken = rig.take('q');
  isRefused(rig, () => rig.produce('q'));
  rig.nack('q', receiptsOf(taken));
  assert.is(rig.state.required('q').dead, 1);
  rig.produce('q', bodies(15));
  isRefused(rig, () => rig.produce('q'));
  new LostRange(rig.state, 0, rig.recorder.end).lose();
  assert.equal([rig.state.required('q').unreadable, rig.state.required('q').bytes], [3, 0]);
  checkInvariants(rig.state);
  rig.produce('q', bodies(10, 10));
});

test('one in flight whose bytes rotted counts without them', () => {
  const rig = rigWith({ messagesMax: 2, bytesMax: 20, whenFull: 'dropOldest' });
  rig.produce('q', bodies(15));
  const taken = rig.take('q');
  new LostRange(rig.state, 0, rig.recorder.end).lose();
  rig.produce('q', bodies(20));
  isRefused(rig, () => rig.produce('q', 2));
  assert.equal(rig.ack('q', receiptsOf(taken)), [undefined]);
  assert.equal(ids(rig), [3]);
});

test('what comes back is never refused', () => {
  const rig = rigWith({ messagesMax: 1, failuresMax: 2 });
  const queue = rig.state.required('q');
  rig.produce('q');
  rig.nack('q', receiptsOf(rig.take('q')));
  rig.nack('q', receiptsOf(rig.take('q')));
  rig.produce('q');
  assert.equal([queue.ready, queue.dead], [1, 1]);
  redrive(rig.state, queue, queue, deadIds(queue, 10), 'ops');
  assert.equal([queue.ready, queue.dead], [2, 0]);
  isRefused(rig, () => rig.produce('q'));
  rig.release('q', receiptsOf(rig.take('q')));
  assert.equal(ids(rig), [2, 3]);
});

test('the oldest of the lowest priority go, by one record, and never one that somebody has', () => {
  const rig = rigWith({ messagesMax: 6, whenFull: 'dropOldest' });
  rig.produce('q', 1, 9);
  rig.produce('q', 2, 0);
  rig.take('q', { messages: 2 });
  rig.produce('q', 1, 0, 1000);
  rig.produce('q', 2, 5);
  assert.equal(ids(rig), [2, 3, 4, 5, 6, 7]);
  rig.produce('q', 3, 0);
  const [fact, ...others] = rig.recorder.of('settled').slice(1);
  assert.equal([fact!.reason, fact!.ids, others], [SETTLED_DROPPED, [4, 5, 6], []]);
  assert.is(rig.state.required('q').counters.dropped, 3);
  assert.equal(ids(rig), [2, 3, 7, 8, 9, 10]);
  rig.pass(1000);
});

test('as many go as the bytes of what comes need', () => {
  const rig = rigWith({ bytesMax: 100, whenFull: 'dropOldest' });
  rig.produce('q', bodies(10, 10, 70, 10));
  rig.produce('q', bodies(21));
  assert.equal(ids(rig), [5, 6]);
  rig.produce('q', bodies(70));
  assert.equal(ids(rig), [6, 7], 'exactly full');
});

test('where not enough can go, nothing does, and what comes is refused', () => {
  const rig = rigWith({ messagesMax: 3, bytesMax: 30, failuresMax: 1, whenFull: 'dropOldest' });
  rig.produce('q', bodies(8));
  rig.nack('q', receiptsOf(rig.take('q')));
  rig.produce('q', bodies(10, 10));
  rig.take('q', { messages: 1 });
  isRefused(rig, () => rig.produce('q', 3));
  isRefused(rig, () => rig.produce('q', bodies(21)));
  assert.equal(ids(rig), [2, 3, 4]);
  rig.produce('q', bodies(10, 10));
  assert.equal(ids(rig), [2, 3, 5, 6], 'the dead one and the one in flight stay');
});

test('a limit below what is there takes nothing by itself, and goes in slices', () => {
  const rig = new Rig();
  const count = 2 * limits.sliceMessagesMax + 10;
  rig.produce('q', count);
  configure(rig, { messagesMax: 5 });
  isRefused(rig, () => rig.produce('q'));
  configure(rig, { messagesMax: 5, whenFull: 'dropOldest' });
  assert.is(rig.state.required('q').live, count);
  const queue = rig.state.required('q');
  const load = { messages: 1, bytes: 1 };
  assert.equal(
    [1, 2, 3].map(() => dropOldest(rig.state, queue, load)),
    [true, true, false],
  );
  const { sliceMessagesMax } = limits;
  assert.equal(
    rig.recorder.of('settled').map((fact) => fact.ids.length),
    [sliceMessagesMax, sliceMessagesMax, 6],
  );
  assert.not(dropOldest(rig.state, queue, load), 'nothing more is to go');
  assert.equal(ids(rig), [count - 3, count - 2, count - 1, count]);
});

test('what is known already neither is refused nor makes room where there is too much', () => {
  for (const whenFull of ['refuse', 'dropOldest'] as const) {
    const rig = rigWith({});
    const keys = ['a', 'b', 'c'];
    rig.produceOnce('q', bodies(1, 1, 1), keys);
    configure(rig, { messagesMax: 2, whenFull });
    const parts = rig.produceOnce('q', bodies(1), ['a']);
    assert.equal(parts, [{ firstId: 2, count: 1, isDuplicate: true }]);
    assert.equal(ids(rig), [2, 3, 4]);
  }
});

test('what is held by its group counts, and never goes', () => {
  const dropping = rigWith({ messagesMax: 3, whenFull: 'dropOldest' });
  const refused = () => dropping.produce('q', 1, 0, 0, { group: 'a' });
  const { code, field } = refusalOf(refused);
  assert.equal([code, field], ['BAD_REQUEST', 'group']);
  const rig = rigWith({ messagesMax: 3 });
  rig.produce('q', 3, 0, 0, { group: 'a' });
  assert.is(refusalOf(() => rig.produce('q')).code, 'QUEUE_FULL');
  configure(rig, { messagesMax: 3, whenFull: 'dropOldest' });
  assert.is(refusalOf(() => rig.produce('q')).code, 'QUEUE_FULL', 'they were there before');
  assert.equal(ids(rig), [2, 3, 4]);
});

test('duplicates need no room', () => {
  for (const whenFull of ['refuse', 'dropOldest'] as const) {
    const rig = rigWith({ messagesMax: 2, whenFull });
    const once = (...keys: (string | undefined)[]) =>
      rig.produceOnce('q', bodies(...keys.map(() => 1)), keys);
    once('a', 'b', 'a');
    once('a', 'b', 'b');
    assert.equal(ids(rig), [2, 3]);
    if (whenFull === 'refuse') isRefused(rig, () => once('a', 'c'));
    else once('a', 'c');
    assert.equal(ids(rig), whenFull === 'refuse' ? [2, 3] : [3, 4]);
    isRefused(rig, () => once('d', undefined, 'e'));
  }
});

test.run();
