// Keeps the shape of the project: import directions, sizes, words, dead files. Each check is shown
// to catch a planted violation and to pass what is allowed, then it is held against the sources.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  deadFiles,
  importCycles,
  importDirections,
  restrictedImports,
  singleImports,
} from './tidy/imports.ts';
import {
  assertionTexts,
  fileLength,
  forbiddenNames,
  functionLength,
  impureRules,
  lineWidth,
  openPlans,
  testsLeftOut,
} from './tidy/shape.ts';
import { type Source, source } from './tidy/source.ts';

/**
 * Violations that are accepted, each with its reason: the start of the violation's line (path and
 * what follows) to why it is right there. One that is not needed any more is a failure.
 */
const exceptions: Readonly<Record<string, string>> = {
  'blessed must be imported by exactly one file': 'the dashboard is not built yet',
};

const root = join(import.meta.dirname, '..');
/** Where programs begin; the recount of the rules' state is for tests and the simulation alone. */
const entries = [
  'src/index.ts',
  'src/cli/main.ts',
  'src/cli/torture/worker.ts',
  'src/queue/invariants.ts',
];

function read(folder: string): Source[] {
  const directory = join(root, folder);
  return readdirIfThere(directory)
    .filter((path) => path.endsWith('.ts') && !path.startsWith('fixtures/'))
    .map((path) => source(`${folder}/${path}`, readFileSync(join(directory, path), 'utf8')));
}

function readdirIfThere(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

const product = [...read('src'), ...read('tui')];
const tests = read('test');
const isWhole = entries.every((entry) => product.some(({ path }) => path === entry));

const planted = suite('planted violations');

type Check = (sources: readonly Source[]) => string[];

/** The check finds exactly one violation in these files, and it says `expected`. */
function catches(check: Check, files: Record<string, string>, expected: RegExp): void {
  const violations = check(Object.entries(files).map(([path, text]) => source(path, text)));
  assert.is(violations.length, 1, `${violations.length} violations: ${violations.join('\n')}`);
  assert.match(violations[0]!, expected);
}

function passes(check: Check, files: Record<string, string>): void {
  const violations = check(Object.entries(files).map(([path, text]) => source(path, text)));
  assert.equal(violations, []);
}

const wrongWays: Record<string, string> = {
  'src/queue/queue.ts': '../protocol/frame.ts',
  'src/protocol/frame.ts': '../broker/broker.ts',
  'src/log/log.ts': '../queue/queue.ts',
  'src/broker/broker.ts': '../server/server.ts',
  'src/server/server.ts': '../client/client.ts',
  'src/client/client.ts': '../queue/queue.ts',
  'src/http/gateway.ts': '../broker/broker.ts',
  'src/limits.ts': './errors.ts',
  'src/errors.ts': './queue/queue.ts',
  'tui/model.ts': '../src/client/client.ts',
  'src/unheard/of.ts': '../limits.ts',
};

for (const [path, target] of Object.entries(wrongWays)) {
  planted(`${path} must not import ${target}`, () => {
    catches(importDirections, { [path]: `import { x } from '${target}';` }, /^\S+:1: /);
    catches(importDirections, { [path]: `\nimport type { X } from '${target}';` }, /^\S+:2: /);
    catches(importDirections, { [path]: `export * from '${target}';` }, /^\S+:1: /);
    catches(importDirections, { [path]: `await import('${target}');` }, /^\S+:1: /);
  });
}

planted('the right way is open', () => {
  passes(importDirections, {
    'src/protocol/a.ts': "import '../queue/a.ts'; import '../limits.ts'; import './b.ts';",
    'src/broker/a.ts': "import '../log/a.ts'; import '../queue/a.ts'; import '../protocol/a.ts';",
    'src/server/a.ts': "import '../broker/a.ts'; import '../config.ts';",
    'src/http/a.ts': "import '../client/a.ts'; import 'fastify';",
    'src/cli/a.ts': "import '../../tui/main.ts'; import '../log/a.ts';",
    'src/index.ts': "import './client/a.ts'; import './server/a.ts';",
    'tui/a.ts': "import '../src/index.ts'; import './b.ts';",
  });
});

const wrongPackages: readonly [path: string, name: string][] = [
  ['src/queue/queue.ts', 'node:fs'],
  ['src/queue/queue.ts', 'msgpackr'],
  ['src/protocol/frame.ts', 'node:net'],
  ['src/log/segment.ts', 'node:fs/promises'],
  ['src/broker/broker.ts', 'msgpackr'],
  ['src/cli/top.ts', 'blessed'],
];

for (const [path, name] of wrongPackages) {
  planted(`${path} must not import ${name}`, () => {
    catches(restrictedImports, { [path]: `import * as x from '${name}';` }, /must not import/);
  });
}

planted('the files that know a package or the disk may import it', () => {
  passes(restrictedImports, {
    'src/queue/a.ts': "import assert from 'node:assert/strict';",
    'src/protocol/a.ts': "import 'msgpackr'; import 'node:buffer';",
    'src/log/disk.ts': "import 'node:fs/promises';",
    'src/log/directory-lock.ts': "import 'node:fs'; import 'proper-lockfile';",
    'src/log/checksum.ts': "import 'node:zlib';",
    'tui/screen.ts': "import 'blessed';",
  });
});

planted('a package with traps has exactly one importer', () => {
  const check: Check = (sources) => singleImports(sources, ['msgpackr']);
  const one = { 'src/protocol/a.ts': "import 'msgpackr';" };
  passes(check, one);
  catches(check, { ...one, 'src/protocol/b.ts': "import 'msgpackr';" }, /a\.ts, .*b\.ts/);
  catches(check, { 'src/protocol/b.ts': '' }, /no file/);
});

planted('cycles, short and long', () => {
  catches(importCycles, { 'src/a.ts': "import './a.ts';" }, /^src\/a\.ts -> src\/a\.ts$/);
  const long = {
    'src/a.ts': "import './b.ts';",
    'src/b.ts': "import './c/d.ts';",
    'src/c/d.ts': "import { type A } from '../a.ts';",
  };
  catches(importCycles, long, /src\/a\.ts -> src\/b\.ts -> src\/c\/d\.ts -> src\/a\.ts/);
  passes(importCycles, { ...long, 'src/c/d.ts': "import type { A } from '../a.ts';" });
});

planted('a file that nothing imports', () => {
  const check: Check = (sources) => deadFiles(sources, ['src/index.ts']);
  const files = { 'src/index.ts': "await import('./a.ts');", 'src/a.ts': '' };
  passes(check, files);
  catches(check, { ...files, 'src/b.ts': "import './a.ts';" }, /^src\/b\.ts: nothing imports/);
});

planted('sizes', () => {
  const lines = (count: number) => '  f();\n'.repeat(count);
  catches(functionLength, { 'src/a.ts': `function a() {\n${lines(69)}}` }, /:1: .* 71 lines/);
  catches(functionLength, { 'src/a.ts': `class A { a = () => {\n${lines(69)}} }` }, /71 lines/);
  passes(functionLength, { 'src/a.ts': `function a() {\n${lines(68)}}` });
  catches(fileLength, { 'src/a.ts': lines(401) }, /401 lines/);
  passes(fileLength, { 'src/a.ts': lines(400) });
  catches(lineWidth, { 'src/a.ts': `\n${'ä'.repeat(101)}` }, /:2: a line of 101 columns/);
  passes(lineWidth, { 'src/a.ts': 'ä'.repeat(100) });
});

const impurities = [
  'const now = Date.now();',
  'const made = new Date(0);',
  'const chance = Math.random();',
  'setTimeout(f, 1);',
  'setImmediate(f);',
  'async function f() {}',
  'for await (const x of y) f(x);',
  'const f = async () => {};',
  'await f();',
  'performance.now();',
];

for (const text of impurities) {
  planted(`no rule of a queue says: ${text}`, () => {
    catches(impureRules, { 'src/queue/a.ts': text }, /in a pure folder$/);
    passes(impureRules, { 'src/broker/a.ts': text });
  });
}

planted('a comment or a property of that name is no impurity', () => {
  passes(impureRules, { 'src/queue/a.ts': '// await Date\nconst a = { process: 1 }.process;' });
});

planted('an assertion without a text', () => {
  catches(assertionTexts, { 'src/a.ts': 'assert(a > 0);' }, /^src\/a\.ts:1: an assertion/);
  catches(assertionTexts, { 'src/a.ts': '\nassert.ok(a);' }, /^src\/a\.ts:2: an assertion/);
  passes(assertionTexts, { 'src/a.ts': "assert(a > 0, 'a counts'); check(a);" });
});

planted('tests that are left out, and open plans', () => {
  // The left-out tests below are text, planted for the check to find.
  catches(testsLeftOut, { 'test/a.test.ts': "test.only('x', f);" }, /\.only is left in/);
  catches(testsLeftOut, { 'test/a.test.ts': "test.skip('x', f);" }, /\.skip is left in/);
  passes(testsLeftOut, { 'test/a.test.ts': "// test.only('x')\nwalker.skip(1); test('x', f);" });
  catches(openPlans, { 'src/a.ts': `// ${'TO'}DO: later` }, /^src\/a\.ts:1/);
});

planted('forbidden words in names', () => {
  catches(forbiddenNames, { 'src/broker/queue-manager.ts': '' }, /the word manager/);
  catches(forbiddenNames, { 'src/a.ts': 'const nextJob = 1;' }, /the word job/);
  catches(forbiddenNames, { 'src/a.ts': 'interface Tasks {}' }, /the word tasks/);
  passes(forbiddenNames, { 'src/a.ts': '// a job\nqueueMicrotask(f); const text = "topic";' });
});

planted.run();

const project = suite('the project');
const used = new Set<string>();

function excepted(violation: string): boolean {
  const found = Object.keys(exceptions).find((start) => violation.startsWith(start));
  if (found !== undefined) used.add(found);
  return found !== undefined;
}

function holds(violations: readonly string[]): void {
  const open = violations.filter((violation) => !excepted(violation));
  if (open.length > 0) console.log(['', ...open].join('\n'));
  assert.is(open.length, 0, `${open.length} violations, listed above`);
}

project('imports run one way', () => holds(importDirections(product)));
project('pure folders and the log see no more than they may', () =>
  holds(restrictedImports(product)),
);
project('no cycles between files', () => holds(importCycles(product)));
project('functions are short', () => holds(functionLength(product)));
project('files are short', () => holds(fileLength(product)));
project('lines are short', () => holds(lineWidth(product)));
project('the rules of the queues are pure', () => holds(impureRules(product)));
project('every assertion has a text', () => holds(assertionTexts(product)));
project('no test is left out', () => holds(testsLeftOut(tests)));
project('no open plans', () => holds(openPlans([...product, ...tests])));
project('no forbidden names', () => holds(forbiddenNames(product)));

// These two look at the whole, so they wait for both entries of the package.
if (isWhole) {
  project('no dead files', () => holds(deadFiles(product, entries)));
  project('packages with traps have one importer each', () =>
    holds(singleImports(product, ['msgpackr', 'proper-lockfile', 'blessed'])),
  );
}

project('every exception is needed', () => {
  assert.equal([...used].sort(), Object.keys(exceptions).sort());
});

project.run();
