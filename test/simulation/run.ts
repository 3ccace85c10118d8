/**
 * Runs seeds of the simulation by hand: `npm run simulate -- --seed N [--seeds COUNT] [--trace]
 * [--seconds S]`. Prints a line for each seed that fails, and at the end what happened how often.
 */
import { parseArgs } from 'node:util';
import { printedSeed } from '../support/random.ts';
import './small-limits.ts';
import { runSeeds } from './seeds.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    seconds: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const first = values.seed === undefined ? printedSeed('simulation') : Number(values.seed);
const isOne = values.seeds === undefined && values.seconds === undefined;
const summary = await runSeeds({
  first,
  seeds: isOne ? 1 : Number(values.seeds ?? Number.POSITIVE_INFINITY),
  seconds: Number(values.seconds ?? Number.POSITIVE_INFINITY),
  print: values.trace,
});
for (const { seed, error } of summary.failures) console.error(`seed ${seed}:`, error);
console.log(JSON.stringify({ test: 'simulation', ...summary, failures: summary.failures.length }));
process.exitCode = summary.failures.length === 0 ? 0 : 1;
