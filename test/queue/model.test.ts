// The rules against the naive model: random commands, every outcome, order, count and state compared.
// Prints how often each rare path was taken; one that was never taken is a failure.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { printedSeed, seededRandom } from '../support/random.ts';
import { randomCommand } from './support/commands.ts';
import { Comparison } from './support/comparison.ts';

const rounds = 14;
const steps = 1_500;

const rarePaths = ['ack', 'nack', 'release', 'extend']
  .flatMap((what) => [`${what} done`, `${what} STALE_RECEIPT`, `${what} GONE`])
  .concat('opened', 'resumed', 'answered empty', 'gave up waiting', 'redriven', 'browsed')
  .concat('browsed over pages', 'dead at delivery', 'expired at delivery')
  .concat('duplicate', 'first of its ID', 'refused as full', 'dropped', 'made by a template')
  .concat(['delete', 'move'].flatMap((what) => [`${what} ok`, `${what} GONE`, `${what} CHANGED`]));

test('random commands end as the model says', () => {
  const seed = printedSeed('model');
  const reached = new Map<string, number>(rarePaths.map((path) => [path, 0]));
  for (let round = 0; round < rounds; round += 1) {
    const random = seededRandom(seed + round * 2 ** 32);
    const comparison = new Comparison();
    let step = 0;
    try {
      for (; step < steps; step += 1) {
        randomCommand(comparison, random);
        if (step % 25 === 0) comparison.compare();
      }
      comparison.expireAll();
      comparison.dispatch();
      comparison.compare();
    } catch (error) {
      console.log(`round ${round}, step ${step}`);
      throw error;
    }
    for (const [path, count] of comparison.reached)
      reached.set(path, (reached.get(path) ?? 0) + count);
  }
  console.log(JSON.stringify({ test: 'model', rounds, steps, ...Object.fromEntries(reached) }));
  for (const [path, count] of reached) assert.ok(count > 0, `${path} was never reached`);
});

test.run();
