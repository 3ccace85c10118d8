/**
 * How long a message waits after it failed: by the settings of its queue, or as its nack says.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { backOffMs } from '../../src/queue/back-off.ts';
import type { QueueSettings } from '../../src/queue/queue.ts';
import { messagesOf } from './support/replayed.ts';
import { Rig, receiptsOf } from './support/rig.ts';

const test = suite('back-off');

const waits = (settings: QueueSettings, id = 7) =>
  [1, 2, 3, 4, 60, 1_000_000].map((failures) => backOffMs(settings, failures, id, failures));

test('none, fixed and linear', () => {
  assert.equal(waits({}), [0, 0, 0, 0, 0, 0]);
  assert.equal(waits({ backoffMs: 50 }), [50, 50, 50, 50, 50, 50]);
  const linear = waits({ backoffMs: 50, backoff: 'linear', backoffMsMax: 160 });
  assert.equal(linear, [50, 100, 150, 160, 160, 160]);
});

test('exponential, within the upper half of each doubling, up to the bound', () => {
  const settings = { backoffMs: 100, backoff: 'exponential', backoffMsMax: 350 } as const;
  const most = [100, 200, 350, 350, 350, 350];
  const seen = new Set<number>();
  for (let id = 1; id < 2_000; id += 1) {
    for (const [at, wait] of waits(settings, id).entries()) {
      assert.ok(wait >= most[at]! / 2 && wait <= most[at]!, `${wait} of ${most[at]}`);
      assert.ok(Number.isInteger(wait));
      if (at === 0) seen.add(wait);
    }
  }
  assert.is(seen.size, 50, 'spread over all of it');
  assert.equal(waits(settings, 2 ** 40 + 1), waits(settings, 2 ** 40 + 1));
  const [, , , , , last] = waits({ backoffMs: 1, backoff: 'exponential' });
  assert.ok(last! <= limits.delayMsMax && last! >= limits.delayMsMax / 2);
});

function failing(settings: QueueSettings): Rig {
  const rig = new Rig();
  rig.produce('q', 1);
  rig.state.required('q').settings = settings;
  return rig;
}

const delaysOf = (rig: Rig) =>
  messagesOf(rig.state, 'q').map(({ dueMs }) => (dueMs === 0 ? 0 : dueMs - rig.nowMs));

test('it holds for every way to fail, but not for a release', () => {
  const rig = failing({ backoffMs: 400, backoff: 'linear', visibilityMs: 1_000 });
  rig.nack('q', receiptsOf(rig.take('q')));
  assert.equal(delaysOf(rig), [400]);
  rig.pass(400);
  rig.take('q');
  rig.pass(1_000);
  assert.equal(delaysOf(rig), [800]);
  rig.pass(800);
  rig.release('q', receiptsOf(rig.take('q')));
  assert.equal(delaysOf(rig), [0]);
});

test('a nack that names a delay has that, also none', () => {
  const rig = failing({ backoffMs: 400 });
  rig.nack('q', receiptsOf(rig.take('q')), 7);
  assert.equal(delaysOf(rig), [7]);
  rig.pass(7);
  rig.nack('q', receiptsOf(rig.take('q')), 0);
  assert.equal(delaysOf(rig), [0]);
});

test.run();
