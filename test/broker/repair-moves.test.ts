/** Messages that change their queue, in a log of which a repair finds only a part. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeNack } from '../../src/protocol/requests.ts';
import { contradictionIn } from '../../src/queue/contradictions.ts';
import type { State } from '../../src/queue/state.ts';
import { sizes } from '../log/support/small-log.ts';
import { batchesOf, repaired, withoutBatches } from './support/repaired.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('repair of moves');

type Step = (wire: Wire) => Promise<unknown>;

const configure =
  (queue: string, settings: Record<string, unknown>): Step =>
  (wire) =>
    wire.answer(wire.administer('queue.configure', { queue, settings }));

const create =
  (queue: string, settings: Record<string, unknown>): Step =>
  (wire) =>
    wire.answer(wire.administer('queue.create', { queue, settings }));

/** Takes the first message of a queue, and gives it back as failed. */
const fail =
  (queue: string): Step =>
  async (wire) => {
    const { deliveries } = await wire.answer(wire.receive({ queues: [queue] }));
    const receipts = { queue, receipts: deliveries };
    return await wire.answer(wire.ask((writer, id) => writeNack(writer, id, receipts)));
  };

/** What a repair makes of the log of these steps when the batches of those in the middle are lost. */
async function without(before: Step[], lost: Step[], after: Step[]) {
  const rig = new Rig({ log: sizes });
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello());
  const count = () => batchesOf(rig.storage.files()).length;
  for (const step of before) await step(wire);
  const from = count();
  for (const step of lost) await step(wire);
  const to = count();
  for (const step of after) await step(wire);
  await rig.run(100);
  const files = rig.storage.files();
  return await repaired(withoutBatches(files, batchesOf(files).slice(from, to)));
}

function liveOf(state: State): Record<string, number> {
  const queues = [...state.queuesByNumber.values()];
  return Object.fromEntries(queues.map(({ name, live }) => [name, live]));
}

const produced: Step = (wire) => wire.answer(wire.produce({ queue: 'a' }, 'X'));
const ackIn =
  (queue: string): Step =>
  async (wire) => {
    const { deliveries } = await wire.answer(wire.receive({ queues: [queue] }));
    return await wire.answer(wire.ack(queue, ...deliveries));
  };

test('what was acked in a queue of which only that is left stays so', async () => {
  const { report, state } = await without(
    [create('a', { failuresMax: 1 }), produced],
    [configure('a', { deadQueue: 'b' }), fail('a')],
    [ackIn('b')],
  );
  assert.equal(liveOf(state), { a: 0 });
  assert.is(report.mended.moved, 1);
});

test('a message that is left in such a queue is there, under a name for it', async () => {
  const { report, state } = await without(
    [create('a', { failuresMax: 1 }), produced],
    [configure('a', { deadQueue: 'b' }), fail('a')],
    [fail('b')],
  );
  const [name] = report.mended.queuesNamed;
  assert.equal(liveOf(state), { a: 0, [name!]: 1 });
});

test('dead-letter queues that lead round after a hole are parted, and that is told', async () => {
  const { report, state } = await without(
    [create('a', { failuresMax: 1, deadQueue: 'b' })],
    [configure('a', { deadQueue: null })],
    [configure('b', { deadQueue: 'a' })],
  );
  assert.equal(report.mended.deadQueuesCleared, ['a']);
  assert.is(state.required('b').settings.deadQueue, 'a');
  assert.is(contradictionIn(state, 'c', { deadQueue: 'a' }), undefined);
});

test.run();
