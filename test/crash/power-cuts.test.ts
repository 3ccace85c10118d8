// The power is cut ten times under a broker on a real file system while producers and competing
// consumers use it. A broker that answers before the disk has what it answers for does not pass.
// Rows E3, E5, E34 and E35 of docs/reliability.md.
// limit: 300 s

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cutPrograms, whyNot } from '../../src/cli/torture/file-system.ts';
import { type Mutant, misplaced, withPlanted } from '../runner/mutant.ts';
import { printedSeed } from '../support/random.ts';
import { withNamespaces } from './support/namespaces.ts';

const root = join(import.meta.dirname, '../..');
const program = join(import.meta.dirname, 'power-cuts.ts');
const mutant = (name: string): Mutant =>
  JSON.parse(readFileSync(join(root, `test/mutants/${name}.json`), 'utf8'));
const early = mutant('broker-answers-before-sync');
/** A disk as slow as many are, so that most cuts find the control between answer and sync. */
const slow: Mutant = {
  ...mutant('log-confirm-before-sync'),
  replacement: `    const { file } = tail;
    setTimeout(() => file!.sync().then(this.#onSynced, this.#onFailed), 20);`,
};
const cuts = 10;

/** Why the power cannot be cut on ext4, or is not to be, or undefined. */
async function whyNotNow(): Promise<string | undefined> {
  if (process.env.WONDERQ_CRASH === undefined) return 'WONDERQ_CRASH is not set, as by .ci/run';
  return await whyNot('ext4', cutPrograms);
}

async function cut(seed: number, sourceDir?: string) {
  const source = sourceDir === undefined ? [] : ['--source', sourceDir];
  const parameters = ['--inside', '--cuts', `${cuts}`, '--seed', `${seed}`, ...source];
  const { code, stdout, stderr } = await withNamespaces(program, parameters);
  const line = stdout.split('\n').find((one) => one.startsWith('{'));
  assert.ok(line, `no report: ${stdout}${stderr}`);
  return { code, output: stdout, report: JSON.parse(line!) };
}

const reason = await whyNotNow();

if (reason !== undefined) {
  test('power cuts are left out aloud', () => {
    console.log(`not run: ${cuts} power cuts on ext4, since ${reason}`);
  });
} else {
  test('ten power cuts on ext4 lose nothing', async () => {
    const { code, output, report } = await cut(printedSeed('power cuts'));
    console.log(JSON.stringify(report));
    assert.is(code, 0, output);
    assert.ok(report.confirmed > 1000 && report.acked > 1000, 'there was work');
    assert.ok(report.leasesHonoured > 0, 'leases were held over cuts');
    assert.is(report.shutdown + report.copy, cuts);
  });

  test('a broker that confirms before the sync is caught', async () => {
    for (const planted of [early, slow]) assert.is(await misplaced(root, planted), undefined);
    const onSlowDisk = (copy: string) => withPlanted(copy, slow, (both) => cut(11, both));
    const { code, report } = await withPlanted(root, early, onSlowDisk);
    console.log(JSON.stringify({ ...report, test: 'power cuts, control that confirms too early' }));
    assert.is(code, 1);
    assert.ok(report.lost + report.redeliveredAfterAck > 0, 'what was confirmed is gone');
  });
}

test.run();
