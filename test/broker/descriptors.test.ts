/**
 * No file descriptor is left when the log needs its next segment: what changes anything is refused,
 * nothing ends, and all goes on by itself; a stop does not wait for it. Row E18 of
 * docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { smallSizes } from '../simulation/small-limits.ts';
import { systemError } from '../simulation/storage.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('descriptors (E18)');
const body = 'x'.repeat(900);
const log = { ...smallSizes, segmentBytes: 8 * 1024 };

/** A broker that waits for its next segment, and how many produces it confirmed before. */
async function stalled(): Promise<{ rig: Rig; wire: Wire; confirmed: number }> {
  const rig = new Rig({ log });
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello());
  rig.storage.fault = (asked) => (asked === 'open' ? systemError('EMFILE', asked) : undefined);
  let confirmed = -1;
  for (let last = 0; !rig.log.stalled; confirmed += 1) {
    last = wire.produce({ queue: 'q' }, body);
    await rig.until(() => wire.answerTo(last) !== undefined || rig.log.stalled);
  }
  return { rig, wire, confirmed };
}

test('what changes anything is refused until there is one again', async () => {
  const { rig, wire, confirmed } = await stalled();
  assert.ok(confirmed > 3);
  const refused = wire.produce({ queue: 'q' }, body);
  await rig.run(10_000);
  assert.is(wire.answerTo(refused), undefined, 'it is told in order, behind what is not written');
  assert.is(rig.end, undefined);
  rig.storage.fault = () => undefined;
  await rig.until(() => !rig.log.stalled);
  assert.is((await wire.answer(refused)).code, 'UNAVAILABLE');
  assert.is((await wire.answer(wire.produce({ queue: 'q' }, body))).code, undefined);
  await rig.restart('power');
  assert.is(rig.inside.state.required('q').live, confirmed + 2);
});

test('a stop does not wait for one, and says why', async () => {
  const { rig, confirmed } = await stalled();
  rig.broker.stop();
  await rig.until(() => rig.end !== undefined);
  assert.is(rig.end!.how, 'failed');
  assert.match((rig.end as { error: Error }).error.message, 'EMFILE');
  rig.storage.fault = () => undefined;
  await rig.restart('kill');
  assert.is(rig.inside.state.required('q').live, confirmed);
});

test('a body for which none is left is read when there is one again', async () => {
  const rig = new Rig({ log: { ...log, tailCacheBytes: 4096, readCacheBytes: 4096 } });
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello());
  for (let made = 0; made < 12; made += 1) {
    await wire.answer(wire.produce({ queue: 'q' }, `${made}:${body}`));
  }
  let asked = 0;
  rig.storage.fault = (operation, name) => {
    if (operation !== 'open' || name !== '0000000001.wq') return undefined;
    asked += 1;
    return systemError('EMFILE', operation);
  };
  const receive = wire.receive({ queues: ['q'] });
  await rig.run(2000);
  assert.ok(asked > 5 && asked < 50, `it asked ${asked} times`);
  assert.is(rig.end, undefined);
  rig.storage.fault = () => undefined;
  const { deliveries } = await wire.answer(receive);
  assert.match(deliveries[0]!.body, /^0:/);
});

test.run();
