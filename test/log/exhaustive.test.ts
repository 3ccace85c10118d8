/**
 * Every truncation and every flipped bit of every file of a small log. Each is refused, or
 * reported, or changes nothing; never may a record be gone or different without a word. After an
 * unclean stop one case is out of reach on a single disk: a last segment that ends exactly between
 * two batches later than the checkpoint looks as if those batches had never been written. It is
 * counted, and bounded. Rows E10 and E11 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogDamagedError } from '../../src/errors.ts';
import { SimulatedStorage } from '../simulation/storage.ts';
import { blocks, type Files, tailName } from './support/damage.ts';
import { append, durable, openLog, seeded } from './support/storages.ts';

const test = suite('exhaustive damage');

type Outcome = 'refused' | 'reported' | 'no effect' | 'silent';

/** Operations happen at once: there are thousands of starts. */
function quickStorage(): SimulatedStorage {
  return new SimulatedStorage({ random: seeded(1), schedule: (run) => run() });
}

interface Sample {
  files: Files;
  bodies: string[];
}

async function sample(stop: 'clean' | 'unclean'): Promise<Sample> {
  const storage = quickStorage();
  const bodies: string[] = [];
  for (let life = 0; life < 2; life += 1) {
    const { log } = await openLog(storage);
    for (let count = 0; count < 5; count += 1) {
      const body = `${life}.${count}`.repeat(40).slice(0, 90 + count * 25);
      bodies.push(body);
      append(log, body);
      await durable(log);
    }
    if (life === 0 || stop === 'clean') await log.close();
  }
  return { files: storage.files(), bodies };
}

async function outcome(files: Files, bodies: readonly string[]): Promise<Outcome> {
  const storage = quickStorage().load(files);
  try {
    const { log, report, bodies: found } = await openLog(storage);
    await log.close();
    const isPrefix = found.every((body, index) => body === bodies[index]);
    if (found.length === bodies.length && isPrefix) return 'no effect';
    return report.bytesCut > 0 && isPrefix ? 'reported' : 'silent';
  } catch (error) {
    if (!(error instanceof LogDamagedError)) throw error;
    return 'refused';
  }
}

function counted(): Record<Outcome, number> {
  return { refused: 0, reported: 0, 'no effect': 0, silent: 0 };
}

for (const stop of ['clean', 'unclean'] as const) {
  test(`every truncation after a ${stop} stop`, async () => {
    const { files, bodies } = await sample(stop);
    const counts = counted();
    const silent: string[] = [];
    for (const [name, bytes] of files) {
      for (let length = 0; length < bytes.length; length += 1) {
        const changed = new Map(files).set(name, bytes.subarray(0, length));
        const result = await outcome(changed, bodies);
        counts[result] += 1;
        if (result === 'silent') silent.push(`${name}:${length}`);
      }
    }
    console.log(JSON.stringify({ test: 'truncations', stop, ...counts }));
    const tail = tailName(files);
    const boundaries = blocks(files.get(tail)!).filter((block) => block.isFirst);
    const unprovable = boundaries.map((block) => `${tail}:${block.offset}`);
    for (const place of silent) assert.ok(unprovable.includes(place), place);
    if (stop === 'clean') assert.is(counts.silent, 0);
    assert.ok(counts.refused > 400);
  });

  test(`every flipped bit after a ${stop} stop`, async () => {
    const { files, bodies } = await sample(stop);
    const counts = counted();
    for (const [name, bytes] of files) {
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        const result = await outcome(files, bodies);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        counts[result] += 1;
        assert.is.not(result, 'silent', `${name}, bit ${bit}`);
      }
    }
    console.log(JSON.stringify({ test: 'bit flips', stop, ...counts }));
    if (stop === 'clean') assert.is(counts.reported, 0);
    else assert.ok(counts.reported > 500);
    assert.ok(counts.refused > 8000);
  });
}

test.run();
