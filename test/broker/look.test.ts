/**
 * Looking at messages: pages and single messages, with bodies that are read from the disk, while
 * messages come and go; and nothing is leased, written, counted or told too early. Row E37 of
 * docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Receipt, writeNack, writeProduce } from '../../src/protocol/requests.ts';
import { smallLimits, smallSizes } from '../simulation/small-limits.ts';
import { Rig } from './support/rig.ts';
import type { Answer, Wire } from './support/wire.ts';

const test = suite('look (E37)');
const log = {
  ...smallSizes,
  segmentBytes: 8 * 1024,
  tailCacheBytes: 10 * 1024,
  readCacheBytes: 4 * 1024,
};
const never = Number.POSITIVE_INFINITY;
const filling = 'x'.repeat(300);

interface Shown {
  readonly id: number;
  readonly state: string;
  readonly body?: Buffer;
  readonly bodyBytes?: number;
  readonly [field: string]: unknown;
}

interface Page {
  readonly messages: readonly Shown[];
  readonly next: string | null;
}

async function began(): Promise<{ rig: Rig; wire: Wire }> {
  const rig = new Rig({ log });
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello({ session: Buffer.alloc(16, 3), clientName: 'worker' }));
  return { rig, wire };
}

/** Messages `0:xxx`, `1:xxx` ... of which only the last ones are in memory. */
async function cold(wire: Wire, count = 60): Promise<void> {
  for (let at = 0; at < count; at += 1) await produce(wire, `${at}:${filling}`);
}

async function produce(wire: Wire, body: string, priority = 0, delayMs = 0): Promise<number> {
  const answer = await wire.answer(wire.produce({ queue: 'q', priority, delayMs }, body));
  return answer.runs[0]!;
}

async function receive(wire: Wire, fields: object = {}) {
  return (await wire.answer(wire.receive({ queues: ['q'], waitMs: 0, ...fields }))).deliveries;
}

const pageOf = ({ value }: Answer) => value as Page;
const ids = ({ messages }: Page) => messages.map(({ id }) => id);
const texts = ({ messages }: Page) => messages.map(({ body }) => body?.toString());

async function browse(wire: Wire, args: object = {}): Promise<Page> {
  return pageOf(await wire.answer(wire.administer('messages', { queue: 'q', ...args })));
}

async function browseAll(wire: Wire, args: object = {}): Promise<Page[]> {
  const pages: Page[] = [];
  let after: string | null | undefined;
  do {
    pages.push(await browse(wire, { ...args, after }));
    after = pages.at(-1)!.next;
  } while (after !== null);
  return pages;
}

async function codeOf(wire: Wire, verb: string, args: Record<string, unknown>) {
  return (await wire.answer(wire.administer(verb, args))).code;
}

/** What was read before is pushed out of memory. */
async function chill(wire: Wire): Promise<void> {
  await browse(wire, { after: '0-30', limit: 20, bodyBytes: 1 });
}

function nack(wire: Wire, receipt: Receipt): number {
  return wire.ask((writer, id) => writeNack(writer, id, { queue: 'q', receipts: [receipt] }));
}

function holdReads(rig: Rig): void {
  rig.latencyMs = (operation) => (operation === 'read' ? never : 0.01);
}

test('what is known of each message, in the order of delivery', async () => {
  const { rig, wire } = await began();
  const low = await produce(wire, 'low');
  const late = await produce(wire, 'late', 0, 60_000);
  const high = await produce(wire, 'high', 9);
  await receive(wire, { detached: false });
  const { messages, next } = await browse(wire);
  assert.is(next, null);
  assert.equal(ids({ messages, next }), [high, low, late]);
  const { timeMs, startedMs } = { timeMs: rig.inside.time.now(), startedMs: rig.inside.startedMs };
  for (const { producedMs } of messages) {
    assert.ok(Number(producedMs) >= startedMs && Number(producedMs) <= timeMs);
  }
  const plain = messages.map(({ producedMs: _, dueMs, ...rest }) => ({
    ...rest,
    inS: dueMs === undefined ? undefined : Math.round((Number(dueMs) - timeMs) / 1000),
  }));
  const counts = { deliveryCount: 0, failureCount: 0 };
  assert.equal(plain, [
    {
      ...{ id: high, state: 'in flight', priority: 9, bytes: 7, ...counts, deliveryCount: 1 },
      ...{ session: 1, client: 'worker', inS: 30 },
    },
    { id: low, state: 'ready', priority: 0, bytes: 6, ...counts, inS: undefined },
    { id: late, state: 'delayed', priority: 0, bytes: 7, ...counts, inS: 60 },
  ]);
  assert.equal(ids(await browse(wire, { state: 'delayed' })), [late]);
  assert.equal(ids(await browse(wire, { state: 'dead' })), []);
});

test('a session is told by the name of its client, never by its key', async () => {
  const { wire } = await began();
  const id = await produce(wire, 'a');
  await receive(wire, { detached: false });
  const shown = await wire.answer(wire.administer('message', { queue: 'q', id }));
  const text = JSON.stringify(shown.value);
  assert.match(text, /"client":"worker"/);
  assert.not.match(text, /0303/);
  assert.not.match(JSON.stringify(await browse(wire)), /0303/);
});

test('content type, headers and a part of the body', async () => {
  const { wire } = await began();
  const headers = { tenant: 'a', __proto__x: 'b' };
  const message = { body: Buffer.from('0123456789'), contentType: 'text/plain', headers };
  await wire.answer(
    wire.ask((writer, id) => writeProduce(writer, id, { queue: 'q', messages: [message] })),
  );
  const only = async (args: object) => {
    const { id, state, priority, producedMs, bytes, ...rest } = (await browse(wire, args))
      .messages[0]!;
    const { deliveryCount, failureCount, body, ...told } = rest;
    return { ...told, ...(body === undefined ? {} : { body: body.toString() }) };
  };
  const told = { bodyBytes: 10, contentType: 'text/plain', headers };
  assert.equal(await only({}), {});
  assert.equal(await only({ bodyBytes: 0 }), told);
  assert.equal(await only({ bodyBytes: 4 }), { ...told, body: '0123' });
  assert.equal(await only({ bodyBytes: 4, bodyFrom: 8 }), { ...told, body: '89' });
  assert.equal(await only({ bodyBytes: 4, bodyFrom: 11 }), { ...told, body: '' });
  const whole = await wire.answer(wire.administer('message', { queue: 'q', id: 1 }));
  assert.is((whole.value as Shown).body?.toString(), '0123456789');
});

test('bodies that are not in memory are read, every message once and in order', async () => {
  const { wire } = await began();
  await cold(wire);
  const pages = await browseAll(wire, { bodyBytes: 4 });
  assert.ok(pages.length >= 60 / (smallLimits.deliveryFrameBytesMax / 256), `${pages.length}`);
  const expected = Array.from({ length: 60 }, (_, at) => `${at}:${filling}`.slice(0, 4));
  assert.equal(pages.flatMap(texts), expected);
  for (const { messages } of pages)
    assert.is(messages[0]?.bodyBytes, messages[0]!.id < 11 ? 302 : 303);
});

test('a page is bounded by bytes, and holds one message at least', async () => {
  const { wire } = await began();
  await cold(wire, 9);
  for (let at = 0; at < 3; at += 1) await produce(wire, `${'y'.repeat(3_000)}${at}`);
  const pages = await browseAll(wire, { bodyBytes: 4_000 });
  const bytes = pages.map(({ messages }) =>
    messages.reduce((sum, { body }) => sum + body!.length, 0),
  );
  for (const [at, { messages }] of pages.entries()) {
    assert.ok(messages.length === 1 || bytes[at]! < smallLimits.deliveryFrameBytesMax);
  }
  assert.is(pages.flatMap(ids).length, 12);
  assert.is(new Set(pages.flatMap(ids)).size, 12);
  assert.ok(pages.length >= 4);
});

test('nothing is written, leased or counted by it, on a paused queue too', async () => {
  const { rig, wire } = await began();
  await cold(wire, 40);
  await wire.answer(wire.administer('queue.pause', { queue: 'q' }));
  await rig.run(1_000);
  const before = await wire.answer(wire.administer('queue.get', { queue: 'q' }));
  const { appended } = rig.log;
  await browseAll(wire, { bodyBytes: 10 });
  assert.is((await wire.answer(wire.administer('message', { queue: 'q', id: 1 }))).code, undefined);
  const after = await wire.answer(wire.administer('queue.get', { queue: 'q' }));
  assert.is(rig.log.appended, appended);
  const figures = ({ value }: Answer) => ({ ...(value as object), oldestAgeMs: 0 });
  assert.equal(figures(after), figures(before));
  assert.is(rig.inside.state.leases.size, 0);
  await wire.answer(wire.administer('queue.resume', { queue: 'q' }));
  assert.equal(
    (await receive(wire)).map(({ id, deliveryCount }) => [id, deliveryCount]),
    [[1, 1]],
  );
});

test('what went while it was read is left out, what changed is told as it is', async () => {
  const { rig, wire } = await began();
  await cold(wire);
  const held = await receive(wire, { messagesMax: 3 });
  await cold(wire, 40);
  await chill(wire);
  holdReads(rig);
  const any = wire.administer('messages', { queue: 'q', limit: 3, bodyBytes: 1 });
  const leased = wire.administer('messages', { queue: 'q', state: 'in flight', bodyBytes: 1 });
  await rig.run(10);
  assert.is(wire.answerTo(any), undefined);
  await wire.answer(wire.ack('q', held[0]!));
  await wire.answer(nack(wire, held[2]!));
  rig.latencyMs = () => 0.01;
  rig.letGo();
  const shown = pageOf(await wire.answer(any));
  assert.equal(
    shown.messages.map(({ id, state }) => [id, state]),
    [
      [2, 'in flight'],
      [3, 'ready'],
    ],
  );
  assert.equal(ids(pageOf(await wire.answer(leased))), [2]);
});

test('the queue may go meanwhile, or the message', async () => {
  const { rig, wire } = await began();
  await cold(wire);
  const [first] = await receive(wire);
  await cold(wire, 40);
  await chill(wire);
  holdReads(rig);
  const message = wire.administer('message', { queue: 'q', id: first!.id });
  await rig.run(5);
  await wire.answer(wire.ack('q', first!));
  const page = wire.administer('messages', { queue: 'q', bodyBytes: 1 });
  await rig.run(5);
  rig.latencyMs = () => 0.01;
  rig.letGo();
  assert.is((await wire.answer(message)).code, 'GONE');
  await wire.answer(page);
  await chill(wire);
  holdReads(rig);
  const later = wire.administer('messages', { queue: 'q', bodyBytes: 1 });
  await rig.run(5);
  await wire.answer(wire.administer('queue.delete', { queue: 'q' }));
  rig.latencyMs = () => 0.01;
  rig.letGo();
  assert.is((await wire.answer(later)).code, 'QUEUE_NOT_FOUND');
  assert.is(rig.end, undefined);
});

test('who asked may go meanwhile', async () => {
  const { rig, wire } = await began();
  await cold(wire);
  const other = rig.connect();
  await other.answer(other.hello());
  holdReads(rig);
  for (let count = 0; count < 10; count += 1) {
    other.administer('messages', { queue: 'q', bodyBytes: 1 });
  }
  await rig.run(5);
  other.disconnect();
  rig.latencyMs = () => 0.01;
  rig.letGo();
  assert.is((await browse(wire, { bodyBytes: 1, limit: 5 })).messages.length, 5);
  assert.is(rig.end, undefined);
});

test('a connection has a bounded number open; those of others go on', async () => {
  const { rig, wire } = await began();
  await cold(wire);
  const other = rig.connect();
  await other.answer(other.hello());
  holdReads(rig);
  const asked = Array.from({ length: 70 }, () =>
    other.administer('messages', { queue: 'q', limit: 1, bodyBytes: 1 }),
  );
  await rig.run(50);
  const codes = asked.map((id) => other.answerTo(id)?.code);
  assert.is(codes.filter((code) => code === 'BUSY').length, 6);
  const mine = wire.administer('messages', { queue: 'q', limit: 1, bodyBytes: 1 });
  const known = await browse(wire, { limit: 2 });
  assert.is(known.messages.length, 2, 'what needs no disk waits for none');
  rig.latencyMs = () => 0.01;
  rig.letGo();
  await wire.answer(mine);
  for (const id of asked.slice(0, 64)) assert.is(pageOf(await other.answer(id)).messages.length, 1);
});

test('one that does not read is given no more pages', async () => {
  const { rig, wire } = await began();
  await cold(wire);
  holdReads(rig);
  const asked = Array.from({ length: 40 }, () =>
    wire.administer('messages', { queue: 'q', bodyBytes: 300 }),
  );
  await rig.run(5);
  wire.isReading = false;
  rig.latencyMs = () => 0.01;
  rig.letGo();
  await rig.run(1_000);
  const most = smallLimits.connectionUnsentBytesMax + 2 * smallLimits.deliveryFrameBytesMax;
  assert.ok(wire.unsentBytes < most + 40 * 100, `${wire.unsentBytes}`);
  wire.catchUp();
  const codes = [];
  for (const id of asked) codes.push((await wire.answer(id)).code);
  assert.ok(codes.includes('BUSY') && codes.includes(undefined), `${codes}`);
});

test('nothing is shown before it is durable', async () => {
  const { rig, wire } = await began();
  const settings = { durability: 'write' };
  await wire.answer(wire.administer('queue.create', { queue: 'q', settings }));
  await cold(wire, 1);
  const [held] = await receive(wire);
  await cold(wire, 60);
  await chill(wire);
  const other = rig.connect();
  await other.answer(other.hello());
  rig.latencyMs = (operation) => (operation === 'read' ? never : operation === 'sync' ? 50 : 0.01);
  const one = other.administer('message', { queue: 'q', id: held!.id });
  await produce(wire, 'in the batch before');
  const nacked = nack(wire, held!);
  await rig.run(1);
  const page = other.administer('messages', { queue: 'q', limit: 1 });
  rig.letGo();
  assert.is((await wire.answer(nacked)).durability, 1, 'told at write already');
  await rig.run(5);
  assert.ok(rig.log.synced < rig.log.appended);
  assert.is(other.answerTo(page), undefined);
  assert.is(
    other.answerTo(one),
    undefined,
    'its bytes are there, what became of it is not durable',
  );
  const [first] = pageOf(await other.answer(page)).messages;
  const shown = (await other.answer(one)).value as Shown;
  assert.is(rig.log.synced, rig.log.appended);
  assert.equal([first!.state, first!.failureCount], ['ready', 1]);
  assert.equal([shown.state, shown.failureCount], ['ready', 1]);
});

test('a message whose bytes rotted is shown without them', async () => {
  const { rig, wire } = await began();
  await cold(wire);
  rig.storage.flip('0000000001.wq', 1000 * 8);
  const pages = await browseAll(wire, { bodyBytes: 1 });
  const rotten = pages.flatMap(({ messages }) => messages).filter(({ bytes }) => bytes === 0);
  assert.ok(rotten.length > 0);
  for (const { state, body } of rotten) assert.equal([state, body], ['unreadable', undefined]);
  assert.is(rig.inside.damagedBlocks, 1);
  assert.is(pages.flatMap(ids).length, 60);
});

test('what cannot be asked is refused by name', async () => {
  const { wire } = await began();
  await produce(wire, 'a');
  const wrong: readonly [string, Record<string, unknown>, string][] = [
    ['messages', { queue: 'none' }, 'QUEUE_NOT_FOUND'],
    ['messages', { queue: '?' }, 'BAD_NAME'],
    ['messages', { queue: 'q', state: 'gone' }, 'BAD_REQUEST'],
    ['messages', { queue: 'q', after: '256-1' }, 'BAD_REQUEST'],
    ['messages', { queue: 'q', after: '1' }, 'BAD_REQUEST'],
    ['messages', { queue: 'q', after: '0-9999999999999999' }, 'BAD_REQUEST'],
    ['messages', { queue: 'q', limit: 0 }, 'BAD_REQUEST'],
    ['messages', { queue: 'q', limit: 41 }, 'BAD_REQUEST'],
    ['messages', { queue: 'q', bodyBytes: 2 ** 20 + 1 }, 'BAD_REQUEST'],
    ['messages', { queue: 'q', bodyFrom: '1' }, 'BAD_REQUEST'],
    ['message', { queue: 'q' }, 'BAD_REQUEST'],
    ['message', { queue: 'q', id: 2 }, 'GONE'],
    ['message', { queue: 'none', id: 1 }, 'QUEUE_NOT_FOUND'],
  ];
  for (const [verb, args, code] of wrong) {
    assert.is(await codeOf(wire, verb, args), code, `${verb} ${JSON.stringify(args)}`);
  }
});

test.run();
