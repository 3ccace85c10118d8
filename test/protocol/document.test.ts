// docs/protocol.md against the code: the table of errors, the numbers of the operations and their
// fields, the bounds, and the example frames byte by byte.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CODES, WonderqError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import * as answers from '../../src/protocol/answers.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { FrameReader } from '../../src/protocol/frame-reader.ts';
import { ANSWER, REQUEST } from '../../src/protocol/operations.ts';
import * as requests from '../../src/protocol/requests.ts';
import { parse, parseAnswer, payload, refusal } from './support/frames.ts';
import { deliveriesRead, unpack } from './support/reading.ts';
import { encode } from './support/wide.ts';

const path = join(import.meta.dirname, '../../docs/protocol.md');
const page = readFileSync(path, 'utf8');

function section(title: string): string {
  const start = page.indexOf(`\n## ${title}\n`);
  assert.ok(start > 0, `no section ${title}`);
  const end = page.indexOf('\n## ', start + 1);
  return page.slice(start, end === -1 ? undefined : end);
}

test('the table of errors', () => {
  const rows = Object.entries(CODES).map(([code, traits]) => {
    const closes = 'closes' in traits ? 'yes' : '';
    const passes = 'passes' in traits ? 'yes' : '';
    return `| \`${code}\` | ${traits.meaning} | ${closes} | ${passes} |`;
  });
  const written = section('Errors')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  assert.equal(written, rows);
});

/** The rows `| 10 produce | ...` of a table, number by name. */
function numbers(text: string): Record<string, number> {
  const rows = text.matchAll(/^\| (\d+) (\w+) \| `\[(\d+), /gm);
  return Object.fromEntries(
    [...rows].map(([, number, name, again]) => {
      assert.is(number, again, name);
      return [name, Number(number)];
    }),
  );
}

test('the numbers of the operations', () => {
  assert.equal(numbers(section('Requests')), { ...REQUEST });
  assert.equal(numbers(section('Answers')), { ...ANSWER });
});

test('each request has as many fields as its row shows', () => {
  const settle = { queue: 'a', receipts: [] };
  const queues = ['a'];
  const messages = [{ body: Buffer.from('a'), deduplicationId: 'b' }];
  const produce = { queue: 'a', messages, notBeforeMs: 1, timeToLiveMs: 1 };
  const writers: Record<keyof typeof REQUEST, (writer: ByteWriter) => void> = {
    hello: (writer) => requests.writeHello(writer, 1, {}),
    resume: (writer) => requests.writeResume(writer, 1, []),
    bye: (writer) => requests.writeBye(writer, 1),
    ping: (writer) => requests.writePing(writer, 1),
    cancel: (writer) => requests.writeCancel(writer, 1, 2),
    pong: (writer) => requests.writePong(writer, 1),
    produce: (writer) => requests.writeProduce(writer, 1, produce),
    receive: (writer) => requests.writeReceive(writer, 1, { queues, messagesMax: 1 }),
    ack: (writer) => requests.writeAck(writer, 1, settle),
    nack: (writer) => requests.writeNack(writer, 1, settle),
    release: (writer) => requests.writeRelease(writer, 1, settle),
    extend: (writer) => requests.writeExtend(writer, 1, settle),
    subscribe: (writer) => requests.writeSubscribe(writer, 1, { queues, creditMessages: 1 }),
    credit: (writer) => requests.writeCredit(writer, 1, 1, 1),
    unsubscribe: (writer) => requests.writeUnsubscribe(writer, 1, 2),
    ackCurrent: (writer) => requests.writeAckCurrent(writer, 1, { queue: 'a', ids: [] }),
    administer: (writer) => requests.writeAdminister(writer, 1, { verb: 'stats' }),
  };
  const rows = section('Requests').matchAll(/^\| \d+ (\w+) \| `\[([^`]*)\]`/gm);
  for (const [, name, fields] of rows) {
    const values = unpack(payload(writers[name as keyof typeof REQUEST])) as unknown[];
    assert.is(values.length, fields!.split(', ').length, name);
  }
});

test('the bounds', () => {
  const bounds = [
    `At most ${thousands(limits.sessionAnswersMax)} may be open`,
    `at most ${thousands(limits.batchMessagesMax)} pairs`,
    `bin (at most ${limits.bodyBytesMax / 2 ** 20} MiB)`,
    `at most ${limits.contentTypeBytesMax} bytes`,
    `at most ${limits.headersMax}, ${limits.headerBytesMax / 1024} KiB`,
    `1 to ${thousands(limits.visibilityMsMax)}`,
    `at most ${thousands(limits.delayMsMax)}`,
    `0 to ${limits.priorityMax}`,
    `array of 1 to ${limits.queuesPerRequestMax} different names`,
    `0 to ${thousands(limits.waitMsMax)}`,
    `is at most ${thousands(limits.creditMax)}`,
    `at most ${thousands(limits.creditMax)} receipts`,
    `deeper than ${limits.depthMax}`,
    `in at most ${limits.helloFrameBytesMax / 1024} KiB`,
    `(at most ${limits.clientNameBytesMax} bytes)`,
    `at most ${thousands(limits.administrationValuesMax)} values`,
    `(${limits.frameBytesMax / 2 ** 20} MiB by default)`,
  ];
  const text = page.replaceAll(/\s+/g, ' ');
  for (const bound of bounds) assert.ok(text.includes(bound), bound);
});

function thousands(number: number): string {
  return number.toLocaleString('en-US');
}

type Example = { client: Buffer; broker: Buffer };

/** The two frames of each example, by title, with their lengths. */
function examples(): Map<string, Example> {
  const found = new Map<string, Example>();
  const blocks = section('Example frames').matchAll(/\*\*(.+)\*\*\n\n```\n([^`]+)```/g);
  for (const [, title, block] of blocks) {
    const example = { client: Buffer.alloc(0), broker: Buffer.alloc(0) };
    let side: keyof Example = 'client';
    for (const line of block!.split('\n')) {
      if (/^(client|broker)/.test(line)) side = line.slice(0, 6) as keyof Example;
      const hex = /^.{8}((?:[0-9a-f]{2} ?)+)(?: |$)/.exec(line)?.[1] ?? '';
      example[side] = Buffer.concat([example[side], Buffer.from(hex.replaceAll(' ', ''), 'hex')]);
    }
    found.set(title!, example);
  }
  return found;
}

const found = examples();

/** The frame without its length; exactly one, and whole. */
function only(bytes: Buffer): Buffer {
  const reader = new FrameReader();
  reader.push(bytes);
  assert.ok(reader.next(), 'a whole frame');
  const frame = reader.buffer.subarray(reader.start, reader.end);
  assert.not(reader.next());
  assert.is(reader.pendingBytes, 0);
  return frame;
}

/** The product writes what the page shows; gives both frames without their lengths. */
function shows(
  title: string,
  writeRequest: (writer: ByteWriter) => void,
  writeAnswer: (writer: ByteWriter) => void,
): Example {
  const example = found.get(title);
  assert.ok(example, `no example: ${title}`);
  found.delete(title);
  for (const [side, write] of [
    ['client', writeRequest],
    ['broker', writeAnswer],
  ] as const) {
    const writer = new ByteWriter();
    write(writer);
    assert.is(
      writer.written().toString('hex'),
      example![side].toString('hex'),
      `${title}: ${side}`,
    );
  }
  return { client: only(example!.client), broker: only(example!.broker) };
}

const queue = 'orders';
const first = { id: 1_048_577, token: 140_737_488_355_329 };
const second = { id: 1_048_578, token: 140_737_488_355_330 };
const message = { body: Buffer.from('hello'), contentType: 'text/plain' };

test('example: hello', () => {
  const session = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const greeting = {
    version: 1,
    resumed: false,
    features: [],
    limits: {
      frameBytesMax: limits.frameBytesMax,
      bodyBytesMax: limits.bodyBytesMax,
      batchMessagesMax: limits.batchMessagesMax,
      openRequestsMax: limits.sessionAnswersMax,
    },
    releaseAfterMs: limits.releaseAfterMsDefault,
    pingMs: limits.pingMs,
    timeMs: 1_800_000_000_000,
    broker: '0.1.0',
  };
  const { client, broker } = shows(
    'hello and its answer',
    (writer) => requests.writeHello(writer, 1, { clientName: 'demo', session }),
    (writer) => answers.writeOk(writer, 1, greeting),
  );
  assert.equal(parse(client).request.session, session);
  assert.equal(parseAnswer(broker).value, greeting);
});

test('example: produce', () => {
  const { client, broker } = shows(
    'produce of one message and its answer',
    (writer) => requests.writeProduce(writer, 2, { sequence: 1, queue, messages: [message] }),
    (writer) => answers.writeProducedRun(writer, 2, 2, first.id, 1),
  );
  const { request } = parse(client);
  assert.equal([request.queue, request.messages.count], [queue, 1]);
  assert.equal(parseAnswer(broker).runs, [first.id, 1]);
});

test('example: receive', () => {
  const writer = new ByteWriter();
  requests.writeMessage(writer, message);
  const bytes = Buffer.from(writer.written());
  const { client, broker } = shows(
    'receive and its deliveries',
    // The client's own encoder writes the trailing nils too.
    (to) => {
      const start = to.beginFrame();
      const values = encode([REQUEST.receive, 3, null, queue, 10, 0, 5_000]);
      to.copy(values, 0, values.length);
      to.endFrame(start);
    },
    (to) => {
      const start = answers.beginDeliveries(to, 3, queue, 30_000, 1);
      const producedMs = 1_800_000_000_500;
      const { id, token } = first;
      answers.writeDelivery(to, id, token, 1, 0, producedMs, 0, bytes, 0, bytes.length);
      answers.endDeliveries(to, start);
    },
  );
  const { request } = parse(client);
  assert.equal([request.messagesMax, request.bytesMax, request.waitMs], [10, 0, 5_000]);
  const [delivery] = deliveriesRead(parseAnswer(broker)) as { body: string; token: number }[];
  assert.equal([delivery?.body, delivery?.token], ['hello', first.token]);
});

test('example: ack', () => {
  const receipts = [first, second];
  const { client, broker } = shows(
    'ack of two receipts, one of them stale, and its answer',
    (writer) => requests.writeAck(writer, 4, { sequence: 2, queue, receipts }),
    (writer) => answers.writeSettled(writer, 4, 2, [undefined, 'STALE_RECEIPT']),
  );
  const { request } = parse(client);
  assert.equal([request.receipts.count, request.receipts.tokens[1]], [2, second.token]);
  assert.equal(parseAnswer(broker).codes, [undefined, 'STALE_RECEIPT']);
});

test('example: an error', () => {
  const messages = [{ body: Buffer.alloc(0) }];
  const fields = { sequence: 3, queue, priority: 300, messages };
  const error = new WonderqError('BAD_REQUEST', 'priority must be 0 to 255', { field: 'priority' });
  const { client, broker } = shows(
    'an error',
    (writer) => requests.writeProduce(writer, 5, fields),
    (writer) => answers.writeError(writer, 5, error),
  );
  const thrown = refusal(() => parse(client));
  assert.equal(
    [thrown.code, thrown.message, thrown.field],
    [error.code, error.message, error.field],
  );
  assert.is(parseAnswer(broker).code, 'BAD_REQUEST');
});

test('every example is tested', () => {
  assert.equal([...found.keys()], []);
});

test.run();
