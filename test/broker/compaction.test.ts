/**
 * Compaction beside traffic, with small bounds: what is acknowledged while it reads is not copied,
 * purged messages and waiting reads do not stand in its way, and a failure of it is not passed over.
 * Rows E2 and E6 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeAck } from '../../src/protocol/requests.ts';
import { isCompacting } from '../simulation/inside.ts';
import { smallSizes } from '../simulation/small-limits.ts';
import { systemError } from '../simulation/storage.ts';
import { Rig, type RigOptions } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('compaction (E2, E6)');
const body = 'x'.repeat(900);
const log = {
  ...smallSizes,
  segmentBytes: 8 * 1024,
  tailCacheBytes: 10 * 1024,
  readCacheBytes: 4 * 1024,
};

async function began(options: RigOptions = {}): Promise<{ rig: Rig; wire: Wire }> {
  const rig = new Rig({ log, ...options });
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello({ session: Buffer.alloc(16, 3) }));
  return { rig, wire };
}

async function produce(wire: Wire, queue: string, count: number): Promise<void> {
  for (let made = 0; made < count; made += 1) {
    await wire.answer(wire.produce({ queue }, `${queue}-${made}:${body}`));
  }
}

const holdReads = (operation: string) => (operation === 'read' ? Number.POSITIVE_INFINITY : 0.1);

test('a message acknowledged while its bytes are read is not copied', async () => {
  const { rig, wire } = await began();
  await produce(wire, 'q', 2);
  const got = await wire.answer(wire.receive({ queues: ['q'], messagesMax: 2 }));
  await produce(wire, 'filler', 40);
  rig.latencyMs = holdReads;
  await wire.answer(wire.administer('queue.purge', { queue: 'filler' }));
  await rig.run(2000);
  assert.is(rig.inside.compactedSegments, 0, 'it waits for the bytes of q');
  await wire.answer(wire.ack('q', ...got.deliveries));
  rig.latencyMs = () => 0.1;
  rig.letGo();
  await rig.until(() => rig.log.segments().length <= 2);
  assert.is(rig.inside.compactedBytes, 0);
  await rig.restart('power');
  assert.is(rig.inside.state.required('q').live, 0);
});

test('a read that waits for its turn while its message goes holds nothing up', async () => {
  const { rig, wire } = await began();
  const queues = Array.from({ length: 12 }, (_, number) => `q${number}`);
  for (const queue of queues) await produce(wire, queue, 1);
  await produce(wire, 'filler', 40);
  rig.latencyMs = holdReads;
  const receives = queues.map((queue) => wire.receive({ queues: [queue] }));
  await rig.run(10);
  for (const queue of queues) await wire.answer(wire.administer('queue.purge', { queue }));
  await wire.answer(wire.administer('queue.purge', { queue: 'filler' }));
  rig.latencyMs = () => 0.1;
  rig.letGo();
  await rig.until(() => rig.log.segments().length <= 2);
  for (const queue of queues) await produce(wire, queue, 1);
  for (const receive of receives) {
    assert.is((await wire.answer(receive)).deliveries.length, 1);
  }
});

test('a purge just before a kill is freed by the next start', async () => {
  for (let syncs = 0; syncs < 12; syncs += 1) {
    const { rig, wire } = await began();
    await produce(wire, 'q', 60);
    let left = syncs;
    rig.latencyMs = (operation) => {
      if (operation !== 'sync' && operation !== 'unlink') return 0.01;
      left -= 1;
      return left >= 0 ? 0.01 : Number.POSITIVE_INFINITY;
    };
    wire.administer('queue.purge', { queue: 'q' });
    await rig.run(1500);
    rig.latencyMs = () => 0.01;
    await rig.restart('kill');
    await rig.run(1500);
    assert.is(rig.end, undefined);
    rig.broker.stop();
    await rig.until(() => rig.end !== undefined);
    assert.is(rig.end?.how, 'stopped');
  }
});

test('a session with many refused receipts is copied in pieces that fit', async () => {
  const { rig, wire } = await began();
  const receipts = Array.from({ length: 300 }, (_, number) => ({ id: number + 1, token: 1 }));
  for (let sequence = 1; sequence <= 32; sequence += 1) {
    const fields = { queue: 'none', receipts, sequence };
    await wire.answer(wire.ask((writer, id) => writeAck(writer, id, fields)));
  }
  await produce(wire, 'filler', 80);
  await wire.answer(wire.administer('queue.purge', { queue: 'filler' }));
  await rig.until(() => rig.inside.compactedSegments > 5);
  assert.is(rig.end, undefined);
  await rig.restart('power');
  const again = rig.connect();
  again.hello({ session: Buffer.alloc(16, 3) });
  const fields = { queue: 'none', receipts, sequence: 32 };
  const { codes } = await again.answer(again.ask((writer, id) => writeAck(writer, id, fields)));
  assert.is(codes?.filter((code) => code === 'GONE').length, 300);
});

test('a broker that stops while it compacts begins nothing more, and starts again', async () => {
  const within = new Set<number>();
  for (let turns = 0; turns < 12; turns += 1) {
    const { rig, wire } = await began();
    await produce(wire, 'q', 4);
    await produce(wire, 'filler', 40);
    await wire.answer(wire.administer('queue.purge', { queue: 'filler' }));
    await rig.until(() => isCompacting(rig.broker));
    await rig.run(turns ** 2 * 0.05);
    if (isCompacting(rig.broker)) within.add(rig.inside.compactedSegments);
    await rig.wait(rig.broker.stop());
    assert.is(rig.end?.how, 'stopped');
    const files = rig.storage.files();
    await rig.run(1000);
    assert.equal(rig.storage.files(), files);
    assert.ok((await rig.restart('power')).cleanStop);
    assert.is(rig.inside.state.required('q').live, 4);
  }
  assert.equal([...within].slice(0, 2), [0, 1], 'it was stopped within the first and the next');
});

test('a read that fails while serving ends the broker, and says why', async () => {
  const { rig, wire } = await began();
  await produce(wire, 'q', 30);
  rig.storage.fault = (operation) =>
    operation === 'read' ? systemError('EIO', operation) : undefined;
  wire.receive({ queues: ['q'] });
  await rig.until(() => rig.end !== undefined);
  assert.is(rig.end?.how, 'failed');
  assert.match((rig.end as { error: Error }).error.message, 'EIO');
  assert.ok(wire.isEnded);
});

test.run();
