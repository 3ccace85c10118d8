/**
 * A snapshot of a log that goes on: it holds what was there when it was taken, whatever is written,
 * dropped or begun afterwards, and it changes nothing.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Segments } from '../../src/log/segments.ts';
import { resolveSizes } from '../../src/log/sizes.ts';
import { Snapshot } from '../../src/log/snapshot.ts';
import type { Storage } from '../../src/log/storage.ts';
import { Validation } from '../../src/log/validation.ts';
import type { SimulatedStorage } from '../simulation/storage.ts';
import { append, durable, openLog, promptStorage, tinySizes } from './support/storages.ts';

const test = suite('snapshot');

/** The bodies of all records, as a start would read them. */
async function bodiesIn(snapshot: Snapshot): Promise<string[]> {
  const bodies: string[] = [];
  const sizes = resolveSizes(tinySizes);
  const visit = (_kind: number, _version: number, buffer: Buffer, start: number, end: number) => {
    bodies.push(buffer.toString('latin1', start, end));
  };
  await new Validation(snapshot, new Segments(snapshot), sizes, visit).run();
  return bodies;
}

const some = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `record ${from + index} `.repeat(8));

async function running(bodies: readonly string[]) {
  const storage: SimulatedStorage = promptStorage();
  const { log } = await openLog(storage);
  for (const body of bodies) {
    append(log, body);
    await durable(log);
  }
  return { storage, log };
}

test('it does not see what is appended afterwards, in any segment', async () => {
  const { storage, log } = await running(some(0, 3));
  const snapshot = await Snapshot.take(storage);
  assert.is(await snapshot.hasMovedOn(), false);
  append(log, 'one more');
  await durable(log);
  assert.is(await snapshot.hasMovedOn(), true);
  assert.equal(await bodiesIn(snapshot), some(0, 3));
  for (const body of some(3, 90)) {
    append(log, body);
    await durable(log);
  }
  assert.equal(await bodiesIn(snapshot), some(0, 3));
  await snapshot.close();
});

test('what is dropped afterwards stays readable', async () => {
  const { storage, log } = await running(some(0, 90));
  const snapshot = await Snapshot.take(storage);
  await log.dropBefore(log.segments().at(-1)!.firstPosition);
  assert.equal(await bodiesIn(snapshot), some(0, 90));
  await snapshot.close();
});

test('one between whose files a broker starts begins again', async () => {
  const { storage, log } = await running(some(0, 3));
  await log.close();
  let starts = 0;
  const startOnce = async () => {
    if (starts > 0) return;
    starts += 1;
    const { log: next } = await openLog(storage);
    append(next, 'after the start');
    await durable(next);
  };
  const between: Storage = {
    list: async () => {
      // The checkpoint is open by now, and is that of a clean stop.
      await startOnce();
      return await storage.list();
    },
    open: (name, how) => storage.open(name, how),
    rename: (from, to) => storage.rename(from, to),
    unlink: (name) => storage.unlink(name),
    syncDir: () => storage.syncDir(),
    freeBytes: () => storage.freeBytes(),
  };
  const snapshot = await Snapshot.take(between);
  assert.is(starts, 1);
  assert.equal(await bodiesIn(snapshot), [...some(0, 3), 'after the start']);
  await snapshot.close();
});

test('one that is taken while segments come and go begins again until all fit together', async () => {
  const { storage, log } = await running(some(0, 60));
  let isOver = false;
  const churning = (async () => {
    for (let number = 60; !isOver; number += 1) {
      append(log, ...some(number, number + 1));
      await durable(log);
      if (number % 30 === 0) await log.dropBefore(log.segments().at(-2)!.firstPosition);
    }
  })();
  for (let round = 0; round < 60; round += 1) {
    const snapshot = await Snapshot.take(storage);
    const bodies = await bodiesIn(snapshot);
    const numbers = bodies.map((body) => Number(body.split(' ')[1]));
    const first = numbers[0]!;
    assert.equal(
      numbers,
      numbers.map((_, index) => first + index),
    );
    await snapshot.close();
  }
  isOver = true;
  await churning;
});

test.run();
