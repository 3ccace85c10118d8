// Who waits: until when, in which lines, and what becomes of a queue that was only waited for.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { idsOf, Rig } from './support/rig.ts';

test('a taker stands in the line of each of its queues, once, and leaves all of them', () => {
  const rig = new Rig();
  rig.produce('a');
  rig.produce('b');
  const [a, b] = [rig.state.required('a'), rig.state.required('b')];
  const taker = rig.receive(['a', 'b', 'a'], { waitMs: 100 });
  assert.equal([a.line.size, b.line.size, a.takerCount, b.takerCount], [1, 1, 2, 1]);
  rig.leave(taker);
  assert.equal([a.line.size, b.line.size, a.takerCount, b.takerCount], [0, 0, 0, 0]);
  assert.is(rig.state.takers.size, 0);
});

test('each waits until its own time, and a handle is used again', () => {
  const rig = new Rig();
  const late = rig.receive('a', { waitMs: 500 });
  const soon = rig.receive('a', { waitMs: 100 });
  const forEver = rig.subscribe('a');
  const pass = (ms: number) => {
    rig.pass(ms);
    rig.dispatch();
  };
  pass(99);
  assert.equal(rig.empties, []);
  pass(1);
  assert.equal(
    rig.empties.map(({ requestId }) => requestId),
    [soon.requestId],
  );
  const again = rig.receive('a', { waitMs: 1_000 });
  pass(400);
  assert.is(rig.empties[1], late);
  pass(600);
  assert.is(rig.empties[2], again);
  pass(10_000_000);
  assert.equal([...rig.state.takers.all()], [forEver]);
});

test('more receives than one slice give up over several slices', () => {
  const rig = new Rig();
  for (let number = 0; number < 2_500; number += 1) rig.receive('a', { waitMs: 10 });
  rig.nowMs += 10;
  assert.is(rig.expire(), 3);
  rig.dispatch();
  assert.is(rig.empties.length, 2_500);
  assert.is(rig.state.queuesByName.size, 0);
});

test('a queue that never existed is forgotten with the last one who wants it', () => {
  const rig = new Rig();
  const first = rig.receive('a', { waitMs: 10 });
  const second = rig.receive(['a', 'b'], { waitMs: 10 });
  rig.leave(first);
  assert.equal([...rig.state.queuesByName.keys()], ['a', 'b']);
  rig.leave(second);
  assert.is(rig.state.queuesByName.size, 0);
  assert.is(rig.recorder.facts.length, 0, 'waiting is no fact');
});

test('a subscription out of credit still gets what is produced to a queue made later', () => {
  const rig = new Rig();
  const taker = rig.subscribe('later', { messages: 0 });
  rig.leave(rig.receive('later', { waitMs: 10 }));
  rig.produce('later', 2);
  const passing = rig.receive('later', { waitMs: 10 });
  rig.leave(passing);
  taker.messages += 5;
  rig.unblock(rig.connection);
  rig.dispatch();
  assert.equal(idsOf(rig.takenBy(taker)), [1, 2]);
  rig.leave(taker);
  assert.ok(rig.state.existing('later') !== undefined);
});

test.run();
