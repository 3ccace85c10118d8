/**
 * Time to live, and not before a time, of a broker with its log: over a power cut, over compaction
 * and on a full disk; and what of a produce is refused. Row E17 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import type { ProduceFields } from '../../src/protocol/requests.ts';
import { smallSizes } from '../simulation/small-limits.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('time to live');
const log = { ...smallSizes, segmentBytes: 8 * 1024, tailCacheBytes: 10 * 1024 };

async function began(): Promise<{ rig: Rig; wire: Wire }> {
  const rig = new Rig({ log });
  await rig.start();
  return { rig, wire: await connected(rig) };
}

async function connected(rig: Rig): Promise<Wire> {
  const wire = rig.connect();
  await wire.answer(wire.hello({ pinged: false }));
  return wire;
}

const nowMs = (rig: Rig) => rig.inside.time.now();

async function bodiesIn(wire: Wire, waitMs = 0): Promise<string[]> {
  const asked = { queues: ['q'], messagesMax: 10, waitMs, visibilityMs: 5 };
  const { deliveries } = await wire.answer(wire.receive(asked));
  return deliveries.map(({ body }) => body);
}

function countsOf(rig: Rig) {
  const { live, dead, counters } = rig.inside.state.required('q');
  return { live, dead, timedOut: counters.timedOut };
}

/** Lets a segment go by in which nothing else is live. */
async function compact(rig: Rig, wire: Wire): Promise<void> {
  const before = rig.inside.compactedSegments;
  for (let made = 0; made < 40; made += 1) {
    await wire.answer(wire.produce({ queue: 'filler' }, 'x'.repeat(900)));
  }
  await wire.answer(wire.administer('queue.purge', { queue: 'filler' }));
  await rig.until(() => rig.inside.compactedSegments > before);
}

test('it ends by itself, and nobody who waits gets the message', async () => {
  const { rig, wire } = await began();
  await wire.answer(wire.produce({ queue: 'q', timeToLiveMs: 1_000, delayMs: 1_000 }, 'late'));
  await wire.answer(wire.produce({ queue: 'q', timeToLiveMs: 1_000, delayMs: 999 }, 'in time'));
  assert.equal(await bodiesIn(wire, 5_000), ['in time']);
  await rig.until(() => countsOf(rig).live === 0, 5_000);
  assert.is(countsOf(rig).timedOut, 2);
});

test('it ends after a power cut and after compaction, by the time of produce', async () => {
  for (const isCompacted of [false, true]) {
    const { rig, wire } = await began();
    await wire.answer(wire.produce({ queue: 'q', timeToLiveMs: 60_000 }, 'short'));
    await wire.answer(wire.produce({ queue: 'q' }, 'for ever'));
    const endMs = nowMs(rig) + 60_000;
    if (isCompacted) await compact(rig, wire);
    await rig.run(20_000);
    await rig.restart('power');
    const next = await connected(rig);
    assert.equal(await bodiesIn(next), ['short', 'for ever']);
    await rig.run(endMs - nowMs(rig) + 100);
    assert.equal(await bodiesIn(next), ['for ever']);
    assert.is(countsOf(rig).timedOut, 1);
  }
});

test('what ended is not there again after a power cut with the clock set back', async () => {
  for (const whenExpired of ['discard', 'dead']) {
    const { rig, wire } = await began();
    const settings = { timeToLiveMs: 1_000, whenExpired };
    await wire.answer(wire.administer('queue.create', { queue: 'q', settings }));
    await wire.answer(wire.produce({ queue: 'q' }, 'a'));
    await rig.run(2_000);
    const count = whenExpired === 'dead' ? 1 : 0;
    assert.equal(countsOf(rig), { live: count, dead: count, timedOut: 1 });
    rig.wallOffsetMs = -10_000;
    await rig.restart('power');
    assert.equal(countsOf(rig), { live: count, dead: count, timedOut: 0 });
    assert.equal(await bodiesIn(await connected(rig)), []);
  }
});

test('on a full disk it waits to be written, and holds all the same', async () => {
  const { rig, wire } = await began();
  await wire.answer(wire.produce({ queue: 'q', timeToLiveMs: 1_000 }, 'a', 'b'));
  const asked = { queues: ['q'], messagesMax: 1, visibilityMs: 60_000 };
  const { deliveries } = await wire.answer(wire.receive(asked));
  rig.inside.admission.reserveHalves = 0;
  await rig.run(2_000);
  assert.is(countsOf(rig).timedOut, 0);
  assert.equal((await wire.answer(wire.ack('q', ...deliveries))).codes, ['GONE']);
  rig.inside.admission.reserveHalves = 2;
  assert.equal(await bodiesIn(wire), []);
  await rig.until(() => countsOf(rig).timedOut === 2);
});

test('not before a time: over a restart too', async () => {
  const { rig, wire } = await began();
  const notBeforeMs = nowMs(rig) + 30_000;
  await wire.answer(wire.produce({ queue: 'q', notBeforeMs }, 'then'));
  await wire.answer(wire.produce({ queue: 'q', notBeforeMs: nowMs(rig) - 1 }, 'now'));
  assert.equal(await bodiesIn(wire), ['now']);
  await rig.restart('kill');
  const next = await connected(rig);
  const waiting = next.receive({ queues: ['q'], waitMs: 60_000 });
  const { deliveries } = await next.answer(waiting);
  assert.equal(
    deliveries.map(({ body }) => body),
    ['now'],
  );
  assert.equal(await bodiesIn(next, 60_000), ['then']);
  assert.ok(nowMs(rig) >= notBeforeMs && nowMs(rig) < notBeforeMs + 100);
});

test('what is out of range is refused by name, and makes no queue', async () => {
  const { rig, wire } = await began();
  const wrong: readonly [string, Partial<ProduceFields>][] = [
    ['delayMs', { delayMs: limits.delayMsMax + 1 }],
    ['priority', { priority: 256 }],
    ['timeToLiveMs', { timeToLiveMs: limits.delayMsMax + 1 }],
    ['notBeforeMs', { notBeforeMs: nowMs(rig) + limits.delayMsMax + 1_000 }],
    ['notBeforeMs', { notBeforeMs: nowMs(rig) + 1, delayMs: 1 }],
  ];
  for (const [field, fields] of wrong) {
    const answer = await wire.answer(wire.produce({ queue: 'q', ...fields }, 'a'));
    assert.equal([answer.code, answer.field], ['BAD_REQUEST', field]);
  }
  assert.is(rig.inside.state.existing('q'), undefined);
  const { delayMsMax } = limits;
  const most = { notBeforeMs: nowMs(rig) + delayMsMax, timeToLiveMs: delayMsMax };
  const answer = await wire.answer(wire.produce({ queue: 'q', ...most }, 'a'));
  assert.is(answer.code, undefined);
});

test.run();
