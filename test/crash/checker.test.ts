// The checker of the crash tests against histories made by hand: what is right passes, and each
// thing that must not be is found, and nothing else.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  Checker,
  type Outage,
  type Verdict,
  violationNames,
} from '../../src/cli/torture/checker.ts';
import type { Entry, SettleWord } from '../../src/cli/torture/history.ts';

const produce = (key: string, count = 1): Entry => ({ what: 'produce', key, count });
const produced = (key: string, ...ids: number[]): Entry => ({ what: 'produced', key, ids });
const notProduced = (key: string, isUnknown: boolean): Entry => ({
  what: 'not produced',
  key,
  code: 'BUSY',
  isUnknown,
});

interface Got {
  readonly id?: number;
  readonly token?: number;
  readonly count?: number;
  readonly key?: string | null;
  readonly sinceMs?: number | null;
  readonly atMs?: number;
}

/** A delivery of message 1, `a/0`, under token 1, leased for a second. */
function got({ id = 1, token = 1, count = 1, key = 'a/0', sinceMs = 0, atMs = 10 }: Got): Entry {
  const deliveries = [[id, token, count, key]] as const;
  return { what: 'received', by: 'a', sinceMs, atMs, visibilityMs: 1000, deliveries };
}

let calls = 0;

/** Asked for at `sinceMs`, and told 10 ms later; without an outcome never. */
function settled(kind: SettleWord, token: number, sinceMs: number, outcome?: string, id = 1) {
  calls += 1;
  const call = `${calls}`;
  const receipts = [[id, token]] as const;
  const asked: Entry = { what: 'settle', call, kind, sinceMs, visibilityMs: 1000, receipts };
  if (outcome === undefined) return [asked];
  const told: Entry = { what: 'settled', call, atMs: sinceMs + 10, outcomes: [outcome] };
  return [asked, told];
}

const one = [produce('a'), produced('a', 1)];
const oneAcked = [...one, got({}), ...settled('ack', 1, 100, 'ok')];
const again = { token: 2, count: 2 };

function verdictOf(entries: readonly Entry[], outages: readonly Outage[] = []): Verdict {
  const checker = new Checker(outages);
  for (const entry of entries) checker.read(entry);
  return checker.judge();
}

function violationsOf(entries: readonly Entry[]): Record<string, number> {
  const verdict = verdictOf(entries);
  const found = violationNames.filter((name) => verdict[name] > 0);
  return Object.fromEntries(found.map((name) => [name, verdict[name]]));
}

const right: Record<string, Entry[]> = {
  'produced, delivered, acknowledged': oneAcked,
  'the ack is unknown': [...one, got({}), ...settled('ack', 1, 100)],
  'delivered by whoever reads first': [got({}), ...settled('ack', 1, 100, 'ok'), ...one],
  'an unknown produce is there': [produce('a'), notProduced('a', true), ...oneAcked.slice(2)],
  'an unknown produce is not there': [produce('b'), notProduced('b', true), ...oneAcked],
  'a refused produce is not there': [produce('b'), notProduced('b', false), ...oneAcked],
  'back after a nack': [
    ...one,
    got({}),
    ...settled('nack', 1, 20, 'ok'),
    got({ ...again, sinceMs: 30, atMs: 40 }),
    ...settled('ack', 2, 50, 'ok'),
  ],
  'back after its time, and the old receipt refused': [
    ...one,
    got({}),
    got({ ...again, sinceMs: 900, atMs: 1005 }),
    ...settled('ack', 1, 1010, 'STALE_RECEIPT'),
    ...settled('ack', 2, 1100, 'ok'),
  ],
  'pushed, nobody knows when': [
    ...one,
    got({ sinceMs: null }),
    got({ ...again, atMs: 20 }),
    ...settled('ack', 2, 30, 'ok'),
  ],
};

for (const [title, entries] of Object.entries(right)) {
  test(`passes: ${title}`, () => assert.equal(violationsOf(entries), {}));
}

const wrong: Record<string, [expected: Partial<Verdict>, entries: Entry[]]> = {
  'confirmed and never delivered': [{ lost: 1 }, [...oneAcked, produce('b'), produced('b', 2)]],
  'delivered, the ack refused, and gone': [
    { lost: 1 },
    [...one, got({}), ...settled('ack', 1, 2000, 'GONE')],
  ],
  'nobody produced it': [
    { unexpected: 1 },
    [...oneAcked, got({ id: 2, key: 'z/0' }), ...settled('ack', 1, 20, 'ok', 2)],
  ],
  'beyond what was produced': [
    { unexpected: 1 },
    [...oneAcked, got({ id: 2, key: 'a/1' }), ...settled('ack', 1, 20, 'ok', 2)],
  ],
  'a wrong body': [{ unexpected: 1 }, [...one, got({ key: null }), ...settled('ack', 1, 20, 'ok')]],
  'refused, and there': [
    { unexpected: 1 },
    [produce('a'), notProduced('a', false), ...oneAcked.slice(2)],
  ],
  'under two IDs': [
    { duplicated: 1 },
    [...oneAcked, got({ id: 2 }), ...settled('ack', 1, 20, 'ok', 2)],
  ],
  'half of a frame': [
    { partly: 1 },
    [produce('a', 2), notProduced('a', true), ...oneAcked.slice(2)],
  ],
  'back after its ack, by its count': [
    { redeliveredAfterAck: 1 },
    [...oneAcked, got({ ...again, sinceMs: null, atMs: 120 })],
  ],
  'back after its ack, with the counts of before': [
    { redeliveredAfterAck: 1, miscounted: 1 },
    [...oneAcked, got({ token: 2, sinceMs: 200, atMs: 210 })],
  ],
  'acknowledged twice': [
    { ackedTwice: 1, redeliveredAfterAck: 1 },
    [...oneAcked, got({ ...again, sinceMs: 50, atMs: 120 }), ...settled('ack', 2, 130, 'ok')],
  ],
  'a delivery count that falls': [
    { miscounted: 1 },
    [
      ...one,
      got({ ...again, sinceMs: 0, atMs: 10 }),
      got({ sinceMs: 1500, atMs: 1510 }),
      ...settled('ack', 2, 1600, 'ok'),
    ],
  ],
  'leased to two at a time': [
    { overlapping: 1 },
    [...one, got({}), got({ ...again, atMs: 500 }), ...settled('ack', 2, 600, 'ok')],
  ],
  'leased to two although extended': [
    { overlapping: 1 },
    [
      ...one,
      got({}),
      ...settled('extend', 1, 900, 'ok'),
      got({ ...again, atMs: 1800 }),
      ...settled('ack', 2, 1900, 'ok'),
    ],
  ],
  'refused in its time': [
    { leasesRefused: 1 },
    [
      ...one,
      got({}),
      ...settled('ack', 1, 500, 'STALE_RECEIPT'),
      got({ ...again, sinceMs: 1000, atMs: 1100 }),
      ...settled('ack', 2, 1200, 'ok'),
    ],
  ],
};

for (const [title, [expected, entries]] of Object.entries(wrong)) {
  test(`notices: ${title}`, () => assert.equal(violationsOf(entries), expected));
}

test('tells what the histories have about a message that was leased to two at a time', () => {
  const checker = new Checker();
  const second = got({ ...again, sinceMs: null, atMs: 500 });
  const acks = [...settled('ack', 1, 600), ...settled('ack', 2, 700, 'ok')];
  for (const entry of [...one, got({}), second, ...acks]) checker.read(entry);
  checker.judge();
  const told =
    'overlapping: message 1, deliveries 1 (token 1) and 2 (token 2); ' +
    '1 (token 1) had by a for 1000, asked for at 0, came at 10, ack at 600: unknown; ' +
    '2 (token 2) had by a for 1000, pushed, came at 500, ack at 700: ok at 710';
  assert.equal(checker.violations, [told]);
});

test('counts leases that were taken before an outage and settled after it', () => {
  const outages = [{ fromMs: 20, toMs: 90 }];
  assert.is(verdictOf(oneAcked, outages).leasesHonoured, 1);
  assert.is(verdictOf(oneAcked, [{ fromMs: 5, toMs: 90 }]).leasesHonoured, 0);
  assert.is(verdictOf(oneAcked, [{ fromMs: 20, toMs: 115 }]).leasesHonoured, 0);
});

test.run();
