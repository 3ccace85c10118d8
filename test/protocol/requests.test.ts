// The client's encoders: each request, written and parsed by the broker's parser, says the same.

import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ByteWriter } from '../../src/protocol/byte-writer.ts';
import * as requests from '../../src/protocol/requests.ts';
import { printedSeed } from '../support/random.ts';
import { plainKey, queueName, uint } from './support/arbitraries.ts';
import { parse, payload } from './support/frames.ts';
import { requestRead } from './support/reading.ts';

const seed = printedSeed('requests');
const sequence = fc.option(fc.integer({ min: 1, max: 2 ** 53 - 1 }), { nil: undefined });
const receipts = fc.array(fc.record({ id: uint, token: uint }), { maxLength: 20 });
const groups = fc.array(fc.record({ queue: queueName, receipts }), { maxLength: 4 });
const bool = fc.option(fc.boolean(), { nil: undefined });
const id = 2 ** 33;

function written(write: (writer: ByteWriter) => void): Record<string, unknown> {
  const { request, buffer } = parse(payload(write));
  return requestRead(request, buffer);
}

function flat(list: readonly requests.Receipt[]): number[] {
  return list.flatMap((receipt) => [receipt.id, receipt.token]);
}

function flatGroups(list: readonly requests.ReceiptGroup[]) {
  return list.map((group) => ({ queue: group.queue, receipts: flat(group.receipts) }));
}

test('hello', () => {
  const session = Buffer.alloc(16, 9);
  const full = { clientName: 'démo', session, token: 'sécret', pinged: false };
  const expected = { operation: 1, id, version: 1 };
  assert.equal(
    written((writer) => requests.writeHello(writer, id, full)),
    { ...expected, ...full },
  );
  assert.equal(
    written((writer) => requests.writeHello(writer, id, {})),
    { ...expected, clientName: '', session: null, token: undefined, pinged: true },
  );
});

test('resume', () => {
  fc.assert(
    fc.property(groups, (held) => {
      const read = written((writer) => requests.writeResume(writer, id, held));
      assert.equal(read, { operation: 2, id, held: flatGroups(held) });
    }),
    { seed },
  );
});

test('bye, ping, pong, cancel, unsubscribe, credit', () => {
  const table: [(writer: ByteWriter) => void, Record<string, unknown>][] = [
    [(writer) => requests.writeBye(writer, id), { operation: 3, id }],
    [(writer) => requests.writePing(writer, id), { operation: 4, id }],
    [(writer) => requests.writeCancel(writer, id, 7), { operation: 5, id, target: 7 }],
    [(writer) => requests.writePong(writer, 7), { operation: 6, id: 0, pingNumber: 7 }],
    [
      (writer) => requests.writeCredit(writer, 7, 10, 2 ** 40),
      { operation: 17, id: 0, subscription: 7, creditMessages: 10, creditBytes: 2 ** 40 },
    ],
    [(writer) => requests.writeUnsubscribe(writer, id, 7), { operation: 18, id, subscription: 7 }],
  ];
  for (const [write, expected] of table) assert.equal(written(write), expected);
});

test('produce', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 });
  const message = fc.record({
    body: fc.uint8Array({ maxLength: 400 }),
    contentType: fc.option(text, { nil: undefined }),
    headers: fc.option(fc.dictionary(plainKey(), text), { nil: undefined }),
    group: fc.option(fc.stringMatching(/^[a-z0-9-]{1,20}$/), { nil: undefined }),
    deduplicationId: fc.option(fc.stringMatching(/^[a-z0-9-]{1,20}$/), { nil: undefined }),
  });
  const fields = fc.record({
    sequence,
    queue: queueName,
    durability: fc.option(fc.nat(1), { nil: undefined }),
    delayMs: fc.option(fc.nat(), { nil: undefined }),
    notBeforeMs: fc.option(fc.maxSafeNat(), { nil: undefined }),
    timeToLiveMs: fc.option(fc.integer({ min: 1, max: 316_224_000_000 }), { nil: undefined }),
    priority: fc.option(fc.nat(255), { nil: undefined }),
    messages: fc.array(message, { minLength: 1, maxLength: 8 }),
  });
  fc.assert(
    fc.property(fields, ({ notBeforeMs, ...all }) => {
      const isGrouped = all.messages.some(({ group }) => group !== undefined);
      const rest = isGrouped ? { ...all, priority: 0 } : all;
      const given = rest.delayMs ? rest : { ...rest, notBeforeMs };
      const read = written((writer) => requests.writeProduce(writer, id, given));
      assert.equal(read, {
        ...{ operation: 10, id, queue: given.queue, sequence: given.sequence ?? 0 },
        durability: given.durability ?? 0,
        delayMs: given.delayMs ?? 0,
        notBeforeMs: rest.delayMs ? 0 : (notBeforeMs ?? 0),
        timeToLiveMs: given.timeToLiveMs ?? 0,
        priority: given.priority ?? 0,
        keys: given.messages.some(({ deduplicationId }) => deduplicationId !== undefined)
          ? given.messages.map(({ deduplicationId }) => deduplicationId)
          : [],
        messages: given.messages.map(({ body, contentType, headers, group }) => {
          const parts: unknown[] = [Buffer.from(body)];
          const fields = [contentType, headers, group];
          const last = fields.findLastIndex((field) => field !== undefined);
          for (const field of fields.slice(0, last + 1)) parts.push(plain(field));
          return parts;
        }),
      });
    }),
    { seed, numRuns: 200 },
  );
});

/** As it is unpacked: nil for what is not there, and a map of its own. */
function plain(field: string | object | undefined): unknown {
  return typeof field === 'object' ? { ...field } : (field ?? null);
}

test('receive', () => {
  const fields = fc.record({
    queues: fc.uniqueArray(queueName, { minLength: 1, maxLength: 5 }),
    messagesMax: fc.integer({ min: 1, max: 10_000 }),
    bytesMax: fc.option(uint, { nil: undefined }),
    waitMs: fc.option(fc.nat(600_000), { nil: undefined }),
    visibilityMs: fc.option(fc.integer({ min: 1, max: 604_800_000 }), { nil: undefined }),
    detached: bool,
    acks: fc.option(groups, { nil: undefined }),
  });
  fc.assert(
    fc.property(fields, sequence, (given, number) => {
      const acking = given.acks === undefined ? given : { ...given, sequence: number };
      const read = written((writer) => requests.writeReceive(writer, id, acking));
      assert.equal(read, {
        ...{ operation: 11, id, queues: given.queues, messagesMax: given.messagesMax },
        sequence: given.acks === undefined ? 0 : (number ?? 0),
        bytesMax: given.bytesMax ?? 0,
        waitMs: given.waitMs ?? 0,
        visibilityMs: given.visibilityMs ?? 0,
        detached: given.detached ?? false,
        acks: given.acks === undefined ? null : flatGroups(given.acks),
      });
    }),
    { seed, numRuns: 200 },
  );
});

test('ack, nack, release, extend', () => {
  fc.assert(
    fc.property(sequence, queueName, receipts, (number, queue, list) => {
      const fields = { sequence: number, queue, receipts: list };
      const same = { id, queue, sequence: number ?? 0, receipts: flat(list) };
      const read = (write: typeof requests.writeAck) => written((to) => write(to, id, fields));
      assert.equal(read(requests.writeAck), { operation: 12, ...same });
      assert.equal(read(requests.writeNack), { operation: 13, ...same, delayMs: null, reason: '' });
      assert.equal(read(requests.writeRelease), { operation: 14, ...same });
      assert.equal(read(requests.writeExtend), { operation: 15, ...same, visibilityMs: 0 });
      const why = { delayMs: 2 ** 33, reason: 'no such address' };
      const later = written((to) => requests.writeNack(to, id, { ...fields, ...why }));
      assert.equal(later, { operation: 13, ...same, ...why });
      const atOnce = written((to) => requests.writeNack(to, id, { ...fields, delayMs: 0 }));
      assert.is(atOnce.delayMs, 0);
      const longer = written((to) => requests.writeExtend(to, id, { ...fields, visibilityMs: 9 }));
      assert.is(longer.visibilityMs, 9);
      const ids = list.map(({ id: message }) => message);
      const byId = written((to) => requests.writeAckCurrent(to, id, { ...fields, ids }));
      assert.equal(byId, { operation: 19, id, queue, sequence: number ?? 0, ids });
    }),
    { seed },
  );
});

test('subscribe', () => {
  const fields = { queues: ['a', 'b'], creditMessages: 10, visibilityMs: 500, detached: true };
  const given = { ...fields, creditBytes: 2 ** 33 };
  const expected = { operation: 16, id, ...given };
  assert.equal(
    written((writer) => requests.writeSubscribe(writer, id, given)),
    expected,
  );
  const least = { queues: ['a'], creditMessages: 0 };
  const rest = { creditBytes: 0, visibilityMs: 0, detached: false };
  assert.equal(
    written((writer) => requests.writeSubscribe(writer, id, least)),
    { operation: 16, id, ...least, ...rest },
  );
});

test('administer', () => {
  const given = { sequence: 4, verb: 'queue.create', arguments: { a: 2 ** 40, b: undefined } };
  assert.equal(
    written((writer) => requests.writeAdminister(writer, id, given)),
    { operation: 20, id, sequence: 4, verb: 'queue.create', arguments: { a: 2 ** 40 } },
  );
  assert.equal(
    written((writer) => requests.writeAdminister(writer, id, { verb: 'stats' })),
    { operation: 20, id, sequence: 0, verb: 'stats', arguments: {} },
  );
});

test.run();
