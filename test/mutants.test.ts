// The planted bugs' own runner, in a small project with one function, one test and planted bugs of
// every kind: caught, missed, out of place, and not even a program.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { plantRunner } from './runner/planted.ts';
import { run } from './support/processes.ts';
import { temporary } from './support/temporary.ts';

const product = `export const half = (value: number) => value / 2;
export const unused = (value: number) => value + value;
`;

const productTest = `import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { half } from '../src/half.ts';
test('half', () => assert.is(half(8), Number(process.env.HALF ?? 4)));
test.run();
`;

const mutant = { path: 'src/half.ts', test: 'test/half.test.ts', why: 'shown here' };
const mutants = {
  'caught.json': { ...mutant, text: 'value / 2', replacement: 'value / 3' },
  'missed.json': { ...mutant, text: 'value + value', replacement: 'value' },
  'gone.json': { ...mutant, text: 'value * 2', replacement: 'value' },
  'twice.json': { ...mutant, text: '(value: number)', replacement: '(value: any)' },
  'no-program.json': { ...mutant, text: 'value / 2', replacement: 'value /' },
  'fails-anyway.json': { ...mutant, text: 'value / 2', replacement: '5', env: { HALF: '5' } },
};

async function plant(path: string): Promise<void> {
  await plantRunner(path, ['mutants.ts']);
  await mkdir(join(path, 'src'));
  await mkdir(join(path, 'test/mutants'));
  await writeFile(join(path, 'src/half.ts'), product);
  await writeFile(join(path, 'test/half.test.ts'), productTest);
  for (const [name, content] of Object.entries(mutants)) {
    await writeFile(join(path, 'test/mutants', name), JSON.stringify(content));
  }
  const typescript = `export const mutant = ${JSON.stringify(mutants['caught.json'])};`;
  await writeFile(join(path, 'test/mutants/caught-too.ts'), typescript);
}

function runMutants(path: string, ...substrings: string[]) {
  return run(process.execPath, ['--import', 'tsx', 'test/mutants.ts', ...substrings], {
    cwd: path,
  });
}

test(
  'a planted bug counts as caught only when its test fails because of it',
  temporary(async (path) => {
    await plant(path);
    const { code, stdout } = await runMutants(path);
    assert.is(code, 1);
    const lines = stdout.trimEnd().split('\n');
    assert.is(lines.pop(), '2 caught, 5 not caught');
    const told = new Map(lines.map((line) => JSON.parse(line)).map((line) => [line.mutant, line]));
    assert.is(told.get('caught.json').caught, true);
    assert.is(told.get('caught-too.ts').caught, true);
    assert.match(told.get('missed.json').problem, /passes with the bug/);
    assert.match(told.get('gone.json').problem, /occurs 0 times/);
    assert.match(told.get('twice.json').problem, /occurs 2 times/);
    assert.match(told.get('no-program.json').problem, /does not even start/);
    assert.match(told.get('fails-anyway.json').problem, /fails without the bug/);
  }),
);

test(
  'arguments select by name, and selecting none is a failure',
  temporary(async (path) => {
    await plant(path);
    const caught = await runMutants(path, 'caught');
    assert.is(caught.code, 0);
    assert.match(caught.stdout, /\n2 caught, 0 not caught\n$/);
    assert.is((await runMutants(path, 'nowhere')).code, 1);
  }),
);

test.run();
