// limit: 120 s

/** The shrinker: what it leaves of a seed that fails still fails, and is far smaller. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import './small-limits.ts';
import { makeHastyLog } from './hasty-log.ts';
import { runSeeds } from './seeds.ts';
import { Shrinker } from './shrink.ts';
import { World } from './world.ts';

test('a seed that fails is made smaller and fails still', async () => {
  const all = { first: 1, seeds: 100, seconds: 60, isStrict: true, makeLog: makeHastyLog };
  const { seed } = (await runSeeds(all)).failures[0]!;
  const shrunk = await new Shrinker(seed, makeHastyLog).shrink();
  const { reduction, error, runs, left } = shrunk!;
  console.log(JSON.stringify({ test: 'shrink', seed, steps: reduction.steps, runs, left }));
  assert.ok(reduction.steps < 1500);
  // Which faults they are depends on the seed; without any nobody sees what this log does.
  assert.ok(left.length > 0 && left.length <= 8, left.join());
  const again = new World(seed, { makeLog: makeHastyLog, reduction });
  const message = await again.run().then(
    () => 'it passes',
    (failure: Error) => failure.message,
  );
  assert.is(message, error.message);
});

test('a seed that does not fail has nothing to be made smaller', async () => {
  assert.is(await new Shrinker(1).shrink(), undefined);
});

test.run();
