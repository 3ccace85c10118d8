// The file calls of a real broker are recorded while a client uses it and it is killed and started
// again; then the states in which a power cut behind any of them can leave the directory are made and
// started on. `WHOLE=1` tries all of them, else they are sampled; `CALLS=N` says how long a life is.
// Rows E3 and E15 of docs/reliability.md.
// limit: 600 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { printedSeed, type Random, seededRandom } from '../support/random.ts';
import { withTemporary } from '../support/temporary.ts';
import { Judge, toldTooEarly } from './support/crash-judge.ts';
import { RecordedDirectory } from './support/crash-states.ts';
import { type Call, compileRecorder } from './support/recorded-calls.ts';
import { queue, type RecordedLives, recordLives } from './support/recorded-lives.ts';
import { type Recovered, recovered } from './support/recovered.ts';

const test = suite('recorded calls');
const isWhole = process.env.WHOLE === '1';
const contentsMax = isWhole ? Number.POSITIVE_INFINITY : 8;
const callsPerLife = Number(
  process.env.CALLS ?? (process.env.WONDERQ_CRASH === undefined ? 120 : 250),
);
const inLog = 'log/';

/** Tries the crash states behind each call; returns what was wrong with them. */
async function tryStates(lives: RecordedLives, judge: Judge, random: Random) {
  const directory = new RecordedDirectory();
  const found = new Map<string, Recovered>();
  const wrongs = new Set<string>();
  let count = 0;
  for (const [life, calls] of lives.calls.entries()) {
    let states: Recovered[] = [];
    for (const call of calls) {
      count += 1;
      if (directory.apply(call)) {
        states = [];
        for (const { id, files } of directory.states(random, contentsMax)) {
          const known = found.get(id) ?? (await recovered(logOf(files), queue));
          found.set(id, known);
          states.push(known);
        }
      }
      for (const state of states) {
        for (const wrong of judge.wrongs(state, count)) wrongs.add(`after ${count}: ${wrong}`);
      }
    }
    directory.endLife();
    assert.equal(directory.files(), lives.files[life], `the record of life ${life} is whole`);
  }
  return { calls: count, states: found.size, wrongs: [...wrongs] };
}

function logOf(files: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  const inside = [...files].filter(([path]) => path.startsWith(inLog));
  return new Map(inside.map(([path, bytes]) => [path.slice(inLog.length), bytes]));
}

const isRemoval = (call: Call) => call.what === 'unlink' && call.path.endsWith('.wq');

test('a power cut behind any recorded call loses nothing that was confirmed', () =>
  withTemporary(async (directory) => {
    const shim = await compileRecorder(directory);
    if (shim === undefined) {
      console.log('not run: crash states of recorded calls (there is no gcc)');
      return;
    }
    const random = seededRandom(printedSeed('recorded calls'));
    const lives = await recordLives({
      directory,
      shim,
      seed: random.uint32(),
      calls: callsPerLife,
    });
    const judge = new Judge(lives);
    const tooEarly = toldTooEarly(lives.calls.flat(), judge);
    const { calls, states, wrongs } = await tryStates(lives, judge, random);
    const confirmed = judge.confirmations().length;
    const { acked } = judge;
    const segmentsRemoved = lives.calls.flat().filter(isRemoval).length;
    const violations = tooEarly.length + wrongs.length;
    const counts = { calls, confirmed, acked, segmentsRemoved, states, violations };
    console.log(JSON.stringify({ test: 'recorded calls', ...counts }));
    assert.is(violations, 0, [...tooEarly, ...wrongs].slice(0, 20).join('\n'));
    assert.ok(confirmed > 50 && acked > 20 && segmentsRemoved > 0, 'there was work');
  }));

test.run();
