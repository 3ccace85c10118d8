/**
 * A full disk: produce is refused while acknowledgements and compaction go on, nothing that was
 * confirmed is lost, a start while it is full works, and produce opens by itself when there is
 * space. Row E17 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeCredit, writeSubscribe } from '../../src/protocol/requests.ts';
import { smallSizes } from '../simulation/small-limits.ts';
import { Rig } from './support/rig.ts';
import type { Answer, Delivered, Wire } from './support/wire.ts';

const test = suite('full disk (E17)');
const segmentBytes = 32 * 1024;
const body = 'x'.repeat(900);

async function began(): Promise<{ rig: Rig; wire: Wire }> {
  const log = { ...smallSizes, segmentBytes, tailCacheBytes: 32 * 1024, reserve: true };
  const rig = new Rig({ log });
  rig.storage.capacity = 20 * segmentBytes;
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello());
  await rig.run(2000);
  return { rig, wire };
}

/** Produces until it is refused. Returns the bodies that were confirmed, and the refusal. */
async function fill(wire: Wire): Promise<{ confirmed: string[]; refusal: Answer }> {
  const confirmed: string[] = [];
  for (;;) {
    const text = `${confirmed.length}:${body}`;
    const answer = await wire.answer(wire.produce({ queue: 'q' }, text));
    if (answer.code !== undefined) return { confirmed, refusal: answer };
    confirmed.push(text);
  }
}

async function receive(wire: Wire, most: number): Promise<readonly Delivered[]> {
  const asked = { queues: ['q'], messagesMax: most, waitMs: 0 };
  return (await wire.answer(wire.receive(asked))).deliveries;
}

test('produce is refused, acknowledgements go on, and space opens it again', async () => {
  const { rig, wire } = await began();
  const { confirmed, refusal } = await fill(wire);
  assert.is(refusal.code, 'DISK_FULL');
  assert.ok(confirmed.length > 200);
  assert.is(rig.space.reserveHalves, 1);
  const found = new Set<string>();
  for (;;) {
    const deliveries = await receive(wire, 10);
    if (deliveries.length === 0) break;
    const { codes } = await wire.answer(wire.ack('q', ...deliveries));
    assert.is(codes, undefined);
    for (const delivery of deliveries) found.add(delivery.body);
  }
  assert.equal([...found].sort(), [...confirmed].sort());
  await rig.until(() => rig.inside.admission.reserveHalves === 2);
  const again = await wire.answer(wire.produce({ queue: 'q' }, 'again'));
  assert.is(again.durability, 2);
  assert.is(rig.end, undefined);
});

test('a start on a full disk works and has everything', async () => {
  for (const how of ['kill', 'power'] as const) {
    const { rig, wire } = await began();
    const { confirmed } = await fill(wire);
    await rig.restart(how);
    const next = rig.connect();
    await next.answer(next.hello());
    const refused = await next.answer(next.produce({ queue: 'q' }, body));
    assert.is(refused.code, 'DISK_FULL');
    const first = await receive(next, 5);
    assert.equal(
      first.map((delivery) => delivery.body),
      confirmed.slice(0, first.length),
    );
    assert.is((await next.answer(next.ack('q', ...first))).codes, undefined);
    assert.is(rig.inside.state.required('q').live, confirmed.length - first.length);
  }
});

test('messages can be looked at (E37)', async () => {
  const { rig, wire } = await began();
  const { confirmed } = await fill(wire);
  const { appended } = rig.log;
  const asked = { queue: 'q', limit: 3, bodyBytes: 3 };
  const { value } = await wire.answer(wire.administer('messages', asked));
  const { messages } = value as { messages: { body: Buffer }[] };
  assert.equal(
    messages.map(({ body }) => body.toString()),
    confirmed.slice(0, 3).map((text) => text.slice(0, 3)),
  );
  assert.is(rig.log.appended, appended);
});

test('when others give space back produce opens without a restart', async () => {
  const { rig, wire } = await began();
  await fill(wire);
  rig.storage.capacity += 10 * segmentBytes;
  await rig.until(() => rig.inside.admission.reserveHalves === 2);
  assert.is((await wire.answer(wire.produce({ queue: 'q' }, body))).durability, 2);
});

test('so it does with a single segment, of which nothing is compacted', async () => {
  const { rig, wire } = await began();
  rig.storage.capacity = rig.storage.usedBytes;
  await fill(wire);
  assert.is(rig.log.segments().length, 1);
  rig.storage.capacity += 10 * segmentBytes;
  await rig.until(() => rig.inside.admission.reserveHalves === 2);
  assert.is((await wire.answer(wire.produce({ queue: 'q' }, body))).durability, 2);
});

test('a receipt is not valid after its deadline, although nothing expires any more', async () => {
  const { rig, wire } = await began();
  await fill(wire);
  const asked = { queues: ['q'], messagesMax: 3, waitMs: 0, visibilityMs: 500 };
  const { deliveries } = await wire.answer(wire.receive(asked));
  rig.inside.admission.reserveHalves = 0;
  await rig.run(600);
  const { codes } = await wire.answer(wire.ack('q', ...deliveries));
  assert.equal(
    codes,
    ['STALE_RECEIPT', 'STALE_RECEIPT', 'STALE_RECEIPT'].slice(0, deliveries.length),
  );
});

test('with half of the reserve used deliveries stop, acknowledgements go on', async () => {
  const { rig, wire } = await began();
  await fill(wire);
  const fields = { queues: ['q'], creditMessages: 3, detached: true };
  const subscription = wire.ask((writer, id) => writeSubscribe(writer, id, fields));
  const delivered = () => wire.answers.flatMap(({ deliveries }) => deliveries);
  await rig.until(() => delivered().length === 3);
  rig.inside.admission.reserveHalves = 0;
  wire.ask((writer) => writeCredit(writer, subscription, 1, 0));
  const refused = await wire.answer(wire.receive({ queues: ['q'] }));
  assert.is(refused.code, 'DISK_FULL');
  assert.is((await wire.answer(wire.ack('q', ...delivered()))).codes, undefined);
  assert.is(delivered().length, 3);
  rig.storage.capacity += 10 * segmentBytes;
  await rig.until(() => delivered().length === 4);
});

test.run();
