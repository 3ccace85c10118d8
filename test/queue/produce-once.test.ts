/**
 * Produce with deduplication IDs: what is known is not produced again, for as long as it is known.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { forgetDuplicates, refuseTooManyKeys, restateKeys } from '../../src/queue/produce-once.ts';
import { deleteQueue, purge } from '../../src/queue/purge.ts';
import { seededRandom } from '../support/random.ts';
import { messagesOf } from './support/replayed.ts';
import { producedBy, Rig, receiptsOf } from './support/rig.ts';

const test = suite('produce once');

const windowMs = limits.deduplicationMsDefault;

function once(rig: Rig, ...keys: (string | undefined)[]): [number, boolean][] {
  const bodies = keys.map((_, at) => Buffer.from(`${at}`));
  return producedBy(rig.produceOnce('q', bodies, keys));
}

/** The IDs of the messages that are there; the state that is read back has them and the keys too. */
function check(rig: Rig): number[] {
  checkInvariants(rig.state);
  const { state } = rig.replayed();
  const keysOf = (of: typeof state) => of.existing('q')?.deduplication?.entries(rig.nowMs);
  assert.equal(keysOf(state), keysOf(rig.state));
  return messagesOf(rig.state, 'q').map(({ id }) => id);
}

test('a second message with an ID that is known gets the first one back', () => {
  const rig = new Rig();
  assert.equal(once(rig, 'a', undefined, 'b'), [
    [1, false],
    [2, false],
    [3, false],
  ]);
  assert.equal(once(rig, 'c', 'a', undefined, 'b', 'c'), [
    [4, false],
    [1, true],
    [5, false],
    [3, true],
    [4, true],
  ]);
  assert.equal(check(rig), [1, 2, 3, 4, 5]);
  assert.is(rig.state.required('q').counters.duplicates, 3);
});

test('whatever became of the first one', () => {
  const rig = new Rig();
  once(rig, 'a', 'b');
  rig.ack('q', receiptsOf(rig.take('q', { messages: 1 })));
  purge(rig.state, rig.state.required('q'));
  assert.equal(once(rig, 'a', 'b'), [
    [1, true],
    [2, true],
  ]);
  assert.equal(check(rig), []);
});

test('until its window is over, as it was set when it was produced', () => {
  const rig = new Rig();
  once(rig, 'a');
  const queue = rig.state.required('q');
  queue.settings = { deduplicationMs: 100 };
  queue.position = rig.recorder.queueSet(queue);
  once(rig, 'b');
  rig.nowMs += 99;
  assert.equal(once(rig, 'b'), [[2, true]]);
  rig.nowMs += 1;
  assert.equal(once(rig, 'b', 'a'), [
    [3, false],
    [1, true],
  ]);
  rig.nowMs += windowMs - 101;
  assert.equal(once(rig, 'a'), [[1, true]]);
  rig.nowMs += 1;
  assert.equal(once(rig, 'a'), [[4, false]]);
  assert.equal(check(rig), [1, 2, 3, 4]);
});

test('a queue that is deleted knows none, another one never did', () => {
  const rig = new Rig();
  once(rig, 'a');
  assert.equal(rig.produceOnce('other', [Buffer.from('x')], ['a'])[0]!.isDuplicate, false);
  deleteQueue(rig.state, rig.state.required('q'));
  assert.equal(once(rig, 'a'), [[3, false]]);
  assert.is(rig.state.deduplicating.size, 2);
});

test('those whose window is over are forgotten bit by bit', () => {
  const rig = new Rig();
  const keys = Array.from({ length: 2_500 }, (_, at) => `key ${at}`);
  for (let from = 0; from < keys.length; from += 500) once(rig, ...keys.slice(from, from + 500));
  const sizeLater = (ms: number) => {
    rig.nowMs += ms;
    forgetDuplicates(rig.state, rig.nowMs);
    return rig.state.required('q').deduplication?.size ?? 0;
  };
  assert.equal(
    [sizeLater(0), sizeLater(windowMs), sizeLater(0), sizeLater(0)],
    [2500, 1500, 500, 0],
  );
  assert.equal([rig.state.deduplicating.size, rig.recorder.keys.size], [0, 0]);
});

test('however fast they come, those that are over are not kept', () => {
  const rig = new Rig();
  rig.produce('q', 1);
  const queue = rig.state.required('q');
  queue.settings = { deduplicationMs: 1 };
  for (let round = 0; round < 100; round += 1) {
    rig.nowMs += 1;
    once(rig, ...Array.from({ length: 100 }, (_, at) => `${round} ${at}`));
    assert.ok(queue.deduplication!.size <= 200);
  }
});

test('those of a queue that was deleted are freed bit by bit', () => {
  const rig = new Rig();
  for (let from = 0; from < 2_500; from += 500) {
    once(rig, ...Array.from({ length: 500 }, (_, at) => `key ${from + at}`));
  }
  deleteQueue(rig.state, rig.state.required('q'));
  rig.expire();
  assert.equal(
    [rig.state.isFreeing, rig.recorder.keys.size, rig.recorder.liveBytes],
    [false, 0, 0],
  );
});

test('a log is read without those that are over by then, however many it tells', () => {
  const rig = new Rig();
  rig.produce('q', 1);
  rig.state.required('q').settings = { deduplicationMs: 1 };
  for (let round = 0; round < 50; round += 1) {
    rig.nowMs += 1;
    once(rig, ...Array.from({ length: 100 }, (_, at) => `${round} ${at}`));
  }
  const { state } = rig.replayed();
  assert.ok(state.required('q').deduplication!.size <= 300);
});

test('as many queues as there are, a slice of all', () => {
  const rig = new Rig();
  for (let at = 0; at < 1_500; at += 1) rig.produceOnce(`q${at}`, [Buffer.from('x')], ['a']);
  rig.nowMs += windowMs;
  const sizeAfter = () => {
    forgetDuplicates(rig.state, rig.nowMs);
    return rig.state.deduplicating.size;
  };
  assert.equal([sizeAfter(), sizeAfter(), sizeAfter()], [1_000, 500, 0]);
});

test('a queue knows no more than it can', () => {
  const rig = new Rig();
  once(rig, 'a');
  const refusal = (count: number) => {
    try {
      refuseTooManyKeys(rig.state, rig.state.required('q'), count, rig.nowMs);
    } catch (error) {
      return (error as { code: string }).code;
    }
    return undefined;
  };
  const { deduplicationIdsMax: most } = limits;
  assert.equal([refusal(most - 1), refusal(most)], [undefined, 'QUEUE_FULL']);
  rig.nowMs += windowMs;
  assert.is(refusal(most), undefined, 'those that are over make room');
});

test('what stands before a boundary is told again, slice by slice, and then nothing more', () => {
  const rig = new Rig();
  once(rig, 'over');
  rig.nowMs += windowMs;
  const keys = Array.from({ length: 1_200 }, (_, at) => `key ${at}`);
  for (let from = 0; from < keys.length; from += 300) once(rig, ...keys.slice(from, from + 300));
  const boundary = rig.recorder.end;
  once(rig, 'later');
  const restate = () => {
    const { length } = rig.recorder.facts;
    let from: number | undefined = 0;
    while (from !== undefined) {
      const queue = rig.state.required('q');
      from = restateKeys(rig.state, queue, from, boundary, rig.nowMs);
    }
    return rig.recorder
      .of('deduplicated')
      .filter((fact) => rig.recorder.facts.indexOf(fact) >= length)
      .map(({ entries }) => entries.keys.length);
  };
  const told = restate();
  assert.equal([told.length, told.reduce((sum, count) => sum + count)], [3, 1_200]);
  assert.ok([...rig.recorder.keys.keys()].every((position) => position >= boundary));
  assert.equal(restate(), []);
  assert.is(check(rig).length, 1_202);
});

test('random IDs, times and windows, against a list', () => {
  const random = seededRandom(7);
  const rig = new Rig();
  const known: { key: string; id: number; untilMs: number }[] = [];
  rig.produce('q', 1);
  const queue = rig.state.required('q');
  for (let round = 0; round < 3_000; round += 1) {
    rig.nowMs += random.integer(0, 40);
    if (random.chance(0.05)) queue.settings = { deduplicationMs: random.integer(1, 2_000) };
    if (random.chance(0.1)) forgetDuplicates(rig.state, rig.nowMs);
    const key = `${random.integer(1, 60)}`;
    const before = known.findLast((entry) => entry.key === key && entry.untilMs > rig.nowMs);
    const [[id, isDuplicate]] = once(rig, key) as [[number, boolean]];
    assert.equal([isDuplicate, before?.id ?? id], [before !== undefined, id]);
    const untilMs = rig.nowMs + (queue.settings.deduplicationMs ?? windowMs);
    if (before === undefined) known.push({ key, id, untilMs });
  }
});

test.run();
