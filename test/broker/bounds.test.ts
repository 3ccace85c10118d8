/**
 * Bounds, at their real sizes, over a disk that takes 20 ms for a sync: whatever clients do, memory
 * stays bounded and everybody gets a turn. Rows E29, E30 and E32 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import {
  writeBye,
  writePing,
  writeProduce,
  writeResume,
  writeSubscribe,
} from '../../src/protocol/requests.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('bounds (E29, E30, E32)');
const syncMs = 20;
const MIB = 1024 * 1024;

async function rigWith(connections: number): Promise<{ rig: Rig; wires: Wire[] }> {
  // Small segments, since the simulated disk copies a file when it grows.
  const rig = new Rig({ syncMs, log: { segmentBytes: 9 * MIB } });
  await rig.start();
  const wires = Array.from({ length: connections }, () => rig.connect());
  for (const wire of wires) await wire.answer(wire.hello({ pinged: false }));
  return { rig, wires };
}

test('producers faster than the disk are not read while 16 MiB are not synced (E32)', async () => {
  const { rig, wires } = await rigWith(4);
  const body = 'x'.repeat(64 * 1024);
  const last = wires.map((wire) => {
    let id = 0;
    for (let frame = 0; frame < 40; frame += 1) {
      id = wire.produce({ queue: 'q' }, body, body, body, body);
    }
    return id;
  });
  let unsyncedMax = 0;
  let pausedMax = 0;
  await rig.until(() => {
    unsyncedMax = Math.max(unsyncedMax, rig.log.appended - rig.log.synced);
    pausedMax = Math.max(pausedMax, wires.filter(({ isPaused }) => isPaused).length);
    return wires.every((wire, index) => wire.answerTo(last[index]!) !== undefined);
  });
  assert.ok(unsyncedMax <= limits.unsyncedBytesMax, `${unsyncedMax} bytes were not synced`);
  assert.ok(unsyncedMax > 8 * MIB, 'the test did not reach the bound');
  assert.is(pausedMax, wires.length);
  assert.ok(wires.every(({ isPaused, waitingBytes }) => !isPaused && waitingBytes === 0));
  const unsyncedMiB = Math.round(unsyncedMax / MIB);
  console.log(JSON.stringify({ test: 'bounds: unsynced', producedMiB: 40, unsyncedMiB }));
});

test('a consumer that does not read is given no more, others go on (E29, E30)', async () => {
  const { rig, wires } = await rigWith(3);
  const [producer, deaf, other] = wires as [Wire, Wire, Wire];
  const body = 'x'.repeat(10_000);
  for (let frame = 0; frame < 10; frame += 1) {
    await producer.answer(producer.produce({ queue: 'q' }, ...Array(100).fill(body)));
  }
  deaf.isReading = false;
  const fields = { queues: ['q'], creditMessages: 100_000, detached: true };
  deaf.ask((writer, id) => writeSubscribe(writer, id, fields));
  let heldMax = 0;
  await rig.scheduler.run(() => {
    heldMax = Math.max(heldMax, deaf.unsentBytes + deaf.connection.heldBytes);
    return false;
  }, 2000);
  const { deliveryFrameBytesMax, bodyBytesMax, connectionUnsentBytesMax } = limits;
  const most = connectionUnsentBytesMax + deliveryFrameBytesMax + bodyBytesMax;
  assert.ok(heldMax <= most, `${heldMax} bytes for one connection`);
  assert.ok(heldMax >= connectionUnsentBytesMax, 'the test did not reach the bound');
  const given = rig.inside.state.required('q').inFlight;
  assert.ok(given < 200, `${given} messages for one that does not read`);
  const receive = other.receive({ queues: ['q'], messagesMax: 10 });
  assert.ok((await other.answer(receive)).deliveries.length > 0);
  deaf.isReading = true;
  deaf.catchUp();
  await rig.until(() => rig.inside.state.required('q').ready === 0);
});

test('requests of one that does not read its answers are not executed without end (E30)', async () => {
  const { rig, wires } = await rigWith(2);
  const [deaf, other] = wires as [Wire, Wire];
  deaf.isReading = false;
  for (let sent = 0; sent < 300_000; sent += 1000) {
    deaf.ask((writer) => {
      for (let id = 1; id <= 1000; id += 1) writePing(writer, id);
    });
    await rig.run(1);
  }
  await rig.run(1000);
  const held = deaf.unsentBytes + deaf.connection.heldBytes;
  assert.ok(held < 1.1 * limits.connectionUnsentBytesMax, `${held} bytes for one connection`);
  assert.ok(deaf.isPaused);
  assert.ok(deaf.connection.reader.pendingBytes < 2 * limits.turnBytesMax);
  assert.is((await other.answer(other.produce({ queue: 'q' }, 'a'))).durability, 2);
});

test('answers held for slow syncs are bounded over all connections', async () => {
  const { rig, wires } = await rigWith(101);
  const [producer, ...consumers] = wires as [Wire, ...Wire[]];
  const body = 'x'.repeat(100_000);
  for (let frame = 0; frame < 12; frame += 1) {
    await producer.answer(producer.produce({ queue: 'q' }, ...Array(70).fill(body)));
  }
  rig.latencyMs = (operation) => (operation === 'sync' ? Number.POSITIVE_INFINITY : 0.01);
  for (const wire of consumers) {
    const fields = { queues: ['q'], creditMessages: 100_000, detached: true };
    wire.ask((writer, id) => writeSubscribe(writer, id, fields));
  }
  let heldMax = 0;
  const held = () => consumers.reduce((sum, { connection }) => sum + connection.heldBytes, 0);
  await rig.scheduler.run(() => {
    heldMax = Math.max(heldMax, held());
    return false;
  }, 500);
  const slack = 6 * MIB;
  assert.ok(heldMax <= limits.heldBytesMax + slack, `${heldMax} bytes are held`);
  assert.ok(heldMax > limits.heldBytesMax / 2, `the test did not reach the bound: ${heldMax}`);
});

test('a turn executes at most 512 messages or 64 KiB of a connection, then it is the next one', async () => {
  const { rig, wires } = await rigWith(2);
  const [busy, other] = wires as [Wire, Wire];
  const live = () => rig.inside.state.existing('q')?.live ?? 0;
  const steps = async (send: () => void): Promise<number[]> => {
    const before = live();
    send();
    const counts: number[] = [];
    const pinged = other.ask((writer, id) => writePing(writer, id));
    await rig.until(() => {
      if (live() - before !== (counts.at(-1) ?? 0)) counts.push(live() - before);
      return other.answerTo(pinged) !== undefined;
    });
    await rig.run(1000);
    return counts;
  };
  const small = await steps(() => busy.produce({ queue: 'q' }, ...Array(10_000).fill('a')));
  assert.ok(small.length > 0 && small.every((count) => count <= 2 * limits.turnMessagesMax));
  const large = await steps(() => {
    busy.ask((writer) => {
      const messages = [{ body: Buffer.alloc(8000) }];
      for (let id = 1; id <= 100; id += 1) writeProduce(writer, id, { queue: 'q', messages });
    });
  });
  assert.ok(large.length > 0 && large.every((count) => count <= 2 * 9));
  assert.is(live(), 10_100);
});

test('leases of a session are given back at most 1,000 a turn', async () => {
  const { rig, wires } = await rigWith(1);
  const [producer] = wires as [Wire];
  for (let frame = 0; frame < 3; frame += 1) {
    await producer.answer(producer.produce({ queue: 'q' }, ...Array(3000).fill('a')));
  }
  const queue = rig.inside.state.required('q');
  const session = Buffer.alloc(16, 5);
  const greeted = async (): Promise<Wire> => {
    const wire = rig.connect();
    await wire.answer(wire.hello({ session }));
    return wire;
  };
  /** The most that came back at once while a request was executed. */
  const stepMax = async (wire: Wire, id: number): Promise<number> => {
    let before = queue.inFlight;
    let most = 0;
    await rig.until(() => {
      most = Math.max(most, before - queue.inFlight);
      before = queue.inFlight;
      return wire.answerTo(id) !== undefined;
    });
    return most;
  };
  const holder = await greeted();
  holder.ask((writer, id) => writeSubscribe(writer, id, { queues: ['q'], creditMessages: 9000 }));
  await rig.until(() => queue.inFlight === 9000);
  await rig.run(1000);
  const held = holder.answers.flatMap(({ deliveries }) => deliveries).slice(2000, 6000);
  holder.disconnect();
  const again = await greeted();
  const groups = [{ queue: 'q', receipts: held }];
  const resume = again.ask((writer, id) => writeResume(writer, id, groups));
  assert.is(await stepMax(again, resume), limits.sliceMessagesMax);
  assert.is(queue.inFlight, 4000);
  const bye = again.ask((writer, id) => writeBye(writer, id));
  assert.is(await stepMax(again, bye), limits.sliceMessagesMax);
  assert.is(queue.inFlight, 0);
  assert.is(queue.counters.released, 9000);
  assert.is(rig.inside.state.sessions.size, 0);
});

test.run();
