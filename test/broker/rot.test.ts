/**
 * A block of the log rots while the broker serves: its messages become unreadable, all others go on,
 * and compaction works through to it, so that the next start finds nothing wrong. Row E12 of
 * docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogDamagedError } from '../../src/errors.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { smallSizes } from '../simulation/small-limits.ts';
import { Rig } from './support/rig.ts';
import type { Delivered, Wire } from './support/wire.ts';

const test = suite('rot (E12)');
const body = 'x'.repeat(300);
const first = '0000000001.wq';
const log = {
  ...smallSizes,
  segmentBytes: 8 * 1024,
  tailCacheBytes: 10 * 1024,
  readCacheBytes: 4 * 1024,
};

interface Stage {
  readonly rig: Rig;
  readonly wire: Wire;
  /** The bodies in `q`, in order. */
  readonly bodies: readonly string[];
}

async function began(count = 60): Promise<Stage> {
  const rig = new Rig({ log });
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello({ session: Buffer.alloc(16, 3) }));
  const bodies = Array.from({ length: count }, (_, number) => `${number}:${body}`);
  for (const text of bodies) await wire.answer(wire.produce({ queue: 'q' }, text));
  return { rig, wire, bodies };
}

const q = (rig: Rig) => rig.inside.state.required('q');

/** Turns a bit over in the payload of a block near the beginning of the first segment. */
const rot = (rig: Rig, at = 1000) => rig.storage.flip(first, at * 8);

const receive = async (wire: Wire, messagesMax: number): Promise<readonly Delivered[]> => {
  const id = wire.receive({ queues: ['q'], messagesMax, waitMs: 100 });
  return (await wire.answer(id)).deliveries;
};

/** Takes and acknowledges all there is. */
async function drain(wire: Wire): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const some = await receive(wire, 7);
    if (some.length === 0) return bodies;
    bodies.push(...some.map((delivery) => delivery.body));
    await wire.answer(wire.ack('q', ...some));
  }
}

/** Messages of another queue, so many that what was written before is no longer in memory. */
async function fill(wire: Wire): Promise<void> {
  for (let made = 0; made < 60; made += 1) {
    await wire.answer(wire.produce({ queue: 'other' }, body));
  }
}

async function isWorkedThrough(rig: Rig): Promise<void> {
  await rig.until(() => rig.inside.compactedSegments > 0);
  assert.not(rig.storage.files().has(first));
  checkInvariants(rig.inside.state);
}

test('its messages are unreadable, the others are delivered in order', async () => {
  const { rig, wire, bodies } = await began();
  rot(rig);
  const got = await drain(wire);
  const { unreadable } = q(rig);
  assert.ok(unreadable > 0 && unreadable < 8, `${unreadable}`);
  assert.is(got.length, bodies.length - unreadable);
  assert.equal(
    got,
    bodies.filter((text) => got.includes(text)),
  );
  assert.is(q(rig).live, unreadable);
  assert.is(rig.inside.damagedBlocks, 1);
  assert.is(rig.end, undefined);
});

test('a start before the file went is refused, one after it is not', async () => {
  const { rig, wire } = await began();
  rot(rig);
  // The disk takes no more: what would work through to it never becomes durable.
  rig.latencyMs = (operation) =>
    operation === 'read' || operation === 'open' ? 0.01 : Number.POSITIVE_INFINITY;
  wire.receive({ queues: ['q'], messagesMax: 8 });
  await rig.until(() => q(rig).unreadable > 0);
  rig.latencyMs = () => 0.01;
  let refusal: unknown;
  await rig.restart('kill').catch((error: unknown) => {
    refusal = error;
  });
  assert.instance(refusal, LogDamagedError);
});

test('compaction works through to it at once, and the file is kept aside', async () => {
  for (const how of ['kill', 'power'] as const) {
    const { rig, wire, bodies } = await began();
    rot(rig);
    const held = await receive(wire, 1);
    await isWorkedThrough(rig);
    const { unreadable } = q(rig);
    assert.ok([...rig.storage.files().keys()].includes(`quarantine/${first}`));
    await rig.restart(how);
    assert.is(q(rig).unreadable, unreadable, 'they are still told');
    const again = rig.connect();
    await again.answer(again.hello());
    await again.answer(again.ack('q', ...held));
    const got = await drain(again);
    assert.is(held.length + got.length, bodies.length - unreadable);
  }
});

test('whoever has such a message may acknowledge it; what comes back is unreadable', async () => {
  let [acked, cameBack] = [0, 0];
  for (let at = 1000; at < 2800; at += 100) {
    const { rig, wire } = await began(8);
    const taken = 4 + (at % 300) / 100;
    const held = [...(await receive(wire, taken))];
    await fill(wire);
    rot(rig, at);
    held.push(...(await receive(wire, 1)));
    if (rig.inside.damagedBlocks === 0) continue;
    await isWorkedThrough(rig);
    const { inFlight, unreadable } = q(rig);
    assert.is(inFlight, held.length, 'leases go on');
    await rig.restart('power');
    const again = rig.connect();
    await again.answer(again.hello());
    assert.is((await again.answer(again.ack('q', held[0]!))).code, undefined);
    assert.is(q(rig).live, 7);
    await rig.until(() => q(rig).inFlight === 0);
    acked += 1;
    cameBack += q(rig).unreadable - unreadable;
    assert.is(q(rig).ready + q(rig).unreadable, 7);
    checkInvariants(rig.inside.state);
  }
  assert.ok(acked > 0 && cameBack > 0, JSON.stringify({ acked, cameBack }));
});

test('unreadable messages go with a purge', async () => {
  const { rig, wire } = await began();
  rot(rig);
  await drain(wire);
  await isWorkedThrough(rig);
  assert.ok(q(rig).unreadable > 0);
  await wire.answer(wire.administer('queue.purge', { queue: 'q' }));
  assert.is(q(rig).live, 0);
  await rig.restart('power');
  assert.is(q(rig).live, 0);
});

test('delayed ones and their copies', async () => {
  const { rig, wire } = await began(4);
  await wire.answer(wire.produce({ queue: 'q', delayMs: 3_600_000 }, `late:${body}`));
  await fill(wire);
  rot(rig, 1900);
  await receive(wire, 4);
  await isWorkedThrough(rig);
  assert.is(q(rig).delayed, 0);
  const { unreadable } = q(rig);
  await rig.restart('kill');
  assert.is(q(rig).unreadable, unreadable);
  checkInvariants(rig.inside.state);
});

test('a stop while it is worked through ends in order', async () => {
  for (let turns = 0; turns < 20; turns += 1) {
    const { rig, wire } = await began();
    rot(rig);
    receive(wire, 1);
    await rig.run(turns ** 2 * 0.02);
    await rig.wait(rig.broker.stop());
    assert.is(rig.end?.how, 'stopped');
    const isGone = !rig.storage.files().has(first);
    const start = rig.restart('power').then(
      () => true,
      (error: unknown) => {
        assert.instance(error, LogDamagedError);
        return false;
      },
    );
    assert.is(await start, isGone);
  }
});

test.run();
