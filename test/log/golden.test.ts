/**
 * Logs that former versions wrote, kept as files: each is read as it was then, to the last byte of
 * what a client could notice.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Files } from './support/damage.ts';
import { startOn } from './support/small-log.ts';

const test = suite('golden logs');
const fixtures = join(import.meta.dirname, '../fixtures/logs');
const logs = fs
  .readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory());

function filesOf(directory: string): Files {
  const names = fs.readdirSync(directory);
  return new Map(names.map((name) => [name, fs.readFileSync(join(directory, name))]));
}

test('there are some', () => {
  assert.ok(logs.length > 0, 'no golden log');
});

for (const { name } of logs) {
  test(`${name} is read as it was written`, async () => {
    const files = filesOf(join(fixtures, name));
    const { report, state } = await startOn(files);
    const kept = JSON.parse(fs.readFileSync(join(fixtures, `${name}.json`), 'utf8'));
    assert.is(state, JSON.stringify(kept));
    console.log(JSON.stringify({ test: 'golden log', name, records: report.records }));
  });
}

test.run();
