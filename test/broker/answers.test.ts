/**
 * When answers leave: at the level of their queue, in order, behind what they are about, and for
 * everything that a request touched. Rows E3 and E34 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ANSWER } from '../../src/protocol/operations.ts';
import {
  writeCredit,
  writeNack,
  writeResume,
  writeSubscribe,
  writeUnsubscribe,
} from '../../src/protocol/requests.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('answers (E3, E34)');

/** A rig whose disk holds every sync back from now on. */
async function rigWithoutSyncs(weakQueue?: string): Promise<{ rig: Rig; wire: Wire }> {
  const rig = new Rig();
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello());
  if (weakQueue !== undefined) await wire.answer(createWeak(wire, weakQueue));
  rig.latencyMs = (operation) => (operation === 'sync' ? Number.POSITIVE_INFINITY : 0.01);
  return { rig, wire };
}

function createWeak(wire: Wire, queue: string): number {
  return wire.administer('queue.create', { queue, settings: { durability: 'write' } });
}

test('at fsync nothing is confirmed before the sync, at write it is', async () => {
  const { rig, wire } = await rigWithoutSyncs('weak');
  const strict = wire.produce({ queue: 'strict' }, 'a');
  const lowered = wire.produce({ queue: 'strict', durability: 1 }, 'b');
  const weak = wire.produce({ queue: 'weak' }, 'c');
  await rig.run(100);
  assert.is(wire.answerTo(strict), undefined);
  assert.is(wire.answerTo(lowered)?.durability, 1);
  assert.is(wire.answerTo(weak)?.durability, 1);
  rig.letGo();
  assert.is((await wire.answer(strict)).durability, 2);
});

test('a nack that may move messages is told at the stricter level of the two queues', async () => {
  const rig = new Rig();
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello());
  await wire.answer(createWeak(wire, 'weak'));
  const settings = { failuresMax: 1, deadQueue: 'letters' };
  await wire.answer(wire.administer('queue.configure', { queue: 'weak', settings }));
  const produced = wire.produce({ queue: 'weak' }, 'a');
  await wire.answer(produced);
  const { deliveries } = await wire.answer(wire.receive({ queues: ['weak'] }));
  rig.latencyMs = (operation) => (operation === 'sync' ? Number.POSITIVE_INFINITY : 0.01);
  const receipts = { queue: 'weak', receipts: deliveries };
  const nack = wire.ask((writer, id) => writeNack(writer, id, receipts));
  await rig.run(100);
  assert.is(wire.answerTo(nack), undefined);
  rig.letGo();
  assert.is((await wire.answer(nack)).durability, 2);
});

test('a message and its delivery to who waits share one sync', async () => {
  const { rig, wire } = await rigWithoutSyncs();
  const consumer = rig.connect();
  consumer.hello();
  const receive = consumer.receive({ queues: ['q'] });
  const produce = wire.produce({ queue: 'q' }, 'a');
  await rig.run(100);
  assert.is(consumer.answerTo(receive), undefined);
  rig.letGo();
  const delivered = await consumer.answer(receive);
  const confirmed = await wire.answer(produce);
  assert.is(delivered.deliveries[0]!.body, 'a');
  assert.is(delivered.atMs, confirmed.atMs);
});

test('what a receive acknowledged is not told before it is durable, message or none', async () => {
  const { rig, wire } = await rigWithoutSyncs('weak');
  rig.latencyMs = () => 0.1;
  await wire.answer(createWeak(wire, 'nothing'));
  await wire.answer(wire.produce({ queue: 'strict' }, 'a', 'b', 'c'));
  await wire.answer(wire.produce({ queue: 'weak' }, 'd'));
  const got = await wire.answer(wire.receive({ queues: ['strict'], messagesMax: 3 }));
  const [first, second, third] = got.deliveries;
  rig.latencyMs = (operation) => (operation === 'sync' ? Number.POSITIVE_INFINITY : 0.01);
  const acking = (receipt: typeof first, queues: string[], waitMs: number) =>
    wire.receive({ queues, waitMs, acks: [{ queue: 'strict', receipts: [receipt!] }] });
  const empty = acking(first, ['nothing'], 0);
  const late = acking(second, ['nothing'], 20);
  const fromWeak = acking(third, ['weak'], 0);
  await rig.run(100);
  for (const id of [empty, late, fromWeak]) assert.is(wire.answerTo(id), undefined);
  rig.letGo();
  for (const id of [empty, late, fromWeak]) {
    assert.equal((await wire.answer(id)).groupCodes, [undefined]);
  }
  assert.is(wire.answerTo(fromWeak)?.deliveries[0]?.body, 'd');
});

test('on a server at write, what is said of a queue at fsync waits for the sync', async () => {
  const rig = new Rig({ settings: { durability: 'write' } });
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello({ session: Buffer.alloc(16, 1) }));
  const strict = { queue: 'strict', settings: { durability: 'fsync' } };
  await wire.answer(wire.administer('queue.create', strict));
  await wire.answer(wire.produce({ queue: 'strict' }, 'a'));
  await wire.answer(wire.produce({ queue: 'old' }, 'a'));
  const got = await wire.answer(wire.receive({ queues: ['strict'] }));
  rig.latencyMs = (operation) => (operation === 'sync' ? Number.POSITIVE_INFINITY : 0.01);
  const asked = [
    wire.ack('strict', got.deliveries[0]!),
    wire.receive({ queues: ['nothing', 'strict'], waitMs: 0 }),
    wire.administer('queue.create', strict),
    wire.administer('queue.purge', { queue: 'strict' }),
    wire.administer('queue.pause', { queue: 'strict', what: 'produce' }),
    wire.produce({ queue: 'strict' }, 'b'),
    wire.administer('queue.delete', { queue: 'old' }),
    wire.administer('queue.get', { queue: 'old' }),
    wire.ack('old', { id: 1, token: 1 }),
    wire.ask((writer, id) => writeResume(writer, id, [])),
  ];
  const weak = [wire.produce({ queue: 'weak' }, 'c'), wire.receive({ queues: ['weak'] })];
  await rig.run(100);
  for (const id of weak) assert.is(wire.answerTo(id)?.code, undefined);
  for (const [index, id] of asked.entries()) assert.is(wire.answerTo(id), undefined, `${index}`);
  rig.latencyMs = () => 0.1;
  rig.letGo();
  for (const id of asked) await wire.answer(id);
  const codes = asked.map((id) => wire.answerTo(id)!.code);
  const ok = undefined;
  assert.equal(codes, [ok, ok, 'QUEUE_EXISTS', ok, ok, 'PAUSED', ok, 'QUEUE_NOT_FOUND', ok, ok]);
});

test('a refusal that passes is told also while nothing gets durable', async () => {
  const { rig, wire } = await rigWithoutSyncs();
  wire.produce({ queue: 'q' }, 'a');
  rig.inside.admission.reserveHalves = 1;
  const refused = wire.produce({ queue: 'q' }, 'b');
  await rig.run(100);
  assert.is(wire.answerTo(refused)?.code, 'DISK_FULL');
});

test('a subscription to queues of both levels begins first and ends last', async () => {
  const { rig, wire } = await rigWithoutSyncs('weak');
  const consumer = rig.connect();
  consumer.hello();
  const subscribe = (queues: string[]) =>
    consumer.ask((writer, id) =>
      writeSubscribe(writer, id, { queues, creditMessages: 10, detached: true }),
    );
  const ended = subscribe(['strict', 'weak']);
  const left = subscribe(['weak', 'other']);
  wire.produce({ queue: 'strict' }, 'a');
  wire.produce({ queue: 'weak' }, 'b', 'c');
  wire.produce({ queue: 'other' }, 'd');
  await rig.run(5);
  wire.administer('queue.delete', { queue: 'strict' });
  const unsubscribe = consumer.ask((writer, id) => writeUnsubscribe(writer, id, left));
  await rig.run(50);
  rig.latencyMs = () => 0.1;
  rig.letGo();
  await consumer.answer(unsubscribe);
  const operations = (id: number) =>
    consumer.answers.filter((answer) => answer.id === id).map(({ operation }) => operation);
  const { ok, deliveries } = ANSWER;
  assert.equal(operations(ended), [ok, deliveries, deliveries, ANSWER.ended]);
  assert.equal(operations(left), [ok, deliveries, deliveries]);
  const at = consumer.answers.findIndex(({ id }) => id === unsubscribe);
  assert.ok(consumer.answers.slice(at).every(({ id }) => id !== left));
  consumer.ask((writer) => writeCredit(writer, left, 1, 0));
  await rig.run(10);
  assert.is(rig.end, undefined);
});

test('what was confirmed is there after a power cut, what was not is whole or not there', async () => {
  for (let round = 0; round < 20; round += 1) {
    const { rig, wire } = await rigWithoutSyncs();
    rig.latencyMs = () => 0.1;
    await wire.answer(wire.produce({ queue: 'q' }, 'a', 'b'));
    rig.latencyMs = (operation) => (operation === 'sync' ? Number.POSITIVE_INFINITY : 0.01);
    wire.produce({ queue: 'q' }, 'c', 'd', 'e');
    await rig.run(round);
    rig.latencyMs = () => 0.1;
    await rig.restart('power');
    const next = rig.connect();
    await next.answer(next.hello());
    const got = await next.answer(next.receive({ queues: ['q'], messagesMax: 10 }));
    const bodies = got.deliveries.map(({ body }) => body).join('');
    assert.ok(bodies === 'ab' || bodies === 'abcde', bodies);
  }
});

test.run();
