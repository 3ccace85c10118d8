// The test runner, the one way to run tests: `npm test [-- path substrings]`. Every test file runs
// in a process of its own, two at a time; `runner/file.ts` says when a file has passed. The last
// line is `N passed, N failed`: tests, and files that failed for another reason than their tests.

import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildPrograms, builtVariable } from './runner/build.ts';
import { type FileResult, killAll, limitMsOf, runFile } from './runner/file.ts';

const parallelMax = 2;
const root = join(import.meta.dirname, '..');

// Lines of a passed file that are worth reading: what a fault test did and found, and what could
// not be run here.
const reportLine = /\{"test":.*\}|not run: .*/g;

function testFiles(substrings: readonly string[]): string[] {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join('test', path))
    .filter((path) => substrings.length === 0 || substrings.some((part) => path.includes(part)))
    .sort();
  // The slowest first, so that the end is not spent waiting for one of them.
  return files.sort((a, b) => limitMsOf(join(root, b)) - limitMsOf(join(root, a)));
}

function show({ path, passed, failed, problems, output, durationMs }: FileResult): void {
  const isGood = failed === 0 && problems.length === 0;
  const seconds = (durationMs / 1000).toFixed(1);
  console.log(
    `${isGood ? 'ok  ' : 'FAIL'}  ${relative(root, path)}  ${passed} passed  ${seconds} s`,
  );
  for (const problem of problems) console.log(`      ${problem}`);
  if (!isGood) console.log(output.trimEnd().replaceAll(/^/gm, '      '));
  else for (const [line] of output.matchAll(reportLine)) console.log(`      ${line}`);
}

async function runAll(files: readonly string[]): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const waiting = [...files];
  const work = async () => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      const result = await runFile(join(root, path));
      show(result);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: parallelMax }, work));
  return results;
}

// A signal to the runner does not reach the process groups of the tests.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll();
    process.exit(1);
  });
}

const substrings = process.argv.slice(2);
const files = testFiles(substrings);
if (files.length === 0) console.log(`no test file matches: ${substrings.join(' ') || 'test/'}`);
// What is built is worth it where many start it.
if (substrings.length === 0 && existsSync(join(root, 'src'))) {
  process.env[builtVariable] = await buildPrograms(root);
}
const results = await runAll(files);
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failedTests = results.reduce((sum, result) => sum + result.failed, 0);
const failedFiles = results.filter(({ problems, failed }) => failed === 0 && problems.length > 0);
const failed = failedTests + failedFiles.length + (files.length === 0 ? 1 : 0);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
