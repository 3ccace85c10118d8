// Chunks to frames: any way of cutting a stream gives the same frames, and no length that a client
// announces costs memory before its bytes have come. Row E25 of docs/reliability.md.

import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FrameReader } from '../../src/protocol/frame-reader.ts';
import { printedSeed } from '../support/random.ts';
import { refusal } from './support/frames.ts';

const seed = printedSeed('frame-reader');

function framed(payload: Uint8Array): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(payload.length);
  return Buffer.concat([prefix, payload]);
}

/** All frames that are whole by now, as copies. */
function read(reader: FrameReader, countMax = Number.POSITIVE_INFINITY): string[] {
  const frames: string[] = [];
  while (frames.length < countMax && reader.next()) {
    frames.push(reader.buffer.toString('hex', reader.start, reader.end));
  }
  return frames;
}

const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 12 });
const cuts = fc.array(fc.nat(15), { minLength: 1, maxLength: 40 });

/** Cuts into pieces of the given sizes, over and over; a piece may be empty. */
function pieces(stream: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  const usable = sizes.some((size) => size > 0) ? sizes : [1];
  for (let at = 0, turn = 0; at < stream.length; turn += 1) {
    const size = usable[turn % usable.length]!;
    chunks.push(Buffer.from(stream.subarray(at, at + size)));
    at += size;
  }
  return chunks;
}

test('any way of cutting a stream gives the same frames', () => {
  fc.assert(
    fc.property(payloads, cuts, (frames, sizes) => {
      const reader = new FrameReader();
      const found: string[] = [];
      for (const chunk of pieces(Buffer.concat(frames.map(framed)), sizes)) {
        reader.push(chunk);
        found.push(...read(reader));
      }
      assert.equal(
        found,
        frames.map((frame) => Buffer.from(frame).toString('hex')),
      );
      assert.is(reader.pendingBytes, 0);
      assert.is(reader.hasPartial, false);
    }),
    { seed, numRuns: 500 },
  );
});

test('chunks may pile up, and reading may stop after any frame', () => {
  fc.assert(
    fc.property(payloads, cuts, fc.array(fc.nat(3), { minLength: 1 }), (frames, sizes, stops) => {
      const reader = new FrameReader();
      const found: string[] = [];
      const stream = Buffer.concat(frames.map(framed));
      let pushed = 0;
      for (const [turn, chunk] of pieces(stream, sizes).entries()) {
        reader.push(chunk);
        pushed += chunk.length;
        found.push(...read(reader, stops[turn % stops.length]));
        const given = found.reduce((sum, frame) => sum + 4 + frame.length / 2, 0);
        assert.is(reader.pendingBytes, pushed - given);
      }
      found.push(...read(reader));
      assert.equal(
        found,
        frames.map((frame) => Buffer.from(frame).toString('hex')),
      );
    }),
    { seed, numRuns: 500 },
  );
});

test('a frame within one chunk is not copied', () => {
  const reader = new FrameReader();
  const chunk = Buffer.concat([framed(Buffer.from('one')), framed(Buffer.from('two'))]);
  reader.push(chunk);
  assert.ok(reader.next());
  assert.ok(reader.buffer === chunk);
  assert.equal([reader.start, reader.end], [4, 7]);
  assert.ok(reader.next());
  assert.ok(reader.buffer === chunk);
  assert.equal([reader.start, reader.end], [11, 14]);
});

test('an idle connection holds on to no chunk', () => {
  const reader = new FrameReader();
  const chunk = framed(Buffer.from('one'));
  reader.push(chunk);
  assert.ok(reader.next());
  assert.not(reader.next());
  assert.ok(reader.buffer !== chunk);
});

test('a frame that has begun is told from bytes that nobody has looked at', () => {
  const reader = new FrameReader();
  reader.push(framed(Buffer.from('one')));
  assert.is(reader.hasPartial, false);
  assert.is(reader.pendingBytes, 7);
  read(reader);
  reader.push(Buffer.of(0));
  assert.not(reader.next());
  assert.is(reader.hasPartial, true, 'within the length');
  reader.push(Buffer.of(0, 0, 2, 5));
  assert.not(reader.next());
  assert.is(reader.hasPartial, true, 'within the frame');
  assert.is(reader.pendingBytes, 5);
  reader.push(Buffer.of(6));
  assert.equal(read(reader), ['0506']);
  assert.is(reader.hasPartial, false);
});

test('an empty frame is BAD_FRAME, and stays so', () => {
  const reader = new FrameReader();
  reader.push(Buffer.from('00000000', 'hex'));
  for (let turn = 0; turn < 2; turn += 1) {
    const error = refusal(() => reader.next());
    assert.is(error.code, 'BAD_FRAME');
    assert.is(error.closes, true);
  }
});

test('a length over the limit is refused as soon as it is there', () => {
  for (const size of [1, 2, 3, 4, 9]) {
    const reader = new FrameReader(1_000);
    const chunks = pieces(Buffer.from('000003e9ffffffffff', 'hex'), [size]);
    const error = refusal(() => {
      for (const chunk of chunks) {
        reader.push(chunk);
        reader.next();
      }
    });
    assert.is(error.code, 'FRAME_TOO_LARGE');
    assert.is(error.closes, true);
    assert.is(refusal(() => reader.next()).code, 'FRAME_TOO_LARGE');
  }
});

test('a frame of just the limit is taken, and the limit can be raised', () => {
  const reader = new FrameReader(10);
  reader.push(framed(Buffer.alloc(10)));
  assert.is(read(reader).length, 1);
  reader.frameBytesMax = 20;
  reader.push(framed(Buffer.alloc(20)));
  assert.is(read(reader).length, 1);
  reader.push(framed(Buffer.alloc(21)));
  assert.is(refusal(() => reader.next()).code, 'FRAME_TOO_LARGE');
});

test('a length that is announced costs no memory before its bytes come', () => {
  const readers = Array.from({ length: 200 }, () => new FrameReader());
  const before = process.memoryUsage().arrayBuffers;
  for (const reader of readers) {
    reader.push(Buffer.from('00800000aabb', 'hex'));
    assert.not(reader.next());
  }
  const bytes = process.memoryUsage().arrayBuffers - before;
  assert.ok(bytes < 200 * 70_000, `${bytes} bytes for 1.6 GB that were announced`);
});

test('a large frame in small chunks takes time in proportion to its length', () => {
  const stream = framed(Buffer.alloc(4 * 1024 * 1024, 7));
  const reader = new FrameReader();
  const started = performance.now();
  for (let at = 0; at < stream.length; at += 64) {
    reader.push(stream.subarray(at, at + 64));
    if (reader.next()) break;
  }
  assert.is(reader.end - reader.start, 4 * 1024 * 1024);
  assert.ok(reader.buffer.subarray(reader.start, reader.end).equals(stream.subarray(4)));
  const ms = performance.now() - started;
  assert.ok(ms < 1_000, `${ms} ms`);
});

test.run();
