// The entry of a test process: runs the suites of one test file and tells the runner, on file
// descriptor 3, which test runs and at the end the totals. uvu only queues the suites here;
// running them is done by this file, because uvu's own loop hides what the totals would show.

import { writeSync } from 'node:fs';
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Verdict } from './file.ts';

type Run = () => Promise<[errors: string | true, passed: number, skipped: number, total: number]>;

const openGraceMs = 2000;
const verdict: Verdict = { finished: false, declared: 0, passed: 0, problems: [] };

const queue: Run[] = [];
let suitesRun = 0;
Object.assign(globalThis, { UVU_DEFER: 1, UVU_INDEX: 0, UVU_QUEUE: [queue] });
register('./hooks.ts', import.meta.url);
const { ledger, unrunProblems } = await import('./watched.ts');

const tell = (message: object) => writeSync(3, `${JSON.stringify(message)}\n`);
ledger.started = (name) => tell({ running: name });

// The last word is said on the way out, when nothing can be declared any more. A file that ends
// its process early, or whose promise never settles, arrives here unfinished.
process.on('exit', () => {
  const problems = [...verdict.problems, ...ledger.problems, ...unrunProblems()];
  if (ledger.declared === 0) problems.push('no tests');
  if (!verdict.finished) problems.push(`ended early${during()}`);
  else if (queue.length > suitesRun) problems.push('.run() came when the run was over');
  tell({ verdict: { ...verdict, declared: ledger.declared, problems } });
});

function during(): string {
  return ledger.running === '' ? '' : `, in: ${ledger.running}`;
}

async function runSuites(): Promise<void> {
  for (const run of queue) {
    const [errors, passed, skipped] = await run();
    if (errors !== true) console.log(`\n${errors}`);
    verdict.passed += passed;
    if (skipped > 0) verdict.problems.push(`${skipped} skipped`);
    suitesRun += 1;
  }
}

await import(pathToFileURL(process.argv[2]!).href);
await runSuites();
verdict.finished = true;
ledger.running = '';

// This timer keeps nothing alive: it fires only when the tests left something that does.
setTimeout(() => {
  const open = process.getActiveResourcesInfo().filter((kind) => kind !== 'PipeWrap');
  verdict.problems.push(`left something open: ${open.join(', ')}`);
  process.exit(1);
}, openGraceMs).unref();
