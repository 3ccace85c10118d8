// A broker whose n-th file call fails, for calls and errors of each kind: it ends with exit code 74,
// or goes on where a full disk lets it, and either way the next start has what was confirmed. Rows
// E14, E15, E16 and E17 of docs/reliability.md. `POINTS=N` tries so many of them.
// limit: 600 s

import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { printedSeed, seededRandom } from '../support/random.ts';
import { compileShim } from '../support/shim.ts';
import { withTemporary } from '../support/temporary.ts';
import { holds, lifeWith } from './support/failing-run.ts';

const test = suite('failing calls');
const source = join(import.meta.dirname, 'support/fail-call.c');
const { EIO, ENOSPC, EMFILE } = os.constants.errno;
const points = Number(process.env.POINTS ?? (process.env.WONDERQ_CRASH === undefined ? 8 : 30));

const errors: Readonly<Record<string, readonly number[]>> = {
  write: [EIO, ENOSPC],
  fdatasync: [EIO, ENOSPC],
  fsync: [EIO],
  rename: [EIO, ENOSPC],
  unlink: [EIO],
  open: [EIO, EMFILE, ENOSPC],
};

interface Point {
  readonly call: string;
  readonly number: number;
  readonly error: number;
  readonly how: 'once' | 'on';
}

/** Tried whatever is drawn: a sync that fails is never taken for a small matter. */
const failedSync: Point = { call: 'fdatasync', number: 6, error: EIO, how: 'once' };

/** Every call of a life in which none fails, with each error that it may have. */
function pointsOf(counts: Readonly<Record<string, number>>): Point[] {
  const found: Point[] = [];
  for (const [call, count] of Object.entries(counts)) {
    for (let number = 1; number <= count; number += 1) {
      for (const error of errors[call]!) {
        for (const how of ['once', 'on'] as const) found.push({ call, number, error, how });
      }
    }
  }
  return found;
}

const tally = {
  points: 0,
  failed: 0,
  wentOn: 0,
  ended: 0,
  refusedToStart: 0,
  confirmed: 0,
  acked: 0,
};

async function tryPoint(shim: string, point: Point): Promise<void> {
  const { call, number, error, how } = point;
  const env = { LD_PRELOAD: shim, FAIL_CALL: `${call} ${number} ${error} ${how}` };
  await withTemporary(async (dataDir) => {
    const life = await lifeWith(dataDir, { ...env, FAIL_DIRECTORY: join(dataDir, 'log') });
    const what = `${JSON.stringify(point)}: ${JSON.stringify(life.ending)} ${life.stderr}`;
    const hasFailed = life.stderr.includes('a call was made to fail');
    const mustEnd = hasFailed && call === 'fdatasync' && error === EIO;
    assert.ok(life.ending.code === 74 || (life.ending.code === 0 && !mustEnd), what);
    await holds(dataDir, life);
    tally.points += 1;
    if (hasFailed) tally.failed += 1;
    tally.confirmed += life.confirmed.length;
    tally.acked += life.acked.length;
    if (life.ending.code === 0) tally.wentOn += 1;
    else if (life.confirmed.length > 0) tally.ended += 1;
    else tally.refusedToStart += 1;
  });
}

test('a call that fails, of any kind, at any time: nothing confirmed is lost', () =>
  withTemporary(async (directory) => {
    const shim = await compileShim(source, directory);
    if (shim === undefined) {
      console.log('not run: failing calls (there is no gcc)');
      return;
    }
    const random = seededRandom(printedSeed('failing calls'));
    const countsPath = join(directory, 'counts.json');
    const dataDir = join(directory, 'data');
    const log = join(dataDir, 'log');
    const control = await lifeWith(dataDir, {
      LD_PRELOAD: shim,
      FAIL_DIRECTORY: log,
      FAIL_COUNTS: countsPath,
    });
    assert.is(control.ending.code, 0, control.stderr);
    assert.not(fs.existsSync(join(log, '0000000001.wq')), 'a segment was compacted away');
    const counts = JSON.parse(fs.readFileSync(countsPath, 'utf8'));
    const all = random.shuffle(pointsOf(counts));
    const chosen = [failedSync, ...all.slice(0, points - 1)];
    const problems: string[] = [];
    for (const point of chosen) {
      await tryPoint(shim, point).catch((error: Error) => problems.push(error.message));
    }
    console.log(JSON.stringify({ test: 'failing calls', calls: counts, of: all.length, ...tally }));
    assert.is(problems.length, 0, problems.join('\n'));
    assert.ok(tally.failed > 0 && tally.ended > 0, 'calls did fail');
  }));

test.run();
