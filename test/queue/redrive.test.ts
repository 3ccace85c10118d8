// Failing too often: what becomes of a message then, by each way a delivery can fail, and redrive. Row
// E33 of docs/reliability.md.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectSession, disconnectSession } from '../../src/queue/connect.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { purge } from '../../src/queue/purge.ts';
import type { QueueSettings } from '../../src/queue/queue.ts';
import { deadIds, redrive } from '../../src/queue/redrive.ts';
import { viewOf } from './support/replayed.ts';
import { Rig, receiptsOf } from './support/rig.ts';

const test = suite('redrive');

/** With messages in a queue of these settings. */
function rigWith(settings: QueueSettings, messages: number, priority = 0): Rig {
  const rig = new Rig();
  rig.produce('q', messages, priority);
  const queue = rig.state.required('q');
  queue.settings = settings;
  queue.position = rig.recorder.queueSet(queue);
  return rig;
}

function countsOf(rig: Rig) {
  checkInvariants(rig.state);
  assert.equal(viewOf(rig.replayed().state), viewOf(rig.state));
  const { ready, inFlight, dead } = rig.state.required('q');
  return { ready, inFlight, dead };
}

const ways: Readonly<Record<string, (rig: Rig) => void>> = {
  'a nack': (rig) => {
    const [receipt] = receiptsOf(rig.take('q'));
    assert.equal(rig.nack('q', [receipt!], 500), [undefined]);
  },
  'a lease that ran down': (rig) => {
    rig.take('q', { visibilityMs: 50 });
    rig.pass(50);
  },
  'a lease found to have run down': (rig) => {
    const [receipt] = receiptsOf(rig.take('q', { visibilityMs: 50 }));
    rig.nowMs += 50;
    assert.equal(rig.ack('q', [receipt!]), ['STALE_RECEIPT']);
  },
  'a session that is lost': (rig) => {
    const { session } = connectSession(rig.state, 'key', 'name', rig.connection);
    rig.take('q', { session });
    disconnectSession(rig.state, session, rig.nowMs);
    rig.pass(rig.state.options.releaseAfterMs);
  },
};

for (const [way, fail] of Object.entries(ways)) {
  test(`${way} is one failure too many`, () => {
    const rig = rigWith({ failuresMax: 2 }, 1);
    ways['a lease that ran down']!(rig);
    assert.equal(countsOf(rig), { ready: 1, inFlight: 0, dead: 0 });
    fail(rig);
    assert.equal(countsOf(rig), { ready: 0, inFlight: 0, dead: 1 });
    rig.pass(100_000);
    assert.equal(rig.take('q'), []);
  });

  test(`${way} discards where the queue says so`, () => {
    const rig = rigWith({ failuresMax: 1, whenFailed: 'discard' }, 1);
    fail(rig);
    assert.equal(countsOf(rig), { ready: 0, inFlight: 0, dead: 0 });
    assert.is(rig.state.required('q').live, 0);
    assert.is(rig.state.required('q').counters.discarded, 1);
  });
}

test('a release is no failure', () => {
  const rig = rigWith({ failuresMax: 1 }, 1);
  rig.release('q', receiptsOf(rig.take('q')));
  assert.equal(countsOf(rig), { ready: 1, inFlight: 0, dead: 0 });
});

test('a dead message is settled by no receipt, and says so', () => {
  const rig = rigWith({ failuresMax: 1 }, 1);
  const [receipt] = receiptsOf(rig.take('q'));
  rig.nack('q', [receipt!]);
  for (const verb of ['ack', 'nack', 'release'] as const) {
    assert.equal(rig[verb]('q', [receipt!]), ['STALE_RECEIPT']);
  }
  assert.equal(countsOf(rig), { ready: 0, inFlight: 0, dead: 1 });
});

test('what is redriven begins anew in its own place, some of it or all', () => {
  const rig = rigWith({ failuresMax: 1 }, 4);
  rig.nack('q', receiptsOf(rig.take('q', { messages: 3 })));
  const queue = rig.state.required('q');
  assert.equal(deadIds(queue, 9), [1, 2, 3]);
  assert.equal(redrive(rig.state, queue, queue, [2, 2, 4, 99], 'ops'), {
    count: 1,
    refused: [
      { index: 1, code: 'NOT_DEAD' },
      { index: 2, code: 'NOT_DEAD' },
      { index: 3, code: 'GONE' },
    ],
  });
  assert.equal(countsOf(rig), { ready: 2, inFlight: 0, dead: 2 });
  const [first] = rig.take('q', { messages: 1 });
  assert.equal([first!.id, first!.deliveryCount, first!.failureCount], [2, 2, 0]);
  assert.is(redrive(rig.state, queue, queue, deadIds(queue, 9), 'ops').count, 2);
  assert.equal(countsOf(rig), { ready: 3, inFlight: 1, dead: 0 });
  assert.equal(
    rig.take('q', { messages: 9 }).map(({ id }) => id),
    [1, 3, 4],
  );
});

test('no more than a slice at a time, the highest priority first', () => {
  const rig = rigWith({ failuresMax: 1 }, 900);
  rig.produce('q', 300, 7);
  for (let left = 1_200; left > 0; left -= 300) {
    rig.nack('q', receiptsOf(rig.take('q', { messages: 300 })));
  }
  const queue = rig.state.required('q');
  const first = deadIds(queue, 1_000);
  assert.equal([first.length, first[0], first[300]], [1_000, 901, 1]);
  assert.is(redrive(rig.state, queue, queue, first, 'ops').count, 1_000);
  assert.is(redrive(rig.state, queue, queue, deadIds(queue, 1_000), 'ops').count, 200);
  assert.equal(countsOf(rig), { ready: 1_200, inFlight: 0, dead: 0 });
});

test('a purge takes the dead ones too', () => {
  const rig = rigWith({ failuresMax: 1 }, 2);
  rig.nack('q', receiptsOf(rig.take('q')));
  assert.is(purge(rig.state, rig.state.required('q')), 2);
  while (rig.state.isFreeing) rig.pass(1);
  assert.equal(countsOf(rig), { ready: 0, inFlight: 0, dead: 0 });
});

test.run();
