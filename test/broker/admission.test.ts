/**
 * Admission comes first: of a request that is refused, nothing was executed, and nothing of it
 * stays behind. Row E34 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { Rig, type RigOptions } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('admission (E34)');
const session = Buffer.alloc(16, 7);

async function greeted(options?: RigOptions): Promise<{ rig: Rig; wire: Wire }> {
  const rig = new Rig(options);
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello({ session }));
  return { rig, wire };
}

test('a receive that is refused acknowledges nothing and leaves nothing open', async () => {
  const { rig, wire } = await greeted({ settings: { createQueues: false } });
  await wire.answer(wire.administer('queue.create', { queue: 'q' }));
  await wire.answer(wire.produce({ queue: 'q' }, 'a'));
  const got = await wire.answer(wire.receive({ queues: ['q'], detached: false }));
  const acks = [{ queue: 'q', receipts: [got.deliveries[0]!] }];
  const receive = wire.receive({ queues: ['q', 'none'], acks, sequence: 1 });
  assert.is((await wire.answer(receive)).code, 'QUEUE_NOT_FOUND');
  assert.is(wire.connection.openSequenced, 0);
  const ack = await wire.answer(wire.ack('q', got.deliveries[0]!));
  assert.is(ack.codes, undefined, 'the receipt is still valid');
  assert.is(rig.inside.state.required('q').takerCount, 0);
});

test('a receive that one of its queues refuses leaves none of the others behind', async () => {
  const { rig, wire } = await greeted();
  const { state } = rig.inside;
  // As many names as there may be, but for one.
  for (let number = 1; number < limits.queuesMax; number += 1) state.entered(`queue-${number}`);
  const receive = wire.receive({ queues: ['last', 'one-too-many'] });
  assert.is((await wire.answer(receive)).code, 'BUSY');
  assert.not(state.queuesByName.has('last'));
});

test('a queue whose dead-letter queue finds no room is neither made nor changed', async () => {
  const { rig, wire } = await greeted();
  const { state } = rig.inside;
  await wire.answer(wire.administer('queue.create', { queue: 'there' }));
  for (let number = 2; number < limits.queuesMax; number += 1) state.entered(`queue-${number}`);
  const settings = { failuresMax: 1, deadQueue: 'letters' };
  const create = await wire.answer(wire.administer('queue.create', { queue: 'last', settings }));
  assert.is(create.code, 'BUSY');
  assert.not(state.queuesByName.has('last'));
  state.entered('last');
  const configured = wire.administer('queue.configure', { queue: 'there', settings });
  assert.is((await wire.answer(configured)).code, 'BUSY');
  assert.equal(state.required('there').settings, {});
});

test('a create sent again after the queue was deleted gets its first answer', async () => {
  const { wire } = await greeted();
  const create = () => wire.answer(wire.administer('queue.create', { queue: 'q' }, 1));
  const pause = () => wire.answer(wire.administer('queue.pause', { queue: 'q' }, 2));
  assert.is((await create()).code, undefined);
  await pause();
  await wire.answer(wire.administer('queue.delete', { queue: 'q' }));
  for (const again of [create, pause]) {
    const answer = await again();
    assert.is(answer.code, undefined);
    assert.equal(answer.value, { name: 'q' });
  }
});

test('administration counts among the requests that a session may have open', async () => {
  const { wire } = await greeted();
  wire.connection.openSequenced = limits.sessionAnswersMax;
  const create = () => wire.answer(wire.administer('queue.create', { queue: 'q' }, 1));
  assert.is((await create()).code, 'BUSY');
  wire.connection.openSequenced = 0;
  assert.is((await create()).code, undefined);
});

test('on a full disk no queue is created, while queues are emptied and deleted', async () => {
  const { rig, wire } = await greeted();
  await wire.answer(wire.produce({ queue: 'q' }, 'a'));
  rig.inside.admission.reserveHalves = 1;
  const code = async (verb: string, queue: string) =>
    (await wire.answer(wire.administer(verb, { queue }))).code;
  assert.is(await code('queue.create', 'other'), 'DISK_FULL');
  for (const verb of ['queue.pause', 'queue.purge', 'queue.delete']) {
    assert.is(await code(verb, 'q'), undefined, verb);
  }
});

test.run();
