/**
 * The record kinds in docs/storage.md against the code: the table of kinds, the codes, and an
 * example of each kind, byte for byte, written by the journal and read back by the reader.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RecordJournal } from '../../src/broker/record-journal.ts';
import { type Facts, RecordParser } from '../../src/broker/record-parser.ts';
import { RecordReader } from '../../src/broker/record-reader.ts';
import {
  FIRST_DURABILITIES,
  PAUSED_CODES,
  RECORD,
  REFUSED_CODES,
  recordVersionOf,
} from '../../src/broker/records.ts';
import { MalformedRecordError } from '../../src/errors.ts';
import { settingNames, settingRows } from '../../src/protocol/queue-settings.ts';
import { DEAD, DELAYED, IN_FLIGHT, READY, UNREADABLE } from '../../src/queue/chunk.ts';
import { IdList } from '../../src/queue/id-list.ts';
import {
  DIED_EXPIRED,
  RETURNED_EXPIRED,
  RETURNED_NACKED,
  RETURNED_RELEASED,
  RETURNED_SESSION_LOST,
  SETTLED_ACKED,
  SETTLED_DISCARDED,
  SETTLED_DROPPED,
  SETTLED_EXPIRED,
} from '../../src/queue/journal.ts';
import type { Told } from '../queue/support/recorder.ts';
import { replayFact } from '../queue/support/replayed.ts';
import { freshState, seen, write } from './support/facts.ts';
import { MemoryLog } from './support/memory-log.ts';

const test = suite('record kinds');

const page = readFileSync(join(import.meta.dirname, '../../docs/storage.md'), 'utf8');
const start = page.indexOf('\n## Record kinds of the broker\n');
const section = page.slice(start, page.indexOf('\n## ', start + 1));
const tables =
  section.slice(0, section.indexOf('\nThe settings of a queue:')) +
  section.slice(section.indexOf('\n### '));

/** The cells of the table rows whose first cell is a number or a name in backquotes. */
const rows = tables
  .split('\n')
  .filter((line) => /^\| (\d|`)/.test(line))
  .map((line) => line.slice(2, -2).split(' | '));

const tokens = 140_737_488_355_329;
const firstId = 1_048_577;
const nowMs = 1_800_000_000_000;
const dueMs = nowMs + 60_000;
const number = 1;
const session = 1;
const ids = [firstId, firstId + 1, firstId + 2];
const bytes = Buffer.from('91c4016191c4016291c40163', 'hex');
const answer = { operation: 10, complete: true, count: 3, value: firstId };

const copy = {
  id: ids[1]!,
  priority: 0,
  producedMs: nowMs,
  length: 4,
  state: IN_FLIGHT,
  deliveryCount: 1,
  failureCount: 0,
  session,
  token: tokens + 1,
  dueMs,
  expiresMs: nowMs + 3_600_000,
  failures: [{ atMs: nowMs, reason: RETURNED_EXPIRED, consumer: 'demo', text: '' }],
  group: undefined,
} as const;

const how = {
  reason: RETURNED_NACKED,
  atMs: nowMs,
  dueMs: 0,
  consumer: 'demo',
  text: 'no such address',
} as const;

/** What the examples tell, but for the first of them. */
const facts: readonly Told[] = [
  {
    kind: 'queueSet',
    number,
    name: 'orders',
    createdMs: nowMs,
    settings: {
      visibilityMs: 60_000,
      failuresMax: 2,
      whenFailed: 'discard',
    },
    paused: 'none',
  },
  { kind: 'templateSet', pattern: 'orders.*', settings: { failuresMax: 5 } },
  { kind: 'sessionOpened', session, key: '000102030405060708090a0b0c0d0e0f', name: 'demo' },
  {
    kind: 'produced',
    number,
    priority: 0,
    firstId,
    nowMs,
    dueMs: 0,
    expiresMs: nowMs + 3_600_000,
    bytes,
    offsets: [0, 4, 8],
    lengths: [4, 4, 4],
  },
  { kind: 'answered', session, part: { ...answer, sequence: 1, refused: undefined } },
  { kind: 'delivered', number, session, firstToken: tokens, dueMs, ids },
  { kind: 'extended', number, dueMs: dueMs + 60_000, ids: [ids[0]!] },
  { kind: 'returned', number, how, ids: [ids[2]!] },
  { kind: 'settled', number, reason: SETTLED_ACKED, ids: [ids[0]!] },
  {
    kind: 'restored',
    session,
    sequence: 1,
    answer: { ...answer, runs: undefined, refused: undefined, position: 0 },
  },
  { kind: 'copied', number, copy, bytes: bytes.subarray(4, 8) },
  { kind: 'died', number, how, ids: [ids[1]!] },
  { kind: 'redriven', number, ids: [ids[1]!] },
  { kind: 'moved', number, to: 2, how, ids: [ids[0]!] },
  { kind: 'deleted', number, by: 'demo', ids: [ids[0]!] },
  {
    kind: 'deduplicated',
    number,
    entries: { keys: ['order 7'], ids: [ids[2]!], untilMs: [dueMs] },
  },
  { kind: 'unreadable', number, ids: [ids[2]!] },
  { kind: 'purged', number, lastId: ids[2]! },
  { kind: 'sessionEnded', session },
  { kind: 'templateDeleted', pattern: 'orders.*' },
  { kind: 'queueDeleted', number },
];

const examples = rows
  .filter(([, hex]) => /^`[0-9a-f]{2}( [0-9a-f]{2})*`$/.test(hex!))
  .map(([kind, hex]) => ({
    kind: kind!.replaceAll('`', ''),
    body: Buffer.from(hex!.replaceAll(/[` ]/g, ''), 'hex'),
  }));

test('the table has every kind, under its number and version', () => {
  const written = rows.filter(([kind]) => /^\d+$/.test(kind!)).map((row) => row.slice(0, 3));
  const expected = Object.entries(RECORD)
    .map(([name, kind]) => [String(kind), `\`${name}\``, String(recordVersionOf(kind))])
    .sort(([a], [b]) => Number(a) - Number(b));
  assert.equal(written, expected);
});

test('the codes', () => {
  const codes = [
    ['paused', ...PAUSED_CODES.map((name, code) => `${code} ${name}`)],
    [
      'durability of `queueSet` before version 3',
      ...FIRST_DURABILITIES.map((name, code) => `${code} ${name ?? 'default'}`),
    ],
    ['code', ...REFUSED_CODES.map((name, code) => `${code} \`${name}\``)],
    [
      'reason of `settled`',
      `${SETTLED_ACKED} acked`,
      `${SETTLED_DISCARDED} discarded`,
      `${SETTLED_EXPIRED} expired`,
      `${SETTLED_DROPPED} dropped`,
    ],
    ['reason of `died`', `as of a failure, or ${DIED_EXPIRED} time to live over`],
    [
      'reason of a failure',
      `${RETURNED_NACKED} nacked`,
      `${RETURNED_RELEASED} released`,
      `${RETURNED_EXPIRED} lease ended`,
      `${RETURNED_SESSION_LOST} session lost`,
    ],
    [
      'state',
      `${READY} ready`,
      `${IN_FLIGHT} in flight`,
      `${DELAYED} delayed`,
      `${UNREADABLE} unreadable`,
      `${DEAD} dead`,
    ],
  ];
  for (const [field, ...values] of codes) {
    const line = `* *${field}*: ${values.join(', ')}`;
    assert.ok(section.includes(`${line}\n`) || section.includes(`${line};`), line);
  }
});

test('the settings of a queue, under their numbers', () => {
  const start = section.indexOf('| number | setting | value |');
  const table = section.slice(start, section.indexOf('\n\n', start)).split('\n').slice(2);
  const expected = settingNames.map((name) => {
    const { code, takes } = settingRows[name];
    const words = takes.kind === 'word' ? takes.words.map((word, at) => `${at} ${word}`) : [];
    const value = { whole: 'number', word: words.join(', '), queue: 'text' }[takes.kind];
    return `| ${code} | \`${name}\` | ${value} |`;
  });
  assert.equal(table, expected);
});

test('there is an example of each kind', () => {
  const kinds = ['started', ...facts.map(({ kind }) => kind)];
  assert.equal(
    examples.map(({ kind }) => kind),
    kinds,
  );
  assert.equal(kinds.sort(), Object.keys(RECORD).sort());
});

test('the journal writes the examples, byte for byte', () => {
  const log = new MemoryLog(4096);
  const journal = new RecordJournal(log.asLog());
  journal.started(tokens);
  for (const fact of facts) write(journal, fact);
  const written: string[] = [];
  log.visit((kind, _version, buffer, from, to) =>
    written.push(`${kind} ${buffer.toString('hex', from, to)}`),
  );
  assert.equal(
    written,
    examples.map(({ kind, body }) => {
      const number = RECORD[kind as keyof typeof RECORD];
      return `${number} ${body.toString('hex')}`;
    }),
  );
});

test('the reader understands each of the examples', () => {
  const state = freshState();
  const expected = freshState();
  const reader = new RecordReader(state);
  let position = 0;
  for (const [index, { kind, body }] of examples.entries()) {
    const number = RECORD[kind as keyof typeof RECORD];
    reader.apply(number, recordVersionOf(number), body, 0, body.length, position);
    const fact = facts[index - 1];
    if (fact !== undefined) replayFact(expected, { ...fact, position, inside: position });
    position += body.length;
    assert.equal(seen(state), seen(expected), kind);
  }
});

const untold = new Proxy({}, { get: () => () => assert.unreachable('it was told') }) as Facts;

function isRefused(kind: string, body: Buffer): void {
  const number = RECORD[kind as keyof typeof RECORD];
  const parser = new RecordParser(untold, new IdList(3));
  // What follows in the buffer is of another record.
  const buffer = Buffer.concat([body, Buffer.alloc(64, 1)]);
  const apply = () => parser.apply(number, recordVersionOf(number), buffer, 0, body.length, 0);
  assert.throws(apply, (error: Error) => error instanceof MalformedRecordError, kind);
}

test('one that says more than it holds is malformed, and nothing of it is told', () => {
  for (const { kind, body } of examples) {
    // A copy without a message is of one that is unreadable.
    const whole = kind === 'copied' ? body.length - 4 : body.length;
    for (let length = 0; length < whole; length += 1) isRefused(kind, body.subarray(0, length));
  }
});

/** `at` counts from the end. */
function changed(kind: string, at: number, byte: number): Buffer {
  const body = Buffer.from(examples.find((example) => example.kind === kind)!.body);
  body[body.length - at] = byte;
  return body;
}

test('so is one with a code or a message that there is not, or with more IDs than one can hold', () => {
  isRefused('queueSet', changed('queueSet', 1, 3));
  isRefused('queueSet', changed('queueSet', 7, 4));
  isRefused('produced', changed('produced', 4, 0xc1));
  isRefused('copied', changed('copied', 4, 0xc1));
  isRefused('settled', Buffer.from([1, 1, 4, 2, 2, 2, 2]));
  isRefused('started', Buffer.alloc(9, 0x80).fill(0x7f, 8));
  isRefused('restored', Buffer.from([1, 1, 10, 1, 3, 1, 0xff, 0xff, 0xff, 0xff, 0x7f, 0]));
});

test.run();
