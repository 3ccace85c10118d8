/**
 * What is known of each failure of a message, and where it goes after the last one.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { connectSession } from '../../src/queue/connect.ts';
import { contradictionIn } from '../../src/queue/contradictions.ts';
import { IdList } from '../../src/queue/id-list.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { RETURNED_EXPIRED, RETURNED_NACKED } from '../../src/queue/journal.ts';
import { deleteQueue } from '../../src/queue/purge.ts';
import type { QueueSettings } from '../../src/queue/queue.ts';
import { deadIds, redrive } from '../../src/queue/redrive.ts';
import { Survey } from '../../src/queue/relocate.ts';
import { messagesOf, viewOf } from './support/replayed.ts';
import { Rig, receiptsOf } from './support/rig.ts';

const test = suite('failures');

function rigWith(settings: QueueSettings, messages = 1): Rig {
  const rig = new Rig();
  rig.produce('q', messages);
  rig.produce('letters', 1);
  const queue = rig.state.required('q');
  queue.settings = settings;
  queue.position = rig.recorder.queueSet(queue);
  return rig;
}

/** Also of a state that replays what was written. */
function check(rig: Rig): void {
  checkInvariants(rig.state);
  assert.equal(viewOf(rig.replayed().state), viewOf(rig.state));
}

const failuresIn = (rig: Rig, name: string) =>
  messagesOf(rig.state, name).map(({ failures }) => failures);

test('each failure is kept: when, how, by whom and why', () => {
  const rig = rigWith({});
  const { session } = connectSession(rig.state, 'key', 'mailer', rig.connection);
  const [receipt] = receiptsOf(rig.take('q', { session }));
  const nackedMs = rig.nowMs;
  rig.nack('q', [receipt!], 0, session, 'no such address');
  rig.take('q', { visibilityMs: 10 });
  rig.pass(10);
  assert.equal(failuresIn(rig, 'q'), [
    [
      { atMs: nackedMs, reason: RETURNED_NACKED, consumer: 'mailer', text: 'no such address' },
      { atMs: rig.nowMs, reason: RETURNED_EXPIRED, consumer: '', text: '' },
    ],
  ]);
  check(rig);
  rig.ack('q', receiptsOf(rig.take('q')));
  assert.equal([rig.state.leases.failures.size, rig.state.leases.failures.textCount], [0, 0]);
});

test('the last sixteen are kept', () => {
  const rig = rigWith({});
  for (let failure = 1; failure <= 40; failure += 1) {
    rig.nack('q', receiptsOf(rig.take('q')), 0, undefined, `failure ${failure}`);
  }
  const [failures] = failuresIn(rig, 'q');
  assert.is(failures!.length, limits.failuresKeptMax);
  assert.equal([failures![0]!.text, failures!.at(-1)!.text], ['failure 25', 'failure 40']);
  assert.is(rig.state.leases.failures.textCount, limits.failuresKeptMax);
  check(rig);
});

test('failures of several consumers in one slice are told apart', () => {
  const rig = rigWith({}, 4);
  for (const key of ['a', 'b']) {
    const { session } = connectSession(rig.state, key, `of ${key}`, rig.connection);
    rig.take('q', { session, visibilityMs: 10, messages: 2 });
  }
  rig.pass(10);
  const names = failuresIn(rig, 'q').map(([failure]) => failure!.consumer);
  assert.equal(names, ['of a', 'of a', 'of b', 'of b']);
  check(rig);
});

test('a dead-letter queue gets what failed too often, with its history', () => {
  const rig = rigWith({ failuresMax: 2, deadQueue: 'letters' });
  for (const why of ['first', 'second']) {
    rig.nack('q', receiptsOf(rig.take('q')), 0, undefined, why);
  }
  assert.is(rig.state.required('q').live, 0);
  const [letter, other] = messagesOf(rig.state, 'letters');
  assert.equal([letter!.id, letter!.deliveryCount, letter!.failureCount], [1, 2, 0]);
  assert.equal(
    letter!.failures.map(({ text }) => text),
    ['first', 'second'],
  );
  assert.is(other!.id, 2, 'its place is that of its ID');
  assert.is(rig.state.required('q').counters.moved, 1);
  check(rig);
  assert.equal(rig.ack('letters', receiptsOf(rig.take('letters', { messages: 1 }))), [undefined]);
  check(rig);
});

test('where the dead-letter queue was deleted, it is dead in its own', () => {
  const rig = rigWith({ failuresMax: 1, deadQueue: 'letters' });
  deleteQueue(rig.state, rig.state.required('letters'));
  rig.nack('q', receiptsOf(rig.take('q')));
  assert.is(rig.state.required('q').dead, 1);
  check(rig);
});

test('a redrive may lead to another queue, and back', () => {
  const rig = rigWith({ failuresMax: 1 }, 3);
  rig.nack('q', receiptsOf(rig.take('q', { messages: 3 })));
  const queue = rig.state.required('q');
  const letters = rig.state.required('letters');
  assert.is(redrive(rig.state, queue, letters, deadIds(queue, 2), 'ops').count, 2);
  assert.equal([queue.dead, letters.ready], [1, 3]);
  letters.settings = { failuresMax: 1, deadQueue: 'q' };
  letters.position = rig.recorder.queueSet(letters);
  rig.nack('letters', receiptsOf(rig.take('letters', { messages: 1 })));
  assert.equal(
    messagesOf(rig.state, 'q').map(({ id }) => id),
    [1, 3],
  );
  check(rig);
});

test('a walk over all messages finds one that changes its queue meanwhile', () => {
  const rig = rigWith({ failuresMax: 1, deadQueue: 'letters' });
  const boundary = rig.recorder.end;
  const survey = new Survey(rig.state, boundary);
  const ids = new IdList(10);
  const found = new Set<string>();
  const look = () => {
    const queue = survey.next(ids, 1_000);
    for (const id of ids.toArray()) found.add(`${queue!.name} ${id}`);
    return queue;
  };
  for (let queue = look(); queue?.name !== 'letters'; queue = look());
  assert.ok(found.has('letters 2') !== found.has('q 1') || found.size === 2);
  rig.nack('q', receiptsOf(rig.take('q')));
  while (look() !== undefined);
  assert.ok(found.has('letters 1'), [...found].join());
  assert.is(rig.state.surveys.size, 0);
});

const contradictions: readonly [QueueSettings, string | undefined][] = [
  [{ backoff: 'linear' }, 'backoff'],
  [{ backoffMsMax: 9 }, 'backoffMsMax'],
  [{ backoffMs: 10, backoffMsMax: 9 }, 'backoffMsMax'],
  [{ backoffMs: 10, backoffMsMax: 10, backoff: 'fixed' }, undefined],
  [{ deadQueue: 'letters', whenFailed: 'discard' }, 'deadQueue'],
  [{ deadQueue: 'letters', whenFailed: 'dead' }, undefined],
  [{ deadQueue: 'q' }, 'deadQueue'],
  [{ deadQueue: 'far' }, 'deadQueue'],
  [{ deadQueue: 'nowhere' }, undefined],
];

test('settings that make no sense together', () => {
  const rig = rigWith({});
  rig.produce('far', 1);
  rig.state.required('far').settings = { deadQueue: 'letters' };
  rig.state.required('letters').settings = { deadQueue: 'q' };
  for (const [settings, field] of contradictions) {
    const expected = settings.deadQueue === 'letters' && field === undefined ? 'deadQueue' : field;
    assert.is(contradictionIn(rig.state, 'q', settings)?.field, expected, JSON.stringify(settings));
  }
  rig.state.required('letters').settings = {};
  assert.is(contradictionIn(rig.state, 'q', { deadQueue: 'far' }), undefined);
});

test.run();
