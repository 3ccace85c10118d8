// The text form of a receipt, and which names a queue may have.

import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isQueueName } from '../../src/protocol/names.ts';
import { formatReceipt, parseReceipt } from '../../src/protocol/receipt.ts';
import { printedSeed } from '../support/random.ts';
import { queueName, uint } from './support/arbitraries.ts';
import { refusal } from './support/frames.ts';

const seed = printedSeed('receipt');

test('a receipt survives the way to text and back', () => {
  fc.assert(
    fc.property(uint, uint, (id, token) => {
      assert.equal(parseReceipt(formatReceipt(id, token)), { id, token });
    }),
    { seed },
  );
  assert.is(formatReceipt(12, 2 ** 53 - 1), '12-9007199254740991');
});

test('nonsense is no receipt', () => {
  const long = '9'.repeat(40);
  const beyond = ['9007199254740992-1', '1-9007199254740992', `${long}-1`, `1-${long}`];
  const shapes = ['', '1', '-', '1-', '-1', '1-2-3', 'a-b', '1 -2', ' 1-2', '1-2\n', '1-2 '];
  const digits = ['01-2', '1-02', '+1-2', '1e3-2', '0x1-2', '1.0-2', '-1-2', '１-２'];
  for (const text of [...beyond, ...shapes, ...digits]) {
    const error = refusal(() => parseReceipt(text));
    assert.equal([error.code, error.field], ['BAD_REQUEST', 'receipt'], text);
  }
});

test('names of queues', () => {
  fc.assert(
    fc.property(queueName, (name) => assert.ok(isQueueName(name))),
    { seed },
  );
  for (const name of ['', '.', '-a', '_a', 'a b', 'ä', 'a\n', '../a', 'x'.repeat(129)]) {
    assert.not(isQueueName(name), name);
  }
});

test.run();
