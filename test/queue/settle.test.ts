// Receipts: which are valid, for whom, until when, and what each request does with a message. Row E35
// of docs/reliability.md.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectSession, disconnectSession } from '../../src/queue/connect.ts';
import { RETURNED_EXPIRED } from '../../src/queue/journal.ts';
import { messagesOf } from './support/replayed.ts';
import { idsOf, type Receipt, Rig, receiptsOf } from './support/rig.ts';

function session(rig: Rig, key: string) {
  return connectSession(rig.state, key, key, rig.connection).session;
}

/** One message, leased by nobody in particular for a second. */
function leased(): { rig: Rig; receipt: Receipt } {
  const rig = new Rig();
  rig.produce('q');
  const [receipt] = receiptsOf(rig.take('q', { visibilityMs: 1_000 }));
  return { rig, receipt: receipt! };
}

const requests = ['ack', 'nack', 'release', 'extend'] as const;

for (const what of requests) {
  test(`${what}: a receipt is valid until exactly its deadline`, () => {
    const early = leased();
    early.rig.nowMs += 999;
    assert.equal(early.rig[what]('q', [early.receipt]), [undefined]);
    const late = leased();
    late.rig.nowMs += 1_000;
    assert.equal(late.rig[what]('q', [late.receipt]), ['STALE_RECEIPT'], 'expired, not yet swept');
    const [returned] = late.rig.recorder.of('returned');
    assert.is(
      returned?.how.reason,
      RETURNED_EXPIRED,
      'its end is written before the refusal is told',
    );
    const facts = late.rig.recorder.facts.length;
    late.rig.expire();
    assert.equal(late.rig[what]('q', [late.receipt]), ['STALE_RECEIPT'], 'swept');
    assert.is(late.rig.recorder.facts.length, facts, 'nothing more is written');
    late.rig.take('q');
    assert.equal(late.rig[what]('q', [late.receipt]), ['STALE_RECEIPT'], 'superseded');
  });

  test(`${what}: a lease of a session is valid in that session only`, () => {
    const rig = new Rig();
    const [mine, other] = [session(rig, 'mine'), session(rig, 'other')];
    rig.produce('q');
    const receipts = receiptsOf(rig.take('q', { session: mine }));
    const ask = (asking: typeof mine | undefined) =>
      what === 'nack' || what === 'extend'
        ? rig[what]('q', receipts, 0, asking)
        : rig[what]('q', receipts, asking);
    assert.equal(ask(other), ['STALE_RECEIPT']);
    assert.equal(ask(undefined), ['STALE_RECEIPT']);
    assert.equal(ask(mine), [undefined]);
  });

  test(`${what}: a detached lease is valid for whoever has the receipt`, () => {
    const inSession = leased();
    const other = session(inSession.rig, 'other');
    const more = what === 'nack' || what === 'extend' ? ([0, other] as const) : ([other] as const);
    const { rig, receipt } = inSession;
    const ask = rig[what] as (name: string, receipts: Receipt[], ...more: unknown[]) => unknown[];
    assert.equal(ask.call(rig, 'q', [receipt], ...more), [undefined]);
    const without = leased();
    assert.equal(without.rig[what]('q', [without.receipt]), [undefined]);
  });

  test(`${what}: made-up tokens, IDs and queues change nothing`, () => {
    const { rig, receipt } = leased();
    rig.produce('other');
    const [id, token] = receipt;
    const before = messagesOf(rig.state, 'q');
    const facts = rig.recorder.facts.length;
    const made: Receipt[] = [
      [id, token + 1],
      [id, token - 1],
      [id, 0],
      [id + 1, token],
      [0, token],
      [2 ** 52, token],
    ];
    const stale = ['STALE_RECEIPT', 'STALE_RECEIPT', 'STALE_RECEIPT', 'GONE', 'GONE', 'GONE'];
    assert.equal(rig[what]('q', made), stale);
    assert.equal(rig[what]('other', [receipt]), ['GONE'], 'it is in another queue');
    assert.equal(rig[what]('unknown', [receipt]), ['GONE']);
    assert.equal(messagesOf(rig.state, 'q'), before);
    assert.is(rig.recorder.facts.length, facts);
  });
}

test('an acknowledged message is gone, also within one batch', () => {
  const rig = new Rig();
  rig.produce('q', 3);
  const [first, second, third] = receiptsOf(rig.take('q'));
  assert.equal(rig.ack('q', [first!, second!, first!, [99, 1]]), [
    undefined,
    undefined,
    'GONE',
    'GONE',
  ]);
  assert.equal(rig.ack('q', [second!, third!]), ['GONE', undefined]);
  assert.equal(
    rig.recorder.of('settled').map(({ ids }) => ids),
    [[1, 2], [3]],
  );
  assert.is(rig.recorder.liveBytes, 0);
  assert.is(rig.state.leases.size, 0);
});

test('a receipt given back twice is stale the second time', () => {
  const { rig, receipt } = leased();
  assert.equal(rig.release('q', [receipt, receipt]), [undefined, 'STALE_RECEIPT']);
  assert.equal(rig.recorder.of('returned')[0]!.ids, [receipt[0]]);
});

test('nack counts a failure and delays, release does neither', () => {
  const { rig, receipt } = leased();
  rig.nack('q', [receipt], 300);
  assert.equal(rig.take('q'), [], 'not before its delay ends');
  rig.pass(299);
  assert.equal(rig.take('q'), []);
  rig.pass(1);
  const [again] = rig.take('q');
  assert.equal([again!.deliveryCount, again!.failureCount], [2, 1]);
  rig.release('q', [[again!.id, again!.token]]);
  const [third] = rig.take('q');
  assert.equal([third!.deliveryCount, third!.failureCount], [3, 1]);
  assert.ok(third!.token > again!.token && again!.token > receipt[1]);
});

test('extend counts from now, may shorten, and takes the queue as its default', () => {
  const { rig, receipt } = leased();
  rig.nowMs += 900;
  assert.equal(rig.extend('q', [receipt], 5_000), [undefined]);
  rig.pass(4_999);
  assert.equal(rig.extend('q', [receipt], 10), [undefined]);
  rig.pass(9);
  assert.equal(rig.extend('q', [receipt, receipt]), [undefined, undefined]);
  rig.pass(29_999);
  assert.is(rig.state.required('q').inFlight, 1);
  rig.pass(1);
  assert.equal(rig.extend('q', [receipt]), ['STALE_RECEIPT']);
  assert.equal(messagesOf(rig.state, 'q')[0]!.failureCount, 1);
});

test('what comes back takes its own place: priority, then ID', () => {
  const rig = new Rig();
  rig.produce('q', 3, 5);
  rig.produce('q', 3, 0);
  rig.produce('q', 2, 9);
  const taken = rig.take('q', { messages: 6 });
  assert.equal(idsOf(taken), [7, 8, 1, 2, 3, 4]);
  const receipts = receiptsOf(taken);
  rig.nack('q', [receipts[4]!, receipts[1]!]);
  rig.release('q', [receipts[5]!, receipts[2]!]);
  assert.equal(idsOf(rig.take('q', { messages: 3 })), [8, 1, 3]);
  assert.equal(idsOf(rig.take('q')), [4, 5, 6]);
});

test('a session that came back in time can still ack what it holds', () => {
  const rig = new Rig();
  const mine = session(rig, 'mine');
  rig.produce('q');
  const receipts = receiptsOf(rig.take('q', { session: mine }));
  disconnectSession(rig.state, mine, rig.nowMs);
  rig.pass(4_999);
  const again = connectSession(rig.state, 'mine', 'mine', {});
  assert.equal([again.resumed, again.session], [true, mine]);
  rig.pass(4_999);
  assert.equal(rig.ack('q', receipts, mine), [undefined]);
});

test.run();
