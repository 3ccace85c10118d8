// The runner itself: one fixture for each way in which plain uvu passes or hangs without a word,
// and a few good files. The fixtures are not named `*.test.ts`, so that only this file runs them.
// limit: 240 s

import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type FileOptions,
  type FileResult,
  limitMsDefault,
  limitMsOf,
  runFile,
} from './runner/file.ts';
import { plantRunner } from './runner/planted.ts';
import { run } from './support/processes.ts';
import { temporary } from './support/temporary.ts';

const fixtures = join(import.meta.dirname, 'fixtures/runner');

interface Expected {
  readonly passed: number;
  readonly failed: number;
  /** What the problems of the file say, in order; empty when only its tests fail. */
  readonly problems: readonly RegExp[];
  readonly output?: RegExp;
  readonly options?: FileOptions;
}

const expectations: Record<string, Expected> = {
  good: { passed: 3, failed: 0, problems: [] },
  'good-slow': { passed: 1, failed: 0, problems: [] },
  fails: { passed: 1, failed: 1, problems: [], output: /FAIL.*"fails"/ },
  'before-throws': { passed: 0, failed: 1, problems: [/: before failed: Error: no set-up/] },
  'after-throws': { passed: 1, failed: 0, problems: [/: after failed: Error: no tidying up/] },
  'after-each-throws': {
    passed: 1,
    failed: 1,
    problems: [/after\.each failed/, /after\.each failed/],
    output: /the lost failure/,
  },
  'run-forgotten': { passed: 0, failed: 1, problems: [/1 never ran, \.run\(\) is missing/] },
  'run-forgotten-once': { passed: 1, failed: 1, problems: [/'second': 1 never ran/] },
  'run-too-early': { passed: 1, failed: 1, problems: [/1 never ran/] },
  'run-too-late': { passed: 0, failed: 1, problems: [/\.run\(\) came when the run was over/] },
  'throws-null': { passed: 1, failed: 1, problems: [], output: /threw null, not an Error/ },
  'only-left-in': { passed: 1, failed: 1, problems: [/1 skipped/, /\.only is left in: runs/] },
  'skip-left-in': { passed: 1, failed: 0, problems: [/\.skip is left in: is skipped/] },
  'never-settles': { passed: 0, failed: 1, problems: [/ended early, in: waits/, /exit code 13/] },
  'never-ends': {
    passed: 0,
    failed: 0,
    problems: [/no totals/, /killed after its limit of 4 s, in: hangs/],
    options: { limitMs: 4000 },
  },
  'never-yields': {
    passed: 0,
    failed: 0,
    problems: [/no totals/, /killed after its limit of 4 s, in: spins/],
    options: { limitMs: 4000 },
  },
  'left-open': { passed: 1, failed: 0, problems: [/left something open: .*TCPServerWrap/] },
  'rejects-unseen': { passed: 1, failed: 0, problems: [/exit code 1/], output: /nobody waited/ },
  'exits-early': { passed: 0, failed: 2, problems: [/ended early, in: ends the process/] },
  'hides-exit-code': { passed: 0, failed: 1, problems: [] },
  'no-tests': { passed: 0, failed: 0, problems: [/no tests/] },
  'no-tests-in-suite': { passed: 1, failed: 0, problems: [/'empty': \.run\(\) without tests/] },
  'no-import': { passed: 0, failed: 1, problems: [/ended early/], output: /while loading/ },
};

function check(result: FileResult, expected: Expected): void {
  const told = JSON.stringify(result, null, 2);
  assert.is(result.passed, expected.passed, told);
  assert.is(result.failed, expected.failed, told);
  assert.is(result.problems.length, expected.problems.length, told);
  expected.problems.forEach((pattern, index) => {
    assert.match(result.problems[index]!, pattern);
  });
  if (expected.output !== undefined) assert.match(result.output, expected.output);
}

test('every fixture has its expectation', async () => {
  const names = (await readdir(fixtures)).map((name) => name.replace(/\.ts$/, ''));
  assert.equal(names.sort(), Object.keys(expectations).sort());
});

for (const [name, expected] of Object.entries(expectations)) {
  test(name, async () => {
    check(await runFile(join(fixtures, `${name}.ts`), expected.options), expected);
  });
}

test('a file sets its own limit in its first lines', () => {
  assert.is(limitMsOf(join(fixtures, 'good-slow.ts')), 240_000);
  assert.is(limitMsOf(join(fixtures, 'good.ts')), limitMsDefault);
});

/** A small project with this runner and the given fixtures as its test files. */
async function plantProject(path: string, names: readonly string[]): Promise<void> {
  await plantRunner(path, ['run.ts']);
  for (const name of names) {
    await cp(join(fixtures, `${name}.ts`), join(path, 'test', `${name}.test.ts`));
  }
}

function runProject(path: string, ...substrings: string[]) {
  return run(process.execPath, ['--import', 'tsx', 'test/run.ts', ...substrings], { cwd: path });
}

test(
  'the last line and the exit code tell the totals',
  temporary(async (path) => {
    await plantProject(path, ['good', 'fails', 'skip-left-in']);
    const all = await runProject(path);
    assert.is(all.code, 1);
    assert.match(all.stdout, /\n5 passed, 2 failed\n$/);
    assert.match(all.stdout, /^ok {4}test\/good\.test\.ts {2}3 passed/m);
    assert.match(all.stdout, /^FAIL {2}test\/fails\.test\.ts {2}1 passed/m);
    const good = await runProject(path, 'good');
    assert.is(good.code, 0);
    assert.match(good.stdout, /\n3 passed, 0 failed\n$/);
  }),
);

const builtTest = `import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
const built = process.env.WONDERQ_BUILT;
test('built', () => {
  const said = execFileSync(process.execPath, [join(built, 'src/say.js')], { encoding: 'utf8' });
  assert.is(said, 'half of 8: 4\\n');
  console.log(JSON.stringify({ test: 'built', built }));
});
test.run();
`;

test(
  'a run of all builds the programs for it, and leaves nothing of that behind',
  temporary(async (path) => {
    await plantRunner(path, ['run.ts']);
    await cp(join(import.meta.dirname, '../tsconfig.json'), join(path, 'tsconfig.json'));
    await mkdir(join(path, 'src'));
    const half = 'export const half = (value: number): number => value / 2;\n';
    const say = "import { half } from './half.ts';\nconsole.log('half of 8:', half(8));\n";
    await writeFile(join(path, 'src/half.ts'), half);
    await writeFile(join(path, 'src/say.ts'), say);
    await writeFile(join(path, 'test/built.test.ts'), builtTest);
    const { code, stdout } = await runProject(path);
    assert.is(code, 0, stdout);
    const { built } = JSON.parse(stdout.match(/\{.*\}/)![0]);
    assert.is(existsSync(built), false);
  }),
);

test(
  'no matching file is a failure',
  temporary(async (path) => {
    await plantProject(path, ['good']);
    const { code, stdout } = await runProject(path, 'nowhere');
    assert.is(code, 1);
    assert.match(stdout, /no test file matches: nowhere\n\n0 passed, 1 failed\n$/);
  }),
);

test.run();
