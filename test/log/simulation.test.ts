/** Seeded histories of the log, and a log that lies, which the same histories must catch. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FileLog } from '../../src/log/file-log.ts';
import { printedSeed } from '../support/random.ts';
import { emptyCounts, History, makeFileLog } from './support/history.ts';

const test = suite('simulation of the log');
const seeds = Number(process.env.SEEDS ?? 150);
const firstSeed = printedSeed('simulation of the log');

test('every life finds all that was reported as durable', async () => {
  const counts = emptyCounts();
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    try {
      await new History(seed, counts, makeFileLog).run(8, 150);
    } catch (error) {
      console.error(`WONDERQ_SEED=${seed} SEEDS=1 shows it again`);
      throw error;
    }
  }
  console.log(JSON.stringify({ test: 'simulation of the log', seeds, ...counts, lost: 0 }));
  for (const [path, count] of Object.entries(counts)) assert.ok(count > 0, `${path} never ran`);
});

/** Reports as durable what was only written. */
class HastyLog extends FileLog {
  override get synced(): number {
    return this.written;
  }
}

test('a log that confirms before the sync is caught', async () => {
  let caught = 0;
  for (let seed = firstSeed; seed < firstSeed + 20; seed += 1) {
    const history = new History(
      seed,
      emptyCounts(),
      (storage, options) => new HastyLog(storage, options),
    );
    await history.run(8, 150).catch((error: Error) => {
      assert.match(error.message, /was confirmed and is lost/);
      caught += 1;
    });
  }
  console.log(JSON.stringify({ test: 'canary: confirm before sync', seeds: 20, caught }));
  assert.ok(caught >= 4);
});

test.run();
