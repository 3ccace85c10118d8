/**
 * Runs seeds of the simulation by hand: `npm run simulate -- --seed N [--seeds COUNT] [--seconds S]
 * [--trace] [--shrink]`. Prints a line for each seed that fails, and at the end what happened how
 * often. `--shrink` looks for the smallest history of a seed that fails, and prints the options that
 * show it: `--steps`, `--without` and `--luck`.
 */
import { parseArgs } from 'node:util';
import { commitOfSources } from '../support/commit.ts';
import { printedSeed } from '../support/random.ts';
import './small-limits.ts';
import { type Part, parts } from './conditions.ts';
import { runSeeds } from './seeds.ts';
import { Shrinker } from './shrink.ts';
import type { Reduction } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    seconds: { type: 'string' },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    steps: { type: 'string', default: 'Infinity' },
    without: { type: 'string', default: '' },
    luck: { type: 'string', default: '0' },
  },
});
const first = values.seed === undefined ? printedSeed('simulation') : Number(values.seed);
const isOne = values.seeds === undefined && values.seconds === undefined;
const unknown = namesIn(values.without).find((name) => !Object.hasOwn(parts, name));
if (unknown !== undefined) throw new Error(`${unknown} is none of ${Object.keys(parts)}`);
const given: Reduction = {
  without: namesIn(values.without) as Part[],
  luck: Number(values.luck),
  steps: Number(values.steps),
};

function namesIn(list: string): string[] {
  return list.split(',').filter((name) => name !== '');
}

async function shrink(): Promise<boolean> {
  const shrunk = await new Shrinker(first).shrink();
  if (shrunk === undefined) return true;
  const { reduction, error, runs, left } = shrunk;
  const { without, luck, steps } = reduction;
  console.error(`after ${runs} runs, with ${left.join(', ') || 'nothing'}:`, error);
  const options = `--seed ${first} --steps ${steps} --luck ${luck} --without ${without.join(',')}`;
  console.error(`npm run simulate -- ${options} --trace    shows it again`);
  console.error(`commit ${commitOfSources()}`);
  return false;
}

async function run(): Promise<boolean> {
  const summary = await runSeeds({
    first,
    seeds: isOne ? 1 : Number(values.seeds ?? Number.POSITIVE_INFINITY),
    seconds: Number(values.seconds ?? Number.POSITIVE_INFINITY),
    print: values.trace,
    reduction: given,
  });
  for (const { seed, error } of summary.failures) {
    console.error(`seed ${seed} of commit ${summary.commit}:`, error);
  }
  console.log(
    JSON.stringify({ test: 'simulation', ...summary, failures: summary.failures.length }),
  );
  return summary.failures.length === 0;
}

process.exitCode = (await (values.shrink ? shrink() : run())) ? 0 : 1;
