// A table of every way in which a request can be wrong: each field of each operation, missing, of
// each wrong type, just out of range. Every refusal names its field and keeps the request's ID.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Request } from '../../src/protocol/request.ts';
import { parse, refusal } from './support/frames.ts';
import { encode, Raw, raw } from './support/wide.ts';

type Kind = 'uint' | 'name' | 'names' | 'bool' | 'text' | 'session' | 'receipts' | 'groups';
type Field = {
  name: string;
  kind: Kind | 'messages' | 'map';
  /** A valid value. */
  value: unknown;
  min?: number;
  max?: number;
  required?: true;
};

const safeMax = Number.MAX_SAFE_INTEGER;
const queue: Field = { name: 'queue', kind: 'name', value: 'orders', required: true };
const queues: Field = { name: 'queues', kind: 'names', value: ['a', 'b'], required: true };
const sequence: Field = { name: 'sequence', kind: 'uint', value: 3, min: 1 };
const receipts: Field = { name: 'receipts', kind: 'receipts', value: [1, 2], required: true };
const visibility: Field = { name: 'visibility', kind: 'uint', value: 5, min: 1, max: 604_800_000 };
const delay: Field = { name: 'delayMs', kind: 'uint', value: 0, max: 316_224_000_000 };
const detached: Field = { name: 'detached', kind: 'bool', value: true };
const body = Buffer.from('x');

const operations: Readonly<Record<number, readonly Field[]>> = {
  1: [
    { name: 'version', kind: 'uint', value: 1, required: true },
    { name: 'clientName', kind: 'text', value: 'demo', max: 128 },
    { name: 'session', kind: 'session', value: Buffer.alloc(16) },
    { name: 'token', kind: 'text', value: 'secret', max: 4096 },
    { name: 'pinged', kind: 'bool', value: false },
  ],
  2: [{ name: 'held', kind: 'groups', value: [['orders', [1, 2]]] }],
  3: [],
  4: [],
  5: [{ name: 'request', kind: 'uint', value: 9, min: 1, required: true }],
  10: [
    sequence,
    queue,
    { name: 'durability', kind: 'uint', value: 1, max: 1 },
    delay,
    { name: 'priority', kind: 'uint', value: 255, max: 255 },
    { name: 'messages', kind: 'messages', value: [[body]], required: true },
  ],
  11: [
    sequence,
    queues,
    { name: 'messagesMax', kind: 'uint', value: 10, min: 1, max: 10_000 },
    { name: 'bytesMax', kind: 'uint', value: 0 },
    { name: 'waitMs', kind: 'uint', value: 0, max: 600_000 },
    visibility,
    detached,
    { name: 'acks', kind: 'groups', value: [['orders', [1, 2]]] },
  ],
  12: [sequence, queue, receipts],
  13: [sequence, queue, receipts, delay],
  14: [sequence, queue, receipts],
  15: [sequence, queue, receipts, visibility],
  16: [
    queues,
    { name: 'creditMessages', kind: 'uint', value: 10, max: 100_000 },
    { name: 'creditBytes', kind: 'uint', value: 0 },
    visibility,
    detached,
  ],
  18: [{ name: 'subscription', kind: 'uint', value: 4, min: 1, required: true }],
  20: [
    sequence,
    { name: 'verb', kind: 'text', value: 'stats', max: 64, required: true },
    { name: 'arguments', kind: 'map', value: { queues: true } },
  ],
};

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
      return [...others, [5], [[body, null, null, null]]];
    case 'map':
      return [
        ...others.filter((value) => Object.getPrototypeOf(value) !== Object.prototype),
        { a: 0.5 },
        { a: [-1] },
        { a: raw('cf ffffffffffffffff') },
        { a: new Array(1_024).fill(0) },
      ];
  }
}

const table = suite('each field wrong in each way');

function valid(fields: readonly Field[]): unknown[] {
  return fields.map(({ value }) => value);
}

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
  const held = Array.from({ length: 10 }, () => ['orders', new Array(20_000).fill(1)]);
  assert.is(parse(encode([2, 77, held])).request.receipts.count, 100_000);
  held.push(['orders', [1, 1]]);
  assert.is(refusal(() => parse(encode([2, 77, held]))).code, 'BATCH_TOO_LARGE');
});

single('a body of the largest size, and one byte more', () => {
  const produce = (size: number) => encode([10, 77, 1, 'q', 0, 0, 0, [[Buffer.alloc(size)]]]);
  assert.is(parse(produce(1_048_576)).request.messages.bodyLengths[0], 1_048_576);
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
  for (const operation of [0, 7, 9, 19, 21, 64, 255, safeMax]) {
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

const broken = suite('broken frames');

/** Each stands where a value is due, and no reader could go on, or none should. */
const brokenValues: Readonly<Record<string, string>> = {
  'the unused type': 'c1',
  'extension of 1': 'd4 00 00',
  'a record of msgpackr': 'd4 72 40 92 a1 61 a1 62 01 02',
  'a regular expression of msgpackr': 'c7 05 78 92 a1 61 a1 67',
  'a date': 'd6 ff 00 00 00 00',
  'extension of any size': 'c9 00 00 00 00 05',
  'a reference of msgpackr': 'd6 70 00 00 00 01',
  'a map with a number as key': '81 01 01',
  'a map with an array as key': '81 91 01 01',
  'a map with bytes as key': '81 c4 01 61 01',
  'too deep': '91 91 91 91 91 91 91 91 90',
  'too deep in maps': '81 a0 81 a0 81 a0 81 a0 81 a0 81 a0 81 a0 81 a0 80',
  'an array that claims more than there is': 'dd ff ff ff ff',
  'a map that claims more than there is': 'df ff ff ff ff',
  'bytes that claim more than there are': 'c6 ff ff ff ff',
  'a text that claims more than there is': 'db ff ff ff ff',
  'nested arrays that claim much': 'dc ff ff dc ff ff dc ff ff',
};

for (const [name, hex] of Object.entries(brokenValues)) {
  broken(`${name}, in place of any field`, () => {
    for (const [number, fields] of Object.entries(operations)) {
      for (const index of fields.keys()) {
        const values = valid(fields).with(index, raw(hex));
        const error = refusal(() => parse(encode([Number(number), 77, ...values])));
        assert.is(error.code, 'BAD_FRAME', `operation ${number}, field ${index}`);
        assert.is(error.closes, true);
      }
    }
  });
  broken(`${name}, behind a field that is wrong as well`, () => {
    const frames = [
      [12, 77, 'wrong', 'orders', [], raw(hex)],
      [12, 77, null, 'not a name', raw(hex)],
      [99, 77, raw(hex)],
      [1, 77, 2, raw(hex)],
      [10, 77, null, 'orders', 0, 0, 300, [[body], raw(hex)]],
      [raw(hex)],
    ];
    for (const values of frames) {
      assert.is(refusal(() => parse(encode(values))).code, 'BAD_FRAME');
    }
  });
}

broken('a frame that is no array', () => {
  for (const value of [5, 'text', null, {}, { a: 1 }, body, true]) {
    assert.is(refusal(() => parse(encode(value))).code, 'BAD_FRAME');
  }
});

broken('two arrays in one frame, or bytes behind a wrong field', () => {
  const ping = encode([4, 77]);
  assert.is(refusal(() => parse(Buffer.concat([ping, ping]))).code, 'BAD_FRAME');
  const wrong = encode([4, 77, 5]);
  assert.is(refusal(() => parse(Buffer.concat([wrong, Buffer.of(0)]))).code, 'BAD_FRAME');
});

broken('the depth that is allowed, and one more', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });
  parse(encode([20, 77, null, 'verb', nested(7)]));
  assert.is(refusal(() => parse(encode([20, 77, null, 'verb', nested(8)]))).code, 'BAD_FRAME');
});

broken('hostile frames are refused fast, without memory', () => {
  const megabytes = 4 * 1024 * 1024;
  const array = (fill: number) => {
    const frame = Buffer.alloc(megabytes, fill);
    frame.writeUInt8(0xdd, 0);
    frame.writeUInt32BE(megabytes - 5, 1);
    return frame;
  };
  const ten = Buffer.from('dd01ffffff'.repeat(2_000), 'hex');
  const seventy = Buffer.from('dcffff'.repeat(24_000), 'hex');
  const nest = Buffer.alloc(5_000, 0x91);
  const many = [Buffer.alloc(megabytes, 0x80), array(0x80), array(0x90), array(0x91)];
  const messages = encode([10, 77, 1, 'q', 0, 0, 0]);
  messages[0] = 0x98;
  const produce = Buffer.concat([messages, array(0x90)]);
  for (const frame of [...many, ten, seventy, nest, produce]) {
    const before = process.memoryUsage();
    const started = performance.now();
    const { code } = refusal(() => parse(frame));
    const ms = performance.now() - started;
    const bytes = process.memoryUsage().heapUsed - before.heapUsed;
    assert.ok(code === 'BAD_FRAME' || code === 'BATCH_TOO_LARGE');
    assert.ok(ms < 250, `${ms} ms`);
    assert.ok(bytes < 4 * 1024 * 1024, `${bytes} bytes`);
  }
});

table.run();
single.run();
broken.run();
