// A broker whose n-th file call fails, for calls and errors of each kind: it ends with exit code 74,
// or goes on where a full disk lets it, and either way the next start has what was confirmed. Rows
// E14, E15, E16 and E17 of docs/reliability.md. `POINTS=N` tries so many of them.
// limit: 300 s

import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { printedSeed, seededRandom } from '../support/random.ts';
import { compileShim } from '../support/shim.ts';
import { withTemporary } from '../support/temporary.ts';
import { hasFailed, holds, lifeWith } from './support/failing-run.ts';

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

/**
 * Tried whatever is drawn, amid traffic: a sync that fails is never taken for a small matter. Several,
 * since one may be of a segment that is only made ready.
 */
function failedSyncs(counts: Readonly<Record<string, number>>): Point[] {
  const middle = Math.ceil(counts.fdatasync! / 2);
  const numbers = [middle, middle + 1, middle + 2];
  return numbers.map((number) => ({ call: 'fdatasync', number, error: EIO, how: 'once' }));
}

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
  // What cannot be removed is tried again; nothing else that the disk fails at is.
  const isFatal = error === EIO && call !== 'unlink';
  await withTemporary(async (dataDir) => {
    const inLog = { ...env, FAIL_DIRECTORY: join(dataDir, 'log') };
    const mayHoldBack = error === EMFILE && how === 'on';
    const life = await lifeWith(dataDir, inLog, { isFatal, mayHoldBack });
    const mayGoOn = !hasFailed(life) || !isFatal;
    const { ending, stderr } = life;
    const isRight = ending.code === 74 || (ending.code === 0 && mayGoOn);
    assert.ok(isRight, `${JSON.stringify(ending)} ${stderr}`);
    await holds(dataDir, life);
    tally.points += 1;
    if (hasFailed(life)) tally.failed += 1;
    tally.confirmed += life.confirmed.length;
    tally.acked += life.acked.length;
    if (ending.code === 0) tally.wentOn += 1;
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
    const counts: Record<string, number> = JSON.parse(fs.readFileSync(countsPath, 'utf8'));
    for (const [call, count] of Object.entries(counts)) assert.ok(count > 0, `${call} never ran`);
    const all = random.shuffle(pointsOf(counts));
    // No life is like another: the control may have had a call more, and then nothing fails.
    const chosen = [...failedSyncs(counts), ...all.slice(0, 2 * points)];
    const problems: string[] = [];
    for (const point of chosen) {
      if (tally.failed === points) break;
      await tryPoint(shim, point).catch((error: Error) =>
        problems.push(`${JSON.stringify(point)}: ${error.message}`),
      );
    }
    console.log(JSON.stringify({ test: 'failing calls', calls: counts, of: all.length, ...tally }));
    assert.is(problems.length, 0, problems.join('\n'));
    assert.ok(tally.failed === points && tally.ended > 0, 'calls did fail');
  }));

test.run();
