// The states that a power cut can leave, of calls that are written down here: each that must be among
// them is, and none that cannot be. And what must be there in them, by what was told.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bodyOf } from '../../src/cli/torture/body.ts';
import { seededRandom } from '../support/random.ts';
import { Judge, toldTooEarly } from './support/crash-judge.ts';
import { RecordedDirectory } from './support/crash-states.ts';
import type { Call } from './support/recorded-calls.ts';

const write = (path: string, text: string, offset = 0): Call => ({
  what: 'write',
  path,
  offset,
  bytes: Buffer.from(text),
});
let syncs = 0;

function synced(path: string): Call[] {
  syncs += 1;
  const number = syncs;
  return [
    { what: 'sync', path, number },
    { what: 'synced', number },
  ];
}

/** A file that is there with these bytes, whatever comes. */
const durable = (path: string, text: string): Call[] => [
  { what: 'create', path },
  write(path, text),
  ...synced(path),
  ...synced('.'),
];

/** Each state as `path=text`, with a dot for each byte of zero. */
function statesAfter(calls: readonly Call[]): string[] {
  const directory = new RecordedDirectory();
  for (const call of calls) directory.apply(call);
  const states = [...directory.states(seededRandom(1), Number.POSITIVE_INFINITY)];
  const told = states.map(({ files }) =>
    [...files]
      .map(([path, bytes]) => `${path}=${bytes.toString().replaceAll('\0', '.')}`)
      .join(' '),
  );
  return [...new Set(told)].sort();
}

test('of a write that was not synced nothing, all, or only the length may be there', () => {
  assert.equal(statesAfter([...durable('a', 'old'), write('a', 'new', 3)]), [
    'a=old',
    'a=old...',
    'a=oldnew',
  ]);
});

test('a longer one may be torn, and each of its sectors be alone or missing', () => {
  const [one, other] = ['1'.repeat(64), '2'.repeat(64)];
  const states = statesAfter([...durable('a', ''), write('a', one + other)]);
  const zeros = '.'.repeat(64);
  for (const text of [
    `${one}${zeros}`,
    `${zeros}${other}`,
    '1'.repeat(16),
    `${one}2222222222222222`,
  ]) {
    assert.ok(states.includes(`a=${text}`), `${text} is among them`);
  }
});

test('what was synced stays, and what came while it was being synced may not', () => {
  const calls = [
    ...durable('a', ''),
    write('a', 'one'),
    { what: 'sync', path: 'a', number: 0 } as const,
    write('a', 'two', 3),
    { what: 'synced', number: 0 } as const,
  ];
  assert.equal(statesAfter(calls), ['a=one', 'a=one...', 'a=onetwo']);
});

test('each change of a name that was not synced may have happened or not', () => {
  const calls: Call[] = [
    ...durable('a', 'a'),
    ...durable('b', 'b'),
    { what: 'rename', from: 'a', to: 'c' },
    { what: 'unlink', path: 'b' },
  ];
  assert.equal(statesAfter(calls), ['a=a', 'a=a b=b', 'b=b c=a', 'c=a']);
  assert.equal(statesAfter([...calls, ...synced('.')]), ['c=a']);
});

test('a file is nowhere without its folder, whose own name counts in the folder above', () => {
  const inside: Call[] = [
    { what: 'mkdir', path: 'log' },
    { what: 'create', path: 'log/a' },
  ];
  const calls = [...inside, write('log/a', 'a'), ...synced('log/a'), ...synced('log')];
  assert.equal(statesAfter(calls), ['', 'log/a=a']);
  assert.equal(statesAfter([...calls, ...synced('.')]), ['log/a=a']);
});

const body = bodyOf('m000000', 0);
const file = 'log/1.wq';
const sent = { what: 'sent', bytes: 10 } as const;
const made: Call[] = [{ what: 'create', path: file }, ...synced('log')];
const produced = (calls: readonly Call[], ackedAt?: number) => {
  const told = { produces: [{ keys: ['m000000'], confirmed: { life: 0, bytes: 10 } }], acks: [] };
  const delivered = new Map([['m000000', { life: 0, bytes: 20 }]]);
  const ack = ackedAt === undefined ? [] : [{ delivered, confirmed: { life: 0, bytes: ackedAt } }];
  return new Judge({ told: { ...told, acks: ack }, calls: [calls], files: [] });
};

test('a confirmation before its sync, or before the sync of the name, is told', () => {
  const early = (calls: Call[]) => toldTooEarly(calls, produced(calls)).length;
  assert.is(early([...made, write(file, body), ...synced(file), sent]), 0);
  assert.is(early([...made, write(file, body), sent, ...synced(file)]), 1);
  assert.is(early([...made, ...synced(file), write(file, body), sent]), 1);
  assert.is(early([made[0]!, write(file, body), ...synced(file), sent, ...synced('log')]), 1);
  assert.is(early([...made, sent]), 1);
});

test('what was confirmed must be there, what was acknowledged must not', () => {
  const judge = produced([sent, sent, sent], 30);
  const wrongs = (count: number, ...bodies: string[]) => judge.wrongs({ bodies }, count).length;
  assert.is(wrongs(0), 0);
  assert.is(wrongs(0, body), 0);
  assert.is(wrongs(1), 1);
  assert.is(wrongs(1, body), 0);
  assert.is(wrongs(1, body, body), 1);
  assert.is(wrongs(1, body, 'what nobody sent'), 1);
  assert.is(wrongs(2), 0);
  assert.is(wrongs(2, body), 0);
  assert.is(wrongs(3, body), 1);
  assert.is(wrongs(3), 0);
  assert.is(judge.wrongs({ bodies: [], refused: 'damaged' }, 0).length, 1);
});

test.run();
