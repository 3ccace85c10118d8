/**
 * Sessions over broken connections and restarts: what never left is given back, what the client
 * holds stays its own, and a request sent again gets its first answer. Rows E1, E5, E27, E34 and
 * E35 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ReceiptGroup, writeNack, writeResume } from '../../src/protocol/requests.ts';
import { Rig } from './support/rig.ts';
import type { Delivered, Wire } from './support/wire.ts';

const test = suite('sessions (E5, E27, E34, E35)');
const session = Buffer.alloc(16, 7);

async function greeted(rig: Rig, key?: Buffer): Promise<Wire> {
  const wire = rig.connect();
  await wire.answer(wire.hello({ session: key, clientName: 'test' }));
  return wire;
}

function resume(wire: Wire, held: ReceiptGroup[]): number {
  return wire.ask((writer, id) => writeResume(writer, id, held));
}

async function rigWith(...bodies: string[]): Promise<{ rig: Rig; producer: Wire }> {
  const rig = new Rig();
  await rig.start();
  const producer = await greeted(rig);
  await producer.answer(producer.produce({ queue: 'q' }, ...bodies));
  return { rig, producer };
}

function idsOf(runs: readonly number[]): number[] {
  const firsts = runs.filter((_, at) => at % 2 === 0);
  return firsts.flatMap((first, run) =>
    Array.from({ length: runs[2 * run + 1]! }, (_, at) => first + at),
  );
}

async function received(wire: Wire, detached = false): Promise<Delivered[]> {
  const answer = await wire.answer(wire.receive({ queues: ['q'], messagesMax: 10, detached }));
  return [...answer.deliveries];
}

test('a delivery whose connection ended before it left is given back at once', async () => {
  for (const detached of [false, true]) {
    const { rig, producer } = await rigWith();
    const lost = await greeted(rig, session);
    lost.receive({ queues: ['q'], detached });
    await rig.run(1);
    rig.latencyMs = (operation) => (operation === 'sync' ? Number.POSITIVE_INFINITY : 0.01);
    producer.produce({ queue: 'q' }, 'a');
    await rig.run(10);
    lost.disconnect();
    rig.latencyMs = () => 0.1;
    rig.letGo();
    const other = await greeted(rig);
    const beganMs = rig.scheduler.nowMs;
    const [delivery] = await received(other, true);
    assert.ok(rig.scheduler.nowMs - beganMs < 100);
    assert.is(delivery!.deliveryCount, 2);
    assert.is(delivery!.failureCount, 0, 'it is not counted as a failure');
  }
});

test('what the client does not hold is given back when it comes again', async () => {
  const { rig } = await rigWith('a', 'b', 'c');
  const lost = await greeted(rig, session);
  const [a, b, c] = await received(lost);
  lost.disconnect();
  const again = await greeted(rig, session);
  await again.answer(resume(again, [{ queue: 'q', receipts: [a!, { ...c!, token: 1 }] }]));
  assert.equal((await again.answer(again.ack('q', a!))).codes, undefined);
  assert.equal((await again.answer(again.ack('q', b!))).codes, ['STALE_RECEIPT']);
  assert.equal(
    (await received(again)).map(({ body }) => body),
    ['b', 'c'],
  );
});

test('a second connection takes the session, with what it waits for', async () => {
  const { rig, producer } = await rigWith();
  const before = await greeted(rig, session);
  const waiting = before.receive({ queues: ['q'], detached: false });
  const after = await greeted(rig, session);
  await producer.answer(producer.produce({ queue: 'q' }, 'a'));
  assert.is(before.answerTo(waiting), undefined);
  assert.ok(before.answers.some(({ code }) => code === 'SESSION_TAKEN') && before.isEnded);
  const [delivery] = await received(after);
  assert.is(delivery!.deliveryCount, 1);
  before.disconnect();
  await rig.run(20_000);
  assert.equal((await after.answer(after.ack('q', delivery!))).codes, undefined);
});

test('a lease outlives a kill, a power cut and a short break, and nobody else has it', async () => {
  const { rig } = await rigWith('a');
  const worker = await greeted(rig, session);
  const [delivery] = await received(worker);
  for (const how of ['kill', 'power'] as const) {
    await rig.restart(how);
    await rig.run(3000);
    const other = await greeted(rig);
    const receive = other.receive({ queues: ['q'], waitMs: 10 });
    assert.equal((await other.answer(receive)).deliveries, []);
    const stranger = await greeted(rig, Buffer.alloc(16, 1));
    assert.equal((await stranger.answer(stranger.ack('q', delivery!))).codes, ['STALE_RECEIPT']);
    const again = await greeted(rig, session);
    await again.answer(resume(again, [{ queue: 'q', receipts: [delivery!] }]));
  }
  const again = await greeted(rig, session);
  assert.equal((await again.answer(again.ack('q', delivery!))).codes, undefined);
  assert.equal((await again.answer(again.ack('q', delivery!))).codes, ['GONE']);
});

test('a session that stays away loses its leases, counted as failures', async () => {
  const { rig } = await rigWith('a');
  const worker = await greeted(rig, session);
  const [lease] = await received(worker);
  await rig.restart('kill');
  const other = await greeted(rig);
  const beganMs = rig.scheduler.nowMs;
  const [delivery] = await received(other, true);
  const waitedMs = rig.scheduler.nowMs - beganMs;
  assert.ok(waitedMs > 4900 && waitedMs < 5100, `${waitedMs} ms`);
  assert.is(delivery!.failureCount, 1);
  assert.ok(delivery!.token !== lease!.token);
});

test('a request sent again gets its first answer, also after a power cut', async () => {
  const { rig } = await rigWith('a', 'b');
  const worker = await greeted(rig, session);
  const [a, b] = await received(worker);
  const bodies = Array.from({ length: 1200 }, (_, number) => `${number}`);
  const repeat = async (wire: Wire) => {
    const produced = wire.produce({ queue: 'other', sequence: 1 }, ...bodies);
    const nacked = wire.ask((writer, id) => {
      const receipts = [a!, { id: 99, token: 1 }];
      writeNack(writer, id, { queue: 'q', receipts, sequence: 2, delayMs: 60_000 });
    });
    const acks = [{ queue: 'q', receipts: [b!, a!] }];
    const asked = { queues: ['none'], waitMs: 0, sequence: 3, acks };
    const receive = wire.receive(asked);
    const answers = [await wire.answer(produced), await wire.answer(nacked)];
    const { groupCodes } = await wire.answer(receive);
    const told = answers.map(({ runs, codes }) => [idsOf(runs), codes]);
    return JSON.stringify([...told, groupCodes]);
  };
  const first = await repeat(worker);
  assert.match(first, '"GONE"');
  assert.match(first, '"STALE_RECEIPT"');
  worker.disconnect();
  assert.is(await repeat(await greeted(rig, session)), first);
  await rig.restart('power');
  const again = await greeted(rig, session);
  assert.is(await repeat(again), first);
  assert.is(rig.inside.state.required('other').live, 1200);
});

/** A large produce, in whose middle its connection breaks; how much of it lives. */
async function interrupted(rig: Rig): Promise<{ bodies: string[]; live: number }> {
  const worker = await greeted(rig, session);
  const bodies = Array.from({ length: 3000 }, (_, number) => `${number}`);
  worker.produce({ queue: 'q', sequence: 1 }, ...bodies);
  await rig.until(() => (rig.inside.state.existing('q')?.live ?? 0) > 600);
  worker.disconnect();
  const { live } = rig.inside.state.required('q');
  assert.ok(live > 600 && live < 3000, `live: ${live}`);
  return { bodies, live };
}

test('a large request that a break interrupted goes on where it was', async () => {
  const { rig } = await rigWith();
  const { bodies } = await interrupted(rig);
  const again = await greeted(rig, session);
  const { runs } = await again.answer(again.produce({ queue: 'q', sequence: 1 }, ...bodies));
  assert.is(
    runs.filter((_, at) => at % 2 === 1).reduce((sum, count) => sum + count, 0),
    3000,
  );
  assert.is(rig.inside.state.required('q').live, 3000);
});

test('the number of an interrupted request is refused to a smaller one', async () => {
  const { rig } = await rigWith();
  const { live } = await interrupted(rig);
  const again = await greeted(rig, session);
  const refused = await again.answer(again.produce({ queue: 'q', sequence: 1 }, 'a', 'b'));
  assert.is(refused.code, 'BAD_REQUEST');
  assert.is(rig.inside.state.required('q').live, live);
  await rig.restart('power');
  assert.is(rig.inside.state.required('q').live, live);
});

test('a receipt refused because its time was over stays refused by a clock that is behind', async () => {
  // What a power cut leaves of an unsynced write is drawn anew each time.
  for (let draws = 0; draws < 12; draws += 1) {
    const { rig, producer } = await rigWith('a');
    for (let draw = 0; draw < draws; draw += 1) rig.scheduler.random.uint32();
    const ask = { queues: ['q'], visibilityMs: 1000, detached: true };
    const { deliveries } = await producer.answer(producer.receive(ask));
    // The broker is late: what time does is done after what was asked meanwhile.
    const { leases } = rig.inside.state;
    await rig.until(() => leases.deadlines.firstMs - 2 <= rig.inside.time.now());
    const asked = producer.ack('q', ...deliveries);
    rig.scheduler.nowMs += 20;
    assert.equal((await producer.answer(asked)).codes, ['STALE_RECEIPT']);
    rig.wallOffsetMs = -60_000;
    await rig.restart('power');
    const wire = await greeted(rig);
    assert.equal((await wire.answer(wire.ack('q', ...deliveries))).codes, ['STALE_RECEIPT']);
  }
});

test('half of a frame is not executed', async () => {
  const { rig } = await rigWith('a');
  const wire = await greeted(rig, session);
  const { receive } = rig.broker;
  rig.broker.receive = (connection, bytes) =>
    receive.call(rig.broker, connection, bytes.subarray(0, bytes.length - 1));
  wire.produce({ queue: 'q' }, 'b', 'c');
  await rig.run(10);
  wire.disconnect();
  await rig.run(10);
  assert.is(rig.inside.state.required('q').live, 1);
});

test.run();
