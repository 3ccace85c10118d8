// Browsing: every message of a state once, in the order of delivery, a slice at a time, while messages
// come, go and change between the pages; and nothing changes by it. Row E37 of docs/reliability.md.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { browse, type Place } from '../../src/queue/browse.ts';
import { DEAD, DELAYED, IN_FLIGHT, type MessageState, READY } from '../../src/queue/chunk.ts';
import { printedSeed, seededRandom } from '../support/random.ts';
import { Rig, receiptsOf } from './support/rig.ts';

const test = suite('browse');

/** The IDs of all pages, and how many pages it took. */
function all(rig: Rig, most: number, state?: MessageState, from?: Place) {
  const ids: number[] = [];
  let pages = 0;
  for (let after = from; ; ) {
    const page = browse(rig.state.required('q'), after, state, most);
    assert.ok(page.places.length <= most);
    ids.push(...page.places.map(({ id }) => id));
    pages += 1;
    if (page.next === undefined) return { ids, pages };
    after = page.next;
  }
}

function several(): Rig {
  const rig = new Rig();
  rig.produce('q', 3);
  rig.produce('q', 2, 7);
  rig.produce('q', 1, 0, 5_000);
  rig.produce('q', 1, 255);
  return rig;
}

test('the highest priority first, then the lowest ID, whatever the size of a page', () => {
  for (let most = 1; most < 9; most += 1) {
    assert.equal(all(several(), most).ids, [7, 4, 5, 1, 2, 3, 6], `${most} a page`);
  }
});

test('by state', () => {
  const rig = several();
  rig.state.required('q').settings = { failuresMax: 1 };
  const [first, second] = rig.take('q', { messages: 2 });
  rig.nack('q', receiptsOf([second!]));
  assert.equal(all(rig, 2, READY).ids, [5, 1, 2, 3]);
  assert.equal(all(rig, 2, IN_FLIGHT).ids, [first!.id]);
  assert.equal(all(rig, 2, DELAYED).ids, [6]);
  assert.equal(all(rig, 2, DEAD).ids, [second!.id]);
});

test('an empty queue, and one that was emptied', () => {
  const rig = new Rig();
  rig.produce('q', 1);
  rig.ack('q', receiptsOf(rig.take('q')));
  assert.equal(all(rig, 10), { ids: [], pages: 1 });
});

test('a cursor is a place: what stood there may be gone', () => {
  const rig = several();
  const page = browse(rig.state.required('q'), undefined, undefined, 3);
  assert.equal(page.next, { priority: 7, id: 5 });
  rig.ack('q', receiptsOf(rig.take('q', { messages: 4 })));
  rig.produce('q', 1, 100);
  rig.produce('q', 1, 1);
  assert.equal(
    all(rig, 10, undefined, page.next).ids,
    [9, 2, 3, 6],
    'what came in front is not seen',
  );
});

test('what stays is seen once while others come and go between the pages', () => {
  const random = seededRandom(printedSeed('browse'));
  const rig = new Rig();
  for (const priority of [0, 9, 200]) rig.produce('q', 2_000, priority);
  const receipts = random.shuffle(receiptsOf(rig.take('q', { messages: 500 })));
  while (receipts.length < 4_500) receipts.push(...receiptsOf(rig.take('q', { messages: 500 })));
  const seen: number[] = [];
  let after: Place | undefined;
  do {
    const page = browse(rig.state.required('q'), after, undefined, random.integer(1, 400));
    seen.push(...page.places.map(({ id }) => id));
    after = page.next;
    rig.ack('q', receipts.splice(0, random.integer(1, 300)));
    rig.produce('q', random.integer(1, 20), random.pick([0, 9, 200]));
  } while (after !== undefined);
  assert.is(new Set(seen).size, seen.length, 'none is seen twice');
  const wasSeen = new Set(seen);
  const stayed = all(rig, 1_000).ids.filter((id) => id <= 6_000);
  assert.ok(stayed.length > 1_000 && stayed.every((id) => wasSeen.has(id)));
});

test('one call looks at one slice, and goes on where it found nothing', () => {
  const rig = new Rig();
  rig.produce('q', 2_500, 0, 1_000);
  rig.produce('q', 1);
  const { ids, pages } = all(rig, 10, IN_FLIGHT);
  assert.equal([ids, pages], [[], 3]);
  const page = browse(rig.state.required('q'), undefined, IN_FLIGHT, 10);
  assert.equal(page, { places: [], next: { priority: 0, id: limits.sliceMessagesMax } });
});

test('chunks without a ready or dead message are passed at once', () => {
  const rig = new Rig();
  rig.produce('q', 100_000, 0, 1_000);
  rig.produce('q', 1);
  assert.equal(all(rig, 10, READY), { ids: [100_001], pages: 1 });
  assert.equal(all(rig, 10, DEAD), { ids: [], pages: 1 });
});

test('nothing is written, and nothing leaves the state it is in', () => {
  const rig = several();
  rig.take('q', { messages: 1 });
  const before = [rig.recorder.facts.length, { ...rig.state.required('q').counters }];
  all(rig, 2);
  assert.equal([rig.recorder.facts.length, rig.state.required('q').counters], before);
  assert.equal(rig.state.leases.deliveryCounts.filter((count) => count > 0).length, 1);
});

test.run();
