// The kill loop by hand: `node --import tsx test/crash/kill-loop.ts --cycles 1000 --seed N`. Prints
// what was wrong, a line each, and one JSON line; exit code 1 if anything was.

import { parseArgs } from 'node:util';
import { isGood } from '../../src/cli/torture/checker.ts';
import { printedSeed } from '../support/random.ts';
import { runKillLoop } from './support/kill-loop.ts';

const { values } = parseArgs({
  options: { cycles: { type: 'string', default: '20' }, seed: { type: 'string' } },
});
const seed = values.seed === undefined ? printedSeed('kill loop') : Number(values.seed);
const { report, verdict, violations } = await runKillLoop({ cycles: Number(values.cycles), seed });
for (const violation of violations.slice(0, 50)) console.log(violation);
console.log(JSON.stringify(report));
process.exitCode = isGood(verdict) ? 0 : 1;
