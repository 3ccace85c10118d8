// Answers, written and read back: every one, with every field there and not there, as msgpackr reads
// it, cut, changed, and with more in it than this version knows.

import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CODES, type Code, WonderqError } from '../../src/errors.ts';
import * as answers from '../../src/protocol/answers.ts';
import type { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { ANSWER } from '../../src/protocol/operations.ts';
import { Reply } from '../../src/protocol/reply.ts';
import { printedSeed, seededRandom } from '../support/random.ts';
import { choose, message, plainValue, queueName, uint } from './support/arbitraries.ts';
import { parseAnswer, payload, refusal, refusalOrNone } from './support/frames.ts';
import { deliveriesRead, unpack } from './support/reading.ts';
import { encode } from './support/wide.ts';

const seed = printedSeed('answers');
const codes = Object.keys(CODES) as Code[];
const codeList = fc.array(fc.option(fc.constantFrom(...codes), { nil: undefined }));
const codesOrNone = fc.option(codeList, { nil: undefined });

test('ok', () => {
  fc.assert(
    fc.property(uint, plainValue, (id, value) => {
      const frame = payload((writer) => answers.writeOk(writer, id, value));
      assert.equal(unpack(frame), [64, id, value]);
      const reply = parseAnswer(frame);
      assert.equal([reply.operation, reply.id], [ANSWER.ok, id]);
      assert.equal(reply.value, value ?? undefined);
    }),
    { seed },
  );
  const frame = payload((writer) => answers.writeOk(writer, 5));
  assert.equal(unpack(frame), [64, 5]);
  assert.is(parseAnswer(frame).value, undefined);
});

test('error', () => {
  const optional = fc.option(fc.string(), { nil: undefined });
  const retry = fc.option(uint, { nil: undefined });
  fc.assert(
    fc.property(
      uint,
      fc.constantFrom(...codes),
      optional,
      retry,
      (id, code, field, retryAfterMs) => {
        const error = new WonderqError(code, 'what is wrong', { field, retryAfterMs });
        const reply = parseAnswer(payload((writer) => answers.writeError(writer, id, error)));
        assert.equal([reply.operation, reply.id, reply.code], [ANSWER.error, id, code]);
        assert.equal([reply.message, reply.field], ['what is wrong', field]);
        assert.is(reply.retryAfterMs, retryAfterMs);
      },
    ),
    { seed },
  );
});

test('produced', () => {
  fc.assert(
    fc.property(uint, fc.array(fc.tuple(uint, uint)), (id, pairs) => {
      const frame = payload((writer) => answers.writeProduced(writer, id, 2, pairs.flat()));
      assert.equal(unpack(frame), [66, id, 2, pairs.flat()]);
      const reply = parseAnswer(frame);
      assert.equal([reply.operation, reply.id, reply.durability], [ANSWER.produced, id, 2]);
      assert.equal(reply.runs, pairs.flat());
    }),
    { seed },
  );
  const one = payload((writer) => answers.writeProducedRun(writer, 7, 1, 2 ** 40, 10));
  assert.ok(one.equals(payload((writer) => answers.writeProduced(writer, 7, 1, [2 ** 40, 10]))));
});

test('settled', () => {
  fc.assert(
    fc.property(uint, codesOrNone, (id, list) => {
      const reply = parseAnswer(payload((writer) => answers.writeSettled(writer, id, 1, list)));
      assert.equal([reply.operation, reply.id, reply.durability], [ANSWER.settled, id, 1]);
      assert.equal(reply.codes, list);
    }),
    { seed },
  );
});

type Sent = { numbers: number[]; priority: number; message: unknown[] };

const sent: fc.Arbitrary<Sent> = fc.record({
  numbers: fc.array(uint, { minLength: 5, maxLength: 5 }),
  priority: fc.nat(255),
  message,
});

function writeDeliveries(
  writer: ByteWriter,
  id: number,
  queue: string,
  all: readonly Sent[],
  groups?: answers.Codes[],
  picks = (_: number) => 0,
): void {
  const start = answers.beginDeliveries(writer, id, queue, 30_000, all.length);
  for (const one of all) {
    const [messageId, token, deliveryCount, failureCount, producedMs] = one.numbers as [
      number,
      number,
      number,
      number,
      number,
    ];
    const bytes = encode(one.message, picks);
    const around = Buffer.concat([Buffer.alloc(3, 0xc1), bytes, Buffer.alloc(3, 0xc1)]);
    answers.writeDelivery(
      writer,
      messageId,
      token,
      deliveryCount,
      failureCount,
      producedMs,
      one.priority,
      around,
      3,
      bytes.length,
    );
  }
  answers.endDeliveries(writer, start, groups);
}

test('deliveries', () => {
  const groupCodes = fc.option(fc.array(codesOrNone, { maxLength: 4 }), { nil: undefined });
  const all = fc.array(sent, { maxLength: 20 });
  fc.assert(
    fc.property(uint, queueName, all, groupCodes, choose, (id, queue, list, groups, picks) => {
      const frame = payload((writer) => writeDeliveries(writer, id, queue, list, groups, picks));
      const expected = list.map(({ numbers, priority, message: parts }) => [
        ...numbers,
        priority,
        parts,
      ]);
      const lists = groups?.map((group) => group?.map((code) => code ?? null) ?? null) ?? null;
      assert.equal(unpack(frame), [68, id, queue, 30_000, expected, lists]);
      const reply = parseAnswer(frame);
      assert.equal([reply.id, reply.queue, reply.visibilityMs], [id, queue, 30_000]);
      assert.equal(reply.groupCodes, groups);
      assert.equal(deliveriesRead(reply), list.map(asRead));
    }),
    { seed, numRuns: 200 },
  );
});

function asRead({
  numbers,
  priority,
  message: [body, contentType, headers, group],
}: Sent): unknown {
  const [id, token, deliveryCount, failureCount, producedMs] = numbers;
  return {
    ...{ id, token, deliveryCount, failureCount, producedMs, priority },
    body: (body as Buffer).toString('latin1'),
    contentType: contentType ?? undefined,
    headers: headers == null ? undefined : Object.assign(Object.create(null), headers),
    group: group ?? undefined,
  };
}

test('no deliveries', () => {
  for (const groups of [undefined, [], [undefined, ['GONE' as const, undefined]]]) {
    const reply = parseAnswer(payload((writer) => answers.writeNoDeliveries(writer, 9, groups)));
    assert.equal([reply.operation, reply.id, reply.queue], [ANSWER.deliveries, 9, undefined]);
    assert.is(reply.deliveries.count, 0);
    assert.equal(reply.groupCodes, groups);
  }
});

test('ended and ping', () => {
  const error = new WonderqError('QUEUE_DELETED');
  const ended = parseAnswer(payload((writer) => answers.writeEnded(writer, 4, error)));
  assert.equal([ended.operation, ended.id, ended.code], [ANSWER.ended, 4, 'QUEUE_DELETED']);
  assert.is(ended.message, error.message);
  const ping = parseAnswer(payload((writer) => answers.writePing(writer, 2 ** 40)));
  assert.equal([ping.operation, ping.id], [ANSWER.ping, 2 ** 40]);
});

test('a body is a copy, and headers have no prototype', () => {
  const headers = JSON.parse('{ "constructor": "a", "toString": "b", "__proto__": "c" }');
  const one = {
    numbers: [1, 2, 1, 0, 5],
    priority: 0,
    message: [Buffer.from('body'), 'a', headers],
  };
  const reply = parseAnswer(payload((writer) => writeDeliveries(writer, 1, 'orders', [one])));
  const body = reply.deliveries.body(0);
  const read = reply.deliveries.headers(0)!;
  assert.is(Object.getPrototypeOf(read), null);
  assert.equal(Object.entries(read), Object.entries(headers));
  reply.deliveries.buffer.fill(0);
  assert.is(body.toString(), 'body');
});

test('what a later broker may add is passed over', () => {
  const added = ['more', { a: [1] }];
  const parsed = (values: unknown[]) => parseAnswer(encode(values));
  assert.is(parsed([64, 5, null, ...added]).id, 5);
  assert.is(parsed([65, 5, 'BUSY', 'wait', null, 10, ...added]).retryAfterMs, 10);
  assert.equal(parsed([66, 5, 2, [1, 1], null, ...added]).runs, [1, 1]);
  const message = [Buffer.from('x'), null, null, null, ...added];
  const reply = parsed([68, 5, 'a', 10, [[1, 2, 3, 4, 5, 6, message, ...added]], null, ...added]);
  assert.is(reply.deliveries.body(0).toString(), 'x');
  assert.is(parsed([69, 5, 'GONE', 'gone', ...added]).code, 'GONE');
});

test('a code of a later broker is INTERNAL, with its name', () => {
  const reply = parseAnswer(encode([65, 5, 'NEWER_CODE', 'something new']));
  assert.equal([reply.code, reply.message], ['INTERNAL', 'NEWER_CODE: something new']);
  const settled = parseAnswer(encode([67, 5, 2, [null, 'NEWER_CODE', 'toString']]));
  assert.equal(settled.codes, [undefined, 'INTERNAL', 'INTERNAL']);
});

test('a reply object that was used before reads as a new one does', () => {
  const used = new Reply();
  const one = { numbers: [1, 2, 1, 0, 5], priority: 3, message: [Buffer.from('body'), 'text'] };
  const frames = [
    payload((writer) => writeDeliveries(writer, 1, 'orders', [one], [['GONE']])),
    payload((writer) =>
      answers.writeError(writer, 2, new WonderqError('BUSY', 'b', { field: 'a' })),
    ),
    payload((writer) => answers.writeSettled(writer, 3, 1, ['GONE'])),
    payload((writer) => answers.writeOk(writer, 4, { a: 1 })),
    payload((writer) => answers.writeProduced(writer, 5, 1, [1, 2])),
    payload((writer) => answers.writePing(writer, 6)),
  ];
  for (const frame of [...frames, ...frames.toReversed()]) {
    parseAnswer(frame, used);
    const fresh = parseAnswer(frame);
    const without = { deliveries: undefined };
    assert.equal({ ...used, ...without }, { ...fresh, ...without });
    assert.equal(deliveriesRead(used), deliveriesRead(fresh));
  }
});

test('an answer that is wrong is BAD_FRAME, whatever is wrong with it', () => {
  const wrong = [
    [],
    [64],
    [63, 5],
    ['ok', 5],
    [64, -1],
    [64, 5, 0.5],
    [65, 5],
    [65, 5, 'BUSY'],
    [66, 5, 0, [1, 1]],
    [66, 5, 3, [1, 1]],
    [66, 5, 2, [1]],
    [66, 5, 2],
    [67, 5, 2, [5]],
    [68, 5, 'not a name', 1, []],
    [68, 5, 'a', 1, [[1, 2, 3, 4, 5, 6]]],
    [68, 5, 'a', 1, [[1, 2, 3, 4, 5, 6, []]]],
    [68, 5, 'a', 1, [[1, 2, 3, 4, 5, 256, [Buffer.of(1)]]]],
    [68, 5, 'a', 1, [], [5]],
    [69, 5, 'GONE'],
  ];
  for (const values of wrong) {
    assert.is(refusal(() => parseAnswer(encode(values))).code, 'BAD_FRAME', JSON.stringify(values));
  }
  const frame = payload((writer) => answers.writeSettled(writer, 3, 1, ['GONE']));
  for (let length = 0; length < frame.length; length += 1) {
    assert.is(refusal(() => parseAnswer(frame.subarray(0, length))).code, 'BAD_FRAME');
  }
});

test('answers with a few bytes changed are refused or read', () => {
  const random = seededRandom(seed);
  const list = fc.sample(sent, { seed, numRuns: 4 });
  const frames = [
    payload((writer) => writeDeliveries(writer, 1, 'orders', list, [['GONE', undefined]])),
    payload((writer) => answers.writeError(writer, 2, new WonderqError('BUSY'))),
    payload((writer) => answers.writeOk(writer, 4, { a: [1, 'x'], b: { c: null } })),
    payload((writer) => answers.writeProduced(writer, 5, 1, [1, 2, 3, 4])),
  ];
  let read = 0;
  for (let round = 0; round < 30_000; round += 1) {
    const frame = Buffer.from(random.pick(frames));
    frame[random.integer(0, Math.min(frame.length, 80) - 1)] = random.integer(0, 255);
    const error = refusalOrNone(() => deliveriesRead(parseAnswer(frame)));
    if (error === undefined) read += 1;
    else assert.is(error.code, 'BAD_FRAME');
  }
  assert.ok(read > 100);
});

test.run();
