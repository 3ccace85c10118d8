// Runs the planted bugs of `test/mutants/`: `npm run mutants [-- name substrings]`. Each is a file,
// `NAME.json` or a `NAME.ts` that exports `mutant`; `runner/mutant.ts` says what is in it. Prints a
// JSON line for each, and at the end a line `N caught, N not caught`.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { killAll } from './runner/file.ts';
import { failsUnmutated, type Mutant, misplaced, survives } from './runner/mutant.ts';

const parallelMax = 2;
const root = join(import.meta.dirname, '..');
const directory = join(import.meta.dirname, 'mutants');

async function read(name: string): Promise<Mutant> {
  const path = join(directory, name);
  if (name.endsWith('.json')) return JSON.parse(await readFile(path, 'utf8'));
  return (await import(pathToFileURL(path).href)).mutant;
}

// A test is run once without a bug, whatever the number of bugs that it should catch.
const unmutated = new Map<string, Promise<string | undefined>>();

function failsAnyway(mutant: Mutant): Promise<string | undefined> {
  const key = JSON.stringify([mutant.test, mutant.env]);
  const known = unmutated.get(key) ?? failsUnmutated(root, mutant);
  unmutated.set(key, known);
  return known;
}

async function judge(name: string): Promise<boolean> {
  const started = performance.now();
  const mutant = await read(name);
  const problem =
    (await misplaced(root, mutant)) ??
    (await failsAnyway(mutant)) ??
    (await survives(root, mutant));
  const { path, test, why } = mutant;
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const caught = problem === undefined;
  console.log(JSON.stringify({ mutant: name, caught, problem, path, test, why, seconds }));
  return caught;
}

async function judgeAll(names: readonly string[]): Promise<boolean[]> {
  const caught: boolean[] = [];
  const waiting = [...names];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      caught.push(await judge(name));
    }
  };
  await Promise.all(Array.from({ length: parallelMax }, work));
  return caught;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll();
    process.exit(1);
  });
}

const substrings = process.argv.slice(2);
const names = (await readdir(directory))
  .filter((name) => /\.(json|ts)$/.test(name))
  .filter((name) => substrings.length === 0 || substrings.some((part) => name.includes(part)))
  .sort();
const results = await judgeAll(names);
const caught = results.filter(Boolean).length;
console.log(`${caught} caught, ${results.length - caught} not caught`);
process.exitCode = results.length > 0 && caught === results.length ? 0 : 1;
