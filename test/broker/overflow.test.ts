/**
 * Limits of a queue, of a broker with its log: a frame in slices is judged as a whole, what goes to
 * make room goes in slices too, and both hold over a power cut.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('overflow');

const { turnMessagesMax, sliceMessagesMax } = limits;

async function began(settings: object): Promise<{ rig: Rig; wire: Wire }> {
  const rig = new Rig();
  await rig.start();
  const wire = await connected(rig);
  await wire.answer(wire.administer('queue.create', { queue: 'q', settings }));
  return { rig, wire };
}

async function connected(rig: Rig): Promise<Wire> {
  const wire = rig.connect();
  await wire.answer(wire.hello({ pinged: false }));
  return wire;
}

async function produce(wire: Wire, count: number, first = 0) {
  const bodies = Array.from({ length: count }, (_, at) => `${first + at}`);
  const { code, runs } = await wire.answer(wire.produce({ queue: 'q' }, ...bodies));
  return code ?? runs[1];
}

const queueOf = (rig: Rig) => rig.inside.state.required('q');

async function firstBody(wire: Wire): Promise<string> {
  const asked = { queues: ['q'], messagesMax: 1, waitMs: 0, visibilityMs: 1 };
  return (await wire.answer(wire.receive(asked))).deliveries[0]!.body;
}

test('a frame in slices is refused whole, or taken whole', async () => {
  const count = 2 * turnMessagesMax + 1;
  const { rig, wire } = await began({ messagesMax: count });
  assert.is(await produce(wire, count + 1), 'QUEUE_FULL');
  assert.is(queueOf(rig).live, 0);
  assert.is(await produce(wire, count), count);
  assert.is(await produce(wire, 1), 'QUEUE_FULL');
  await rig.restart('power');
  assert.is(queueOf(rig).live, count);
  assert.is(await produce(await connected(rig), 1), 'QUEUE_FULL');
});

test('what it needs goes first, over as many turns as it takes, and nothing of its own', async () => {
  const count = 2 * sliceMessagesMax + 3;
  const { rig, wire } = await began({});
  assert.is(await produce(wire, count), count);
  const settings = { messagesMax: count, whenFull: 'dropOldest' };
  await wire.answer(wire.administer('queue.configure', { queue: 'q', settings }));
  assert.is(await produce(wire, count - 1, count), count - 1);
  assert.equal([queueOf(rig).live, queueOf(rig).counters.dropped], [count, count - 1]);
  assert.is(await firstBody(wire), `${count - 1}`);
  await rig.restart('power');
  assert.is(queueOf(rig).live, count);
  assert.is(await firstBody(await connected(rig)), `${count - 1}`);
});

test('once it has begun nothing of it is refused, whoever takes the rest meanwhile', async () => {
  const count = sliceMessagesMax + 10;
  const { rig, wire } = await began({});
  const other = await connected(rig);
  await produce(wire, count);
  const settings = { messagesMax: 10, whenFull: 'dropOldest' };
  await wire.answer(wire.administer('queue.configure', { queue: 'q', settings }));
  const asked = wire.produce({ queue: 'q' }, ...Array.from({ length: 10 }, () => 'x'));
  const taken = other.receive({ queues: ['q'], messagesMax: 10, waitMs: 0, visibilityMs: 60_000 });
  assert.is((await wire.answer(asked)).code, undefined);
  const { deliveries } = await other.answer(taken);
  const { inFlight, ready } = queueOf(rig);
  assert.equal([inFlight, ready], [deliveries.length, 10]);
  assert.ok(inFlight > 0, 'they were taken while room was made');
  assert.is(await produce(wire, 10), 'QUEUE_FULL');
});

test.run();
