// The kernel takes what a broker writes and cannot write it back: the sync fails, and one tried again
// would succeed over bytes that are lost. Rows E14 and E15 of docs/reliability.md.
// limit: 240 s

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { whyNot } from '../../src/cli/torture/file-system.ts';
import { type Mutant, misplaced, withPlanted } from '../runner/mutant.ts';
import { withNamespaces } from './support/namespaces.ts';

const test = suite('write-back');
const root = join(import.meta.dirname, '../..');
const exitInputOutput = 74;
/** The failed sync may be of a record that nobody misses, as that of a delivery. */
const livesMax = 5;
const retried = 'test/mutants/log-retry-failed-sync.json';
/** What a second sync would say, without the trouble of a second one. */
const deaf: Mutant = {
  ...JSON.parse(readFileSync(join(root, retried), 'utf8')),
  replacement: 'readonly #onFailed = (_error: unknown): void => this.#onSynced();',
};

async function fail(project: string) {
  const program = join(project, 'test/crash/support/write-back.ts');
  const { stdout, stderr } = await withNamespaces(program, []);
  const line = stdout.split('\n').find((one) => one.startsWith('{'));
  assert.ok(line, `no report: ${stdout}${stderr}`);
  return JSON.parse(line!);
}

const reason = await whyNot('ext4');

if (reason !== undefined) {
  test('a write-back that fails is left out aloud', () => {
    console.log(`not run: a write-back that fails, since ${reason}`);
  });
} else {
  test('E15: a write-back that fails ends it, and all that was confirmed is there', async () => {
    const { stderr, ...report } = await fail(root);
    console.log(JSON.stringify({ test: 'write-back', ...report }));
    assert.is(report.exitCode, exitInputOutput, stderr);
    assert.match(stderr, /EIO: i\/o error|EROFS: read-only file system/);
    assert.is(report.wrong, null);
    assert.ok(report.confirmed > 0, 'there was work');
  });

  test('a broker that passes over a failed sync is caught', async () => {
    assert.is(await misplaced(root, deaf), undefined);
    let lives = 0;
    let report = { wrong: null };
    while (report.wrong === null && lives < livesMax) {
      report = await withPlanted(root, deaf, fail);
      lives += 1;
    }
    const test = 'write-back, control that passes over a failed sync';
    console.log(JSON.stringify({ test, lives, ...report, stderr: undefined }));
    assert.match(report.wrong ?? 'nothing was lost', /is lost|came back/);
  });
}

test.run();
