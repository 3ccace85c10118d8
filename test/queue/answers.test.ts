// Remembered answers: a ring that grows to the window of 1,024, parts put together, copies restored.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type AnswerPart, Answers } from '../../src/queue/answers.ts';

function part(sequence: number, more: Partial<AnswerPart> = {}): AnswerPart {
  const common = { operation: 10, complete: true, count: 1, value: sequence * 100 };
  return { sequence, ...common, refused: undefined, ...more };
}

const plain = { runs: undefined, refused: undefined };

test('nothing is remembered at first, and any number is new', () => {
  const answers = new Answers();
  assert.is(answers.find(1), undefined);
  assert.ok(answers.isInWindow(1));
  assert.equal(answers.sequencesBefore(1_000), []);
});

test('the ring grows and keeps every answer of the window', () => {
  const answers = new Answers();
  for (let sequence = 1; sequence <= 3_000; sequence += 1) {
    answers.add(part(sequence, { operation: 10 + (sequence % 5) }), sequence * 7);
    const least = Math.max(1, sequence - 1_023);
    for (const probe of [least, (least + sequence) >> 1, sequence]) {
      const found = answers.find(probe);
      assert.is(found?.value, probe * 100);
      assert.is(found?.operation, 10 + (probe % 5));
      assert.is(found?.position, probe * 7);
    }
    assert.is(answers.highest, sequence);
    if (sequence > 1_024) assert.is(answers.find(sequence - 1_024), undefined);
  }
});

test('the window is the last 1,024 numbers', () => {
  const answers = new Answers();
  answers.add(part(5_000), 1);
  assert.ok(answers.isInWindow(5_000 - 1_023));
  assert.not(answers.isInWindow(5_000 - 1_024));
  assert.ok(answers.isInWindow(5_001));
  answers.add(part(5_000 - 1_023), 2);
  assert.is(answers.highest, 5_000);
  assert.is(answers.find(5_000)?.value, 500_000);
});

test('numbers that share their place in the small ring do not push each other out', () => {
  const answers = new Answers();
  const numbers = [1, 17, 33, 1_024];
  for (const sequence of numbers) answers.add(part(sequence), 3);
  assert.equal(
    numbers.map((sequence) => answers.find(sequence)?.value),
    [100, 1_700, 3_300, 102_400],
  );
});

test('parts are put together, and stand where the first one stands', () => {
  const answers = new Answers();
  answers.add(part(1, { complete: false, count: 3, value: 50 }), 500);
  assert.equal(answers.find(1), {
    ...{ operation: 10, complete: false, count: 3, value: 50, position: 500 },
    ...plain,
  });
  answers.add(part(1, { complete: false, count: 2, value: 90 }), 700);
  answers.add(part(1, { complete: true, count: 1, value: 99 }), 900);
  const found = answers.find(1)!;
  assert.equal(found.runs, [50, 3, 90, 2, 99, 1]);
  assert.equal([found.complete, found.count, found.value, found.position], [true, 6, 50, 500]);
  assert.equal(answers.sequencesBefore(501), [1]);
  assert.equal(answers.sequencesBefore(500), []);
});

test('refused receipts are counted over all parts', () => {
  const answers = new Answers();
  const refused = (index: number) => ({ index, code: 'GONE' as const });
  answers.add(part(4, { complete: false, count: 10, refused: [refused(0), refused(9)] }), 1);
  answers.add(part(4, { complete: false, count: 10 }), 2);
  answers.add(part(4, { count: 10, refused: [{ index: 3, code: 'STALE_RECEIPT' }] }), 3);
  assert.equal(answers.find(4)?.refused, [
    { index: 0, code: 'GONE' },
    { index: 9, code: 'GONE' },
    { index: 23, code: 'STALE_RECEIPT' },
  ]);
});

test('an answer that takes the place of an old one has none of its details', () => {
  const answers = new Answers();
  answers.add(part(1, { complete: false, count: 2, refused: [{ index: 0, code: 'GONE' }] }), 1);
  answers.add(part(1, { count: 2 }), 2);
  for (let sequence = 2; sequence <= 1_025; sequence += 1) answers.add(part(sequence), sequence);
  assert.is(answers.find(1), undefined);
  assert.equal(answers.find(1_025), {
    ...{ operation: 10, complete: true, count: 1, value: 102_500, position: 1_025 },
    ...plain,
  });
});

test('a restored answer replaces what was there, and further parts follow on it', () => {
  const answers = new Answers();
  answers.add(part(2, { complete: false, count: 4, refused: [{ index: 1, code: 'GONE' }] }), 1);
  const copy = { operation: 12, complete: false, count: 5, value: 7, position: 80, ...plain };
  answers.restore(2, { ...copy, runs: [7, 3, 20, 2] });
  assert.equal(answers.find(2), { ...copy, runs: [7, 3, 20, 2] });
  answers.add(part(2, { operation: 12, count: 1, value: 30 }), 95);
  const found = answers.find(2)!;
  assert.equal([found.runs, found.count, found.position], [[7, 3, 20, 2, 30, 1], 6, 80]);
  answers.restore(9, { ...copy, runs: undefined });
  assert.is(answers.highest, 9);
});

test.run();
