/**
 * Dropping the oldest segments: when they may go, in which order, and what a crash at each step
 * leaves. Rows E2 and E16 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogDamagedError } from '../../src/errors.ts';
import type { FileLog } from '../../src/log/file-log.ts';
import { RECORD_HEADER_BYTES } from '../../src/log/record.ts';
import { SimulatedStorage, systemError } from '../simulation/storage.ts';
import { segmentNames } from './support/damage.ts';
import {
  append,
  durable,
  limitedStorage,
  openLog,
  promptStorage,
  read,
  seeded,
  smallOptions,
  until,
} from './support/storages.ts';

const test = suite('drop');

async function fill(log: FileLog, count: number, from = 0): Promise<string[]> {
  const bodies: string[] = [];
  for (let index = from; index < from + count; index += 1) {
    const body = `record ${index}`.padEnd(100, '.');
    bodies.push(body);
    append(log, body);
    await durable(log);
  }
  return bodies;
}

test('segments that end at or before the position go, the others stay', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const bodies = await fill(log, 60);
  const segments = log.segments();
  assert.ok(segments.length >= 5);
  await log.dropBefore(segments[2]!.endPosition - 1);
  assert.equal(
    log
      .segments()
      .map((segment) => segment.firstPosition)
      .slice(0, segments.length - 2),
    segments.slice(2).map((segment) => segment.firstPosition),
  );
  assert.is(segmentNames(storage.files())[0], '0000000003.wq');
  await log.close();
  const again = await openLog(storage);
  assert.equal(again.bodies, bodies.slice(bodies.length - again.bodies.length));
  assert.is(again.positions[0], segments[2]!.firstPosition + 6);
  await again.log.close();
});

test('nothing to drop writes nothing', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  await fill(log, 3);
  const { appended } = log;
  await log.dropBefore(appended);
  assert.is(log.appended, appended);
  await log.close();
});

test('everything but the segment being written may go', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  await fill(log, 40);
  await log.dropBefore(log.appended);
  assert.is(log.segments().length, 1);
  await fill(log, 40);
  await log.dropBefore(log.appended);
  await log.close();
  const again = await openLog(storage);
  await again.log.dropBefore(again.log.appended);
  assert.is(again.log.segments().length, 1);
  await again.log.close();
  const last = await openLog(storage);
  assert.equal(last.bodies, []);
  await last.log.close();
});

test('the record that allows it is in a later batch than all that was marked before', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  await fill(log, 40);
  append(log, 'in flight');
  append(log, 'gathers');
  const unlinked: number[] = [];
  const { appended } = log;
  storage.fault = (operation) => {
    if (operation === 'unlink') unlinked.push(log.synced);
    return undefined;
  };
  const syncs = storage.counts.get('sync')!;
  await log.dropBefore(log.segments().at(-1)!.firstPosition);
  assert.ok(storage.counts.get('sync')! - syncs >= 2);
  assert.ok(unlinked.length >= 2);
  for (const synced of unlinked) assert.ok(synced > appended);
  await log.close();
});

test('one drop at a time', async () => {
  const { log } = await openLog(promptStorage());
  await fill(log, 40);
  const first = log.dropBefore(log.appended);
  let message = '';
  await log.dropBefore(log.appended).catch((error: Error) => {
    message = error.message;
  });
  assert.match(message, /one drop at a time/);
  await first;
  await log.close();
});

test('a file that cannot be removed stays, and goes with the next drop', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  await fill(log, 40);
  storage.fault = (operation) =>
    operation === 'unlink' ? systemError('EIO', operation) : undefined;
  await log.dropBefore(log.appended);
  assert.is(segmentNames(storage.files())[0], '0000000001.wq');
  assert.is(log.segments().length, 1);
  storage.fault = () => undefined;
  await log.dropBefore(log.appended);
  assert.not.ok(segmentNames(storage.files()).includes('0000000001.wq'));
  await log.close();
});

test('a file that somebody else removed holds nothing up', async () => {
  const storage = promptStorage();
  const told: string[] = [];
  const { log } = await openLog(storage, { ...smallOptions, fileKept: (file) => told.push(file) });
  await fill(log, 40);
  const newest = segmentNames(storage.files()).at(-1)!;
  await storage.unlink('0000000001.wq');
  await log.dropBefore(log.appended);
  assert.equal(segmentNames(storage.files()), [newest]);
  assert.equal(told, []);
  await log.close();
});

test('a file that stays is told each time it is tried', async () => {
  const storage = promptStorage();
  const told: unknown[] = [];
  const fileKept = (file: string, error: unknown) => told.push([file, (error as Error).message]);
  const { log } = await openLog(storage, { ...smallOptions, fileKept });
  await fill(log, 40);
  storage.fault = (operation) =>
    operation === 'unlink' ? systemError('EACCES', operation) : undefined;
  await log.dropBefore(log.appended);
  await log.dropBefore(log.appended);
  const { message } = systemError('EACCES', 'unlink');
  assert.equal(told, Array(2).fill(['0000000001.wq', message]));
  await log.close();
});

test('a file goes only when a read that has yet to open it is over', async () => {
  let open: (() => void) | undefined;
  const storage = new SimulatedStorage({
    random: seeded(1),
    schedule: (run, operation, name) => {
      if (operation === 'open' && name === '0000000001.wq' && hasBegun) open = run;
      else setImmediate(run);
    },
  });
  let hasBegun = false;
  const { log } = await openLog(storage);
  const [body] = await fill(log, 40);
  hasBegun = true;
  const position = log.segments()[0]!.firstPosition + RECORD_HEADER_BYTES;
  const reading = log.read(position, body!.length);
  const dropping = log.dropBefore(log.appended);
  await until(() => log.segments()[0]!.firstPosition > position);
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  assert.ok(segmentNames(storage.files()).includes('0000000001.wq'));
  open!();
  await reading;
  assert.is(read(log, position, body!.length), body);
  await dropping;
  assert.is(segmentNames(storage.files()).length, 1);
  await log.close();
});

test('a start removes what a drop did not, and reads it once more', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  await fill(log, 40);
  const before = storage.files();
  await log.dropBefore(log.appended);
  await log.close();
  const files = new Map(storage.files());
  const missing = segmentNames(before).filter((name) => !files.has(name));
  assert.ok(missing.length >= 2);
  files.set(missing.at(-1)!, before.get(missing.at(-1)!)!);
  const next = promptStorage().load(files);
  const again = await openLog(next);
  assert.ok(again.bodies.length > 0);
  assert.not.ok(next.files().has(missing.at(-1)!));
  await again.log.close();
});

test('a segment missing after the last drop is damage', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  await fill(log, 60);
  await log.dropBefore(log.segments()[2]!.firstPosition);
  await log.close();
  const files = new Map(storage.files());
  files.delete('0000000003.wq');
  await refused(files, /0000000003.wq.*missing/);
});

test('a first segment that lost its beginning is damage', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  await fill(log, 40);
  await log.dropBefore(log.appended);
  await fill(log, 2);
  await log.close();
  const files = new Map(storage.files());
  const name = segmentNames(files)[0]!;
  const bytes = files.get(name)!;
  const first = 64 + 56 + bytes.readUInt32BE(64 + 12);
  files.set(name, Buffer.concat([bytes.subarray(0, 64), bytes.subarray(first)]));
  await refused(files, /lost its beginning/);
});

async function refused(files: Map<string, Buffer>, message: RegExp): Promise<void> {
  try {
    await openLog(promptStorage().load(files));
  } catch (error) {
    assert.instance(error, LogDamagedError);
    assert.match((error as Error).message, message);
    return;
  }
  assert.unreachable('the damage went unnoticed');
}

test('a close waits for a drop that runs, at whatever step, and is a clean stop', async () => {
  for (let steps = 0; ; steps += 1) {
    const storage = promptStorage();
    const { log } = await openLog(storage);
    await fill(log, 40);
    let asked = 0;
    let isClosed = false;
    let isOver = false;
    storage.fault = (operation) => {
      if (operation === 'unlink') assert.not.ok(isClosed, 'a file goes after the close');
      asked += 1;
      return undefined;
    };
    const dropped = log.dropBefore(log.appended).then(() => {
      isOver = true;
    });
    await until(() => asked >= steps || isOver);
    const isLast = isOver;
    await log.close();
    isClosed = true;
    assert.equal(segmentNames(storage.files()).length, 1);
    await dropped;
    const again = await openLog(storage);
    assert.ok(again.report.cleanStop);
    await again.log.close();
    if (isLast) break;
  }
});

test('a log that closes drops nothing any more', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const bodies = await fill(log, 40);
  const { appended } = log;
  const closed = log.close();
  await log.dropBefore(appended);
  await closed;
  await log.dropBefore(appended);
  assert.is(log.appended, appended);
  const again = await openLog(storage);
  assert.ok(again.report.cleanStop);
  assert.equal(again.bodies, bodies);
  await again.log.close();
});

/** Copies stand in for what compaction does: what is live of the old segments is appended again. */
test('a crash after each step of a drop loses nothing and refuses nothing', async () => {
  let crashes = 0;
  for (let steps = 0; ; steps += 1) {
    const results = await Promise.all(
      (['kill', 'power'] as const).map((how) => dropWithCrash(steps, how)),
    );
    crashes += results.length;
    if (results.every((isOver) => isOver)) break;
  }
  assert.ok(crashes > 12);
});

async function dropWithCrash(stepsMax: number, how: 'kill' | 'power'): Promise<boolean> {
  const { storage, limit } = limitedStorage(stepsMax);
  const { log } = await openLog(storage);
  const bodies = await fill(log, 40);
  const kept = log.segments().at(-1)!;
  append(log, 'copy of what is live');
  await durable(log);
  limit.steps = stepsMax;
  let isOver = false;
  void log.dropBefore(kept.firstPosition).then(() => {
    isOver = true;
  });
  await until(() => isOver || limit.steps <= 0);
  limit.steps = Number.MAX_SAFE_INTEGER;
  const again = await openLog(storage.crash(how));
  assert.ok(again.bodies.includes('copy of what is live'));
  assert.ok(again.bodies.includes(bodies.at(-1)!));
  await again.log.close();
  return isOver;
}

test.run();
