// A repair of a log that has lost why the next message of a group could be delivered.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeProduce } from '../../src/protocol/requests.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import { sizes } from '../log/support/small-log.ts';
import { batchesOf, repaired, withoutBatches } from './support/repaired.ts';
import { Rig } from './support/rig.ts';

const test = suite('repair of groups');

test('of a group one is out, also where the end of the one before it is lost', async () => {
  const rig = new Rig({ log: sizes });
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello());
  const messages = ['A', 'B', 'C'].map((body) => ({ body: Buffer.from(body), group: 'g' }));
  await wire.answer(wire.ask((writer, id) => writeProduce(writer, id, { queue: 'q', messages })));
  const receive = async () => {
    const id = wire.receive({ queues: ['q'], visibilityMs: 600_000, detached: true });
    return (await wire.answer(id)).deliveries;
  };
  const count = () => batchesOf(rig.storage.files()).length;
  const first = await receive();
  const from = count();
  await wire.answer(wire.ack('q', ...first));
  const to = count();
  const [second] = await receive();
  await rig.run(100);
  const files = rig.storage.files();
  const hole = batchesOf(files).slice(from, to);
  const { state } = await repaired(withoutBatches(files, hole));
  checkInvariants(state);
  const queue = state.required('q');
  assert.equal([queue.inFlight, queue.behind, queue.available], [1, 2, 0]);
  assert.is([...queue.groups!.all()][0]!.out, second!.id);
});

test.run();
