/**
 * The options of `wonderq serve`: where each value comes from, what the help says, and that
 * `.env.example` shows every variable with its default.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { Command } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/cli/failure.ts';
import { parseWhole } from '../../src/cli/parse.ts';
import { resolveServeOptions, valuesOf, withServeOptions } from '../../src/cli/serve-options.ts';
import { resolveOption, type Variables } from '../../src/config.ts';
import { main } from '../support/broker.ts';
import { run } from '../support/processes.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('options of serve');
const root = join(import.meta.dirname, '../..');

test(
  'a flag comes before the environment, that before .env, that before the default',
  temporary(async (directory) => {
    writeFileSync(join(directory, '.env'), 'WONDERQ_PORT=1\nWONDERQ_HOST=file\nCONSUMABLE_TIME=5');
    const env = { WONDERQ_PORT: '2', WONDERQ_HOST: 'environment' };
    const words = ['serve', '--print-config', '--json', '--port', '3'];
    const { stdout } = await run(process.execPath, [...main, ...words], { cwd: directory, env });
    const { port, host, visibilityMs, durability } = JSON.parse(stdout);
    assert.equal(port, { value: 3, source: 'flag' });
    assert.equal(host, { value: 'environment', source: 'environment' });
    assert.equal(visibilityMs, { value: 5, source: '.env' });
    assert.equal(durability, { value: 'fsync', source: 'default' });
  }),
);

test('a value that is not understood is wrong usage, and its flag is named', () => {
  const bad = { port: 'many', durability: 'maybe', createQueues: '2', logLevel: 'x' };
  const flags = ['--port', '--durability', '--create-queues', '--log-level'];
  Object.entries(bad).forEach(([name, value], index) => {
    assert.throws(
      () => resolveServeOptions({ [name]: value }),
      (error: unknown) =>
        error instanceof UsageError && error.message.startsWith(`${flags[index]} must be`),
    );
  });
});

test('so is a variable, and where it stands', () => {
  const spec = { variables: ['ONE', 'TWO'], fallback: 1, parse: parseWhole(1, 9) };
  const refusal = (environment: Variables, file: Variables) => () =>
    resolveOption('one', spec, undefined, environment, file);
  assert.throws(refusal({ TWO: '10' }, {}), /^TWO must be a whole number/);
  assert.throws(refusal({}, { ONE: '10' }), /^ONE in \.env must be a whole number/);
});

test('an empty variable is as good as none, an empty flag is wrong usage', () => {
  const spec = { variables: ['ONE'], fallback: 'default', parse: (text: string) => text };
  const resolved = resolveOption('one', spec, undefined, { ONE: '' }, { ONE: 'file' });
  assert.equal(resolved, { value: 'file', source: '.env' });
  assert.throws(() => resolveOption('one', spec, '', { ONE: 'x' }, {}), /^--one must not be empty/);
  assert.throws(
    () => resolveServeOptions({ dataDir: '' }),
    (error: unknown) => error instanceof UsageError,
  );
});

test('every option has a flag, and a variable in .env.example that shows its default', () => {
  const help = withServeOptions(new Command('serve')).helpInformation().replace(/\s+/g, ' ');
  const example = readFileSync(join(root, '.env.example'), 'utf8').replace(/^#(?=[A-Z_]+=)/gm, '');
  const shown = parseEnv(example) as Record<string, string>;
  for (const [name, value] of Object.entries(valuesOf(resolveServeOptions({})))) {
    const words = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    assert.match(help, `--${words} <`);
    const variable = `WONDERQ_${words.replaceAll('-', '_').toUpperCase()}`;
    assert.match(help, `also ${variable}`);
    assert.is(shown[variable], String(value), `${variable} in .env.example`);
  }
});

test.run();
