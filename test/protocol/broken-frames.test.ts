// Frames whose bytes are broken: always BAD_FRAME, whichever field they stand in, and whatever else is
// wrong with the frame. Hostile ones cost neither time nor memory. Row E26 of docs/reliability.md.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { body, operations, valid } from './support/fields.ts';
import { parse, refusal } from './support/frames.ts';
import { encode, raw } from './support/wide.ts';

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
  'a map whose count of elements wraps around 2^32': 'df 80 00 00 01 a0 90',
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
    const started = process.cpuUsage();
    const { code } = refusal(() => parse(frame));
    const { user, system } = process.cpuUsage(started);
    const ms = (user + system) / 1000;
    const bytes = process.memoryUsage().heapUsed - before.heapUsed;
    assert.ok(code === 'BAD_FRAME' || code === 'BATCH_TOO_LARGE');
    assert.ok(ms < 250, `${ms} ms`);
    assert.ok(bytes < 4 * 1024 * 1024, `${bytes} bytes`);
  }
});

broken.run();
