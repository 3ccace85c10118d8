// A table of every way in which a request can be wrong: each field of each operation, missing, of
// each wrong type, just out of range. Every refusal names its field and keeps the request's ID.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { Request } from '../../src/protocol/request.ts';
import { body, type Field, operations, safeMax, valid } from './support/fields.ts';
import { parse, refusal } from './support/frames.ts';
import { encode, Raw, raw } from './support/wide.ts';

/** What a field of a kind does not take. A nil counts as missing. */
function wrongValues({ kind, max = safeMax, min = 0 }: Field): unknown[] {
  const outside = [max + 1, min - 1].filter((value) => value >= 0 && value <= safeMax);
  const numbers = [-1, -40, -2_000_000, 0.5, raw('ca 3f800000'), raw('cf 0020000000000000')];
  const others = [true, 5, 'text', Buffer.from('bytes'), [], {}, ...numbers];
  const withoutKind = (wrong: (value: unknown) => boolean) => others.filter(wrong);
  const isText = (value: unknown) => typeof value === 'string';
  const badPairs = [5, [1], [1, 2, 3], [1, -2], [0.5, 1], ['a', 1], [null, 1]];
  switch (kind) {
    case 'uint':
      return [...withoutKind((value) => value !== 5), ...outside];
    case 'name':
      return withoutKind((value) => !isText(value));
    case 'names':
      return [...withoutKind((value) => !isText(value)), [5], ['a', null]];
    case 'bool':
      return withoutKind((value) => value !== true);
    case 'text':
      return [...withoutKind((value) => !isText(value)), 'x'.repeat(max + 1), raw('a1 ff')];
    case 'session':
      return [...others, Buffer.alloc(15), Buffer.alloc(17)];
    case 'receipts':
      return [...withoutKind((value) => !Array.isArray(value)), ...badPairs];
    case 'ids':
      return [...withoutKind((value) => !Array.isArray(value)), 5, [-2], [0.5], ['a'], [null]];
    case 'keys':
      return [...others, [], ['a', 'b'], [5], [''], ['x'.repeat(129)], [raw('a1 ff')]];
    case 'groups':
      return [
        ...withoutKind((value) => !Array.isArray(value)),
        ...badPairs.map((pairs) => [['orders', pairs]]),
        [5],
        [[]],
        [['orders']],
        [['orders', [], []]],
        [[5, []]],
      ];
    case 'messages':
      return [...others, [5], [[body, null, null, null, null]]];
    case 'map':
      return [
        ...others.filter((value) => Object.getPrototypeOf(value) !== Object.prototype),
        { a: 0.5 },
        { a: [-1] },
        { a: raw('cf ffffffffffffffff') },
        { a: new Array(limits.administrationValuesMax).fill(0) },
      ];
  }
}

const table = suite('each field wrong in each way');

for (const [number, fields] of Object.entries(operations)) {
  const operation = Number(number);
  table(`operation ${operation} as it should be`, () => {
    const { request } = parse(encode([operation, 77, ...valid(fields)]));
    assert.is(request.operation, operation);
    assert.is(request.id, 77);
  });
  for (const [index, field] of fields.entries()) {
    for (const wrong of wrongValues(field)) {
      const values = valid(fields).with(index, wrong);
      table(`operation ${operation}: ${field.name} ${describe(wrong)}`, () => {
        refuses([operation, 77, ...values], 'BAD_REQUEST', field.name);
      });
    }
    if (field.required === undefined) continue;
    table(`operation ${operation}: ${field.name} missing`, () => {
      refuses([operation, 77, ...valid(fields.slice(0, index))], 'BAD_REQUEST', field.name);
      const values = valid(fields).with(index, null);
      refuses([operation, 77, ...values], 'BAD_REQUEST', field.name);
    });
  }
  table(`operation ${operation}: one field too many`, () => {
    const error = refuses([operation, 77, ...valid(fields), null], 'BAD_REQUEST', undefined);
    assert.match(error.message, /more fields/);
  });
  table(`operation ${operation}: a wrong ID`, () => {
    for (const id of [0, -1, 1.5, 'text', null, raw('cf 0020000000000000')]) {
      refuses([operation, id, ...valid(fields)], 'BAD_REQUEST', 'id', 0);
    }
    refuses([operation], 'BAD_REQUEST', 'id', 0);
  });
}

function describe(value: unknown): string {
  if (value instanceof Raw) return `bytes ${value.bytes.toString('hex')}`;
  return JSON.stringify(value).slice(0, 60);
}

function refuses(values: unknown[], code: string, field: string | undefined, id = 77) {
  const request = new Request();
  const error = refusal(() => parse(encode(values), request));
  assert.is(error.code, code, error.message);
  assert.is(error.field, field, error.message);
  assert.is(request.id, id, 'the ID for the answer');
  if (field !== undefined) assert.ok(error.message.includes(field) || code !== 'BAD_REQUEST');
  return error;
}

const single = suite('what only some fields have');

single('names of queues', () => {
  const bad = ['', '.a', '-a', '_a', 'a b', 'a/b', '../etc', 'ä', 'a\0', 'a\n', 'x'.repeat(129)];
  for (const name of bad) {
    refuses([12, 77, null, name, [1, 2]], 'BAD_NAME', 'queue');
    refuses([11, 77, null, name], 'BAD_NAME', 'queues');
    refuses([16, 77, ['good', name]], 'BAD_NAME', 'queues');
    refuses([2, 77, [[name, []]]], 'BAD_NAME', 'held');
  }
  for (const name of ['a', '0', 'A.b_c-9', 'x'.repeat(128)]) {
    assert.is(parse(encode([12, 77, null, name, []])).request.queue, name);
  }
});

single('message groups', () => {
  const produce = (message: unknown[], priority: number) =>
    [10, 77, null, 'orders', 0, 0, priority, [[Buffer.from('x')], message]] as const;
  const body = Buffer.from('x');
  for (const wrong of [5, '', 'x'.repeat(129), raw('a1 ff'), [], body]) {
    refuses([...produce([body, null, null, wrong], 0)], 'BAD_REQUEST', 'group');
  }
  refuses([...produce([body, null, null, 'a'], 1)], 'BAD_REQUEST', 'priority');
  const groupsOf = (message: unknown[], priority: number) =>
    parse(encode([...produce(message, priority)])).request.messages.groups;
  assert.equal(groupsOf([body, 'text/plain', { a: 'b' }, 'x'.repeat(128)], 0)![1], 'x'.repeat(128));
  assert.is(groupsOf([body, null, null, null], 1), undefined);
  const request = new Request();
  parse(encode([...produce([body, null, null, 'a'], 0)]), request);
  parse(encode([...produce([body], 0)]), request);
  assert.is(request.messages.groups, undefined, 'of the frame before');
});

single('lists of queues', () => {
  const names = Array.from({ length: 17 }, (_, index) => `queue-${index}`);
  refuses([11, 77, null, []], 'BAD_REQUEST', 'queues');
  refuses([11, 77, null, names], 'BAD_REQUEST', 'queues');
  refuses([11, 77, null, ['a', 'b', 'a']], 'BAD_REQUEST', 'queues');
  assert.equal(parse(encode([11, 77, null, names.slice(1)])).request.queues, names.slice(1));
});

single('a receive has a sequence only with acks', () => {
  refuses([11, 77, 5, 'orders'], 'BAD_REQUEST', 'sequence');
  const { request } = parse(encode([11, 77, 5, 'orders', 1, 0, 0, null, false, []]));
  assert.is(request.sequence, 5);
  assert.is(request.hasAcks, true);
});

single('a delay and a time not to be delivered before exclude each other', () => {
  const frame = (delayMs: number | null, ...more: unknown[]) => {
    return [10, 77, null, 'orders', 0, delayMs, 0, [[body]], ...more];
  };
  refuses(frame(1, 1), 'BAD_REQUEST', 'notBeforeMs');
  for (const delayMs of [0, null]) {
    assert.is(parse(encode(frame(delayMs, 1))).request.notBeforeMs, 1);
  }
  assert.is(parse(encode(frame(5, null, 7))).request.timeToLiveMs, 7);
  const { request } = parse(encode(frame(5)));
  assert.equal([request.delayMs, request.notBeforeMs, request.timeToLiveMs], [5, 0, 0]);
});

single('parts of a message', () => {
  const produce = (message: unknown) => [10, 77, null, 'orders', null, null, null, [message]];
  for (const wrong of [5, 'text', null, [], {}]) refuses(produce([wrong]), 'BAD_REQUEST', 'body');
  for (const wrong of [5, body, [], 'x'.repeat(256), raw('a2 c328')]) {
    refuses(produce([body, wrong]), 'BAD_REQUEST', 'contentType');
  }
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, '']));
  const large = { a: 'x'.repeat(8_192), b: 'x'.repeat(8_192) };
  const wrongHeaders = [5, 'text', [], { a: 5 }, { a: null }, many, large, raw('81 a1 ff a0')];
  for (const wrong of wrongHeaders) refuses(produce([body, null, wrong]), 'BAD_REQUEST', 'headers');
  const most = Object.fromEntries(Object.entries(many).slice(1));
  assert.is(parse(encode(produce([body, 'x'.repeat(255), most]))).request.messages.count, 1);
});

single('bounds that an operator sets', () => {
  const request = new Request({ bodyBytesMax: 300, batchMessagesMax: 3 });
  const produce = (messages: unknown[]) => encode([10, 77, null, 'orders', 0, 0, 0, messages]);
  const code = (frame: Buffer) => refusal(() => parse(frame, request));
  parse(produce(new Array(3).fill([Buffer.alloc(300)])), request);
  parse(encode([12, 77, null, 'orders', new Array(6).fill(1)]), request);
  const largeBody = code(produce([[Buffer.alloc(301)]]));
  assert.equal([largeBody.code, largeBody.field], ['BODY_TOO_LARGE', 'body']);
  const batches: [string, unknown[]][] = [
    ['messages', [10, 77, null, 'orders', 0, 0, 0, new Array(4).fill([body])]],
    ['receipts', [12, 77, null, 'orders', new Array(8).fill(1)]],
    [
      'acks',
      [
        11,
        77,
        1,
        'a',
        1,
        0,
        0,
        1,
        false,
        [
          ['a', [1, 1, 1, 1]],
          ['b', [1, 1, 1, 1]],
        ],
      ],
    ],
    ['acks', [11, 77, 1, 'a', 1, 0, 0, 1, false, new Array(4).fill(['a', []])]],
  ];
  for (const [field, values] of batches) {
    const error = code(encode(values));
    assert.equal([error.code, error.field], ['BATCH_TOO_LARGE', field]);
  }
  const smallBody = new Request({ bodyBytesMax: 1 });
  const error = refusal(() => parse(produce([[Buffer.alloc(2)]]), smallBody));
  assert.is(error.code, 'BODY_TOO_LARGE', 'also in its shortest form');
});

single('the largest batches', () => {
  const messages = new Array(10_000).fill([body]);
  const { request } = parse(encode([10, 77, null, 'orders', 0, 0, 0, messages]));
  assert.is(request.messages.count, 10_000);
  const more = encode([10, 77, null, 'orders', 0, 0, 0, [...messages, [body]]]);
  assert.is(refusal(() => parse(more)).code, 'BATCH_TOO_LARGE');
  const acking = (count: number) => {
    const acks = [
      ['orders', new Array(2 * (count - 1)).fill(1)],
      ['other', [1, 1]],
    ];
    return encode([11, 77, 1, 'orders', 1, 0, 0, 1, false, acks]);
  };
  assert.is(parse(acking(512)).request.receipts.count, 512);
  assert.is(refusal(() => parse(acking(513))).code, 'BATCH_TOO_LARGE');
  const held = Array.from({ length: 10 }, () => ['orders', new Array(20_000).fill(1)]);
  assert.is(parse(encode([2, 77, held])).request.receipts.count, 100_000);
  held.push(['orders', [1, 1]]);
  assert.is(refusal(() => parse(encode([2, 77, held]))).code, 'BATCH_TOO_LARGE');
});

single('a body of the largest size, and one byte more', () => {
  const produce = (size: number) => encode([10, 77, 1, 'q', 0, 0, 0, [[Buffer.alloc(size)]]]);
  assert.is(parse(produce(1_048_576)).request.messages.lengths[0], 1 + 5 + 1_048_576);
  assert.is(refusal(() => parse(produce(1_048_577))).code, 'BODY_TOO_LARGE');
});

single('requests without an ID of their own', () => {
  refuses([17, 0, 1, 1], 'BAD_REQUEST', 'subscription', 0);
  refuses([17, 5, 100_001, 1], 'BAD_REQUEST', 'messages', 0);
  refuses([17, 5, 1, -1], 'BAD_REQUEST', 'bytes', 0);
  refuses([17, 5, 1, 1, 1], 'BAD_REQUEST', undefined, 0);
  refuses([6], 'BAD_REQUEST', 'number', 0);
  refuses([6, 'x'], 'BAD_REQUEST', 'number', 0);
  const { request } = parse(encode([17, 5, 10, 20]));
  assert.equal([request.subscription, request.creditMessages, request.creditBytes], [5, 10, 20]);
});

single('operations that do not exist', () => {
  for (const operation of [0, 7, 9, 21, 64, 255, safeMax]) {
    refuses([operation, 77], 'UNKNOWN_OPERATION', undefined);
    refuses([operation, 77, { a: [1, 'x'] }], 'UNKNOWN_OPERATION', undefined);
  }
  for (const operation of ['produce', null, -1, 1.5]) {
    refuses([operation, 77], 'BAD_REQUEST', 'operation', 0);
  }
  refuses([], 'BAD_REQUEST', 'operation', 0);
});

single('a version that is not spoken here is told before all that follows it', () => {
  refuses([1, 77, 2, { anything: [1] }, 5, 6, 7, 8, 9], 'UNSUPPORTED_VERSION', undefined);
  refuses([1, 77, 0], 'UNSUPPORTED_VERSION', undefined);
});

single('the session of a hello is a copy', () => {
  const { request, buffer } = parse(encode([1, 77, 1, 'demo', Buffer.alloc(16, 7)]));
  const { session } = request;
  buffer.fill(0);
  parse(encode([4, 78]), request);
  assert.equal(session, Buffer.alloc(16, 7));
  assert.is(session?.buffer.byteLength, 16, 'and keeps no larger memory alive');
});

table.run();
single.run();
