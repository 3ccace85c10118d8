/** The formats of block, segment header, checkpoint and record, byte for byte, and what is refused. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BLOCK_HEADER_BYTES, Block } from '../../src/log/block.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/log/checkpoint.ts';
import { decodeOldest, KIND_OLDEST, OLDEST_VERSION, writeOldest } from '../../src/log/record.ts';
import { readSafeInteger, writeSafeInteger } from '../../src/log/safe-integer.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  segmentName,
  segmentNumber,
} from '../../src/log/segment.ts';

const test = suite('formats');
const salt = 0x01020304;

function sampleBlock(): Buffer {
  const payload = Buffer.from('payload');
  const header = Buffer.alloc(BLOCK_HEADER_BYTES);
  const block = new Block();
  block.isFirst = true;
  block.index = 0x0102;
  block.batch = 0x0003_0405_0607_0809 % 2 ** 53;
  block.address = 2 ** 40 + 5;
  block.previousCrc = 0xa0b0c0d0;
  block.epoch = 9;
  block.timeMs = 1_795_000_000_123;
  block.nextId = 2 ** 33;
  block.write(header, payload, salt);
  return Buffer.concat([header, payload]);
}

test('a block reads as it was written', () => {
  const bytes = sampleBlock();
  const block = new Block();
  assert.ok(block.read(bytes, 0));
  assert.ok(block.isIntact(bytes, 0, salt));
  assert.is(block.isFirst, true);
  assert.is(block.isLast, false);
  assert.is(block.index, 0x0102);
  assert.is(block.length, 7);
  assert.is(block.batch, 0x0003_0405_0607_0809);
  assert.is(block.address, 2 ** 40 + 5);
  assert.is(block.previousCrc, 0xa0b0c0d0);
  assert.is(block.epoch, 9);
  assert.is(block.timeMs, 1_795_000_000_123);
  assert.is(block.nextId, 2 ** 33);
});

test('a block is laid out as documented', () => {
  const bytes = sampleBlock();
  const crc = bytes.toString('hex', 4, 8);
  const fields = [
    '57514201',
    crc,
    '01',
    '01',
    '0102',
    '00000007',
    '0003040506070809',
    '0000010000000005',
    'a0b0c0d0',
    '00000009',
    '000001a1ee565e7b',
    '0000000200000000',
    Buffer.from('payload').toString('hex'),
  ];
  assert.is(bytes.toString('hex'), fields.join(''));
});

test('every flipped bit of a block is noticed, and so is another salt', () => {
  const bytes = sampleBlock();
  const block = new Block();
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const isGood = block.read(bytes, 0) && block.length === 7 && block.isIntact(bytes, 0, salt);
    assert.not(isGood, `bit ${bit}`);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  assert.ok(block.read(bytes, 0));
  assert.not(block.isIntact(bytes, 0, salt + 1));
});

test('zeros are no block, no header and no checkpoint', () => {
  assert.not(new Block().read(Buffer.alloc(200), 0));
  assert.is(decodeSegmentHeader(Buffer.alloc(64)), undefined);
  assert.throws(() => decodeCheckpoint(Buffer.alloc(64)), /checksum/);
});

test('a segment header reads as it was written, or not at all', () => {
  const header = { number: 7, epoch: 3, salt: 0xfffffffe, timeMs: 2 ** 45 };
  const bytes = encodeSegmentHeader(header);
  assert.equal(decodeSegmentHeader(bytes), { ...header, version: 1 });
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    assert.is(decodeSegmentHeader(bytes), undefined, `bit ${bit}`);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  assert.is(decodeSegmentHeader(bytes.subarray(0, 63)), undefined);
});

test('a checkpoint reads as it was written, or is refused', () => {
  const checkpoint = {
    isClean: true,
    epoch: 1,
    segment: 2,
    batch: 2 ** 50,
    position: 2 ** 52,
    timeMs: 5,
    nextId: 6,
  };
  const bytes = encodeCheckpoint(checkpoint);
  assert.equal(decodeCheckpoint(bytes), checkpoint);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeCheckpoint(bytes), /CHECKPOINT/);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  assert.throws(() => decodeCheckpoint(Buffer.concat([bytes, Buffer.from([0])])), /checksum/);
});

test('an oldest record reads as it was written', () => {
  const start = { number: 4, address: 2 ** 53 - 1, batch: 77, previousCrc: 0xdeadbeef };
  const bytes = Buffer.alloc(30);
  writeOldest(bytes, 3, start);
  assert.equal(decodeOldest(KIND_OLDEST, OLDEST_VERSION, bytes, 3, 27), start);
});

test('names of segments sort by number, and others are no segments', () => {
  assert.is(segmentName(42), '0000000042.wq');
  assert.is(segmentNumber('0000000042.wq'), 42);
  for (const name of [
    '42.wq',
    '0000000042.wq~',
    '00000000042.wq',
    'x0000000042.wq',
    '0000000000.wq',
  ]) {
    assert.is(segmentNumber(name), 0, name);
  }
});

test('safe integers keep all of their 53 bits', () => {
  const buffer = Buffer.alloc(8);
  for (const value of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 48 + 12_345, 2 ** 53 - 1]) {
    writeSafeInteger(buffer, value, 0);
    assert.is(readSafeInteger(buffer, 0), value);
  }
  buffer.fill(0xff);
  assert.is(readSafeInteger(buffer, 0), -1);
});

test.run();
