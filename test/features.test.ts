// One table lists every operation, verb and setting: each has a parser, a method of the client, a form on
// the command line, a line in docs/semantics.md, records that outlive a restart, and a place in the
// simulation.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { verbNames } from '../src/broker/administration.ts';
import { RECORD } from '../src/broker/records.ts';
import { program } from '../src/cli/program.ts';
import { Client } from '../src/client/client.ts';
import { type Feature, operations, verbs } from '../src/protocol/features.ts';
import { REQUEST } from '../src/protocol/operations.ts';
import { settingNames, settingRows } from '../src/protocol/queue-settings.ts';

const test = suite('features');

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs/semantics.md'), 'utf8');
const simulation = readdirSync(join(import.meta.dirname, 'simulation'))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(import.meta.dirname, 'simulation', name), 'utf8'))
  .join('\n');

const features: readonly [string, Feature][] = [
  ...Object.entries(operations),
  ...Object.entries(verbs),
];

/** The first cells of the rows of a table, without their backquotes. */
function rowsOf(heading: string): string[] {
  const start = page.indexOf(`\n## ${heading}\n`);
  assert.ok(start >= 0, `${heading} is no heading`);
  const end = page.indexOf('\n## ', start + 1);
  const lines = page.slice(start, end < 0 ? undefined : end).split('\n');
  return lines.filter((line) => line.startsWith('| `')).map((line) => line.split('`')[1]!);
}

/** The command with these words, and the flag that may follow. */
function isOnCommandLine(words: string): boolean {
  let command: Command | undefined = program();
  for (const word of words.split(' ')) {
    if (word.startsWith('--')) return command.options.some(({ long }) => long === word);
    command = command.commands.find((child) => child.name() === word);
    if (command === undefined) return false;
  }
  return true;
}

test('the broker knows the verbs of the table, and no others', () => {
  assert.equal([...verbNames].sort(), Object.keys(verbs).sort());
});

test('the client has a method, and the command line a form', () => {
  for (const [name, { client, command }] of features) {
    if (client !== undefined) assert.ok(client in Client.prototype, `${name}: ${client}`);
    if (command !== undefined) assert.ok(isOnCommandLine(command), `${name}: ${command}`);
  }
  for (const name of settingNames) {
    const [flag] = settingRows[name].flag.split(' ');
    for (const command of ['create', 'configure']) {
      assert.ok(isOnCommandLine(`queues ${command} ${flag}`), name);
    }
  }
});

test('what it writes is a kind of record', () => {
  for (const [name, { records }] of features) {
    for (const kind of records) assert.ok(Object.hasOwn(RECORD, kind), `${name}: ${kind}`);
  }
});

test('docs/semantics.md has a line for each', () => {
  assert.equal(rowsOf('Operations').sort(), Object.keys(REQUEST).sort());
  assert.equal(rowsOf('Verbs').sort(), Object.keys(verbs).sort());
  assert.equal(rowsOf('Settings of a queue').sort(), [...settingNames].sort());
});

test('the simulation does each', () => {
  for (const name of Object.keys(operations)) {
    const writer = `write${name[0]!.toUpperCase()}${name.slice(1)}`;
    assert.ok(simulation.includes(writer), writer);
  }
  for (const name of [...Object.keys(verbs), ...settingNames]) {
    assert.ok(new RegExp(`\\b${name}\\b`).test(simulation), name);
  }
});

test('each feature beside those of the peers names a test that is there', () => {
  const start = page.indexOf('\n## Beside the peers\n');
  const rows = page
    .slice(start)
    .split('\n')
    .filter((line) => /^\| [A-Z]/.test(line))
    .slice(1);
  assert.ok(rows.length > 20);
  for (const row of rows) {
    const cells = row.slice(2, -2).split(' | ');
    const tested = [...cells.at(-1)!.matchAll(/`(test\/[^`]+)`/g)].map(([, path]) => path!);
    assert.ok(tested.length > 0, `no test: ${cells[0]}`);
    for (const path of tested) readFileSync(join(root, path));
  }
});

test.run();
