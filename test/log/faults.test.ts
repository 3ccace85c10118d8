/**
 * What the log does when the disk fails or is full: nothing is confirmed in vain. Rows
 * E14, E15, E16, E17 and E18 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FileLogOptions } from '../../src/log/file-log.ts';
import { type Operation, type SimulatedStorage, systemError } from '../simulation/storage.ts';
import { rejects } from '../support/rejects.ts';
import {
  append,
  durable,
  openLog,
  promptStorage,
  put,
  read,
  smallOptions,
  until,
} from './support/storages.ts';

const test = suite('faults');

const withReserve: FileLogOptions = { ...smallOptions, reserve: true };

/** The first operation of this kind on a file that the pattern fits fails. */
function failOnce(storage: SimulatedStorage, operation: Operation, pattern: RegExp, code: string) {
  let hasFailed = false;
  storage.fault = (asked, name) => {
    if (hasFailed || asked !== operation || !pattern.test(name)) return undefined;
    hasFailed = true;
    return systemError(code, operation);
  };
}

test('a failed sync ends the log, confirms nothing, and is never tried again', async () => {
  const storage = promptStorage();
  const { log, listener } = await openLog(storage);
  append(log, 'durable');
  await durable(log);
  const { synced } = log;
  failOnce(storage, 'sync', /wq$/, 'EIO');
  append(log, 'lost');
  append(log, 'lost too');
  await durable(log, listener);
  const syncs = storage.counts.get('sync');
  append(log, 'never');
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(log.synced, synced);
  assert.is(storage.counts.get('sync'), syncs);
  assert.equal(
    listener.endings.map(({ how, error }) => [how, error.message]),
    [['failed', 'EIO: simulated, sync']],
  );
  await log.close();
  const again = await openLog(storage.crash('power'));
  assert.is(again.report.cleanStop, false);
  assert.equal(again.bodies.slice(0, 1), ['durable']);
});

test('a failed write ends the log', async () => {
  const storage = promptStorage();
  const { log, listener } = await openLog(storage);
  failOnce(storage, 'append', /wq$/, 'EIO');
  append(log, 'lost');
  assert.is(listener.endings.length, 0, 'not from inside the call');
  await durable(log, listener);
  assert.is(log.written, 0);
  assert.is(listener.endings[0]?.how, 'failed');
});

for (const [operation, pattern] of [
  ['open', /0000000002.wq/],
  ['sync', /0000000002.wq/],
  ['append', /0000000002.wq/],
] as const) {
  test(`a new segment that cannot be made ends the log: ${operation}`, async () => {
    const storage = promptStorage();
    const { log, listener } = await openLog(storage);
    failOnce(storage, operation, pattern, 'EIO');
    for (let count = 0; count < 20 && listener.endings.length === 0; count += 1) {
      append(log, 'x'.repeat(200));
      await durable(log, listener);
    }
    assert.is(listener.endings[0]?.how, 'failed');
  });
}

for (const code of ['EMFILE', 'ENFILE']) {
  test(`without a descriptor for a new segment the log waits for one: ${code}`, async () => {
    const storage = promptStorage();
    const { log, listener } = await openLog(storage);
    storage.fault = (asked) => (asked === 'open' ? systemError(code, asked) : undefined);
    const bodies: string[] = [];
    while (!log.stalled) {
      bodies.push(`${bodies.length}:`.padEnd(200, 'x'));
      append(log, bodies.at(-1)!);
      await until(() => log.synced === log.appended || log.stalled);
    }
    const { synced } = log;
    for (let count = 0; count < 5; count += 1) {
      log.commit();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.is(log.synced, synced);
    storage.fault = () => undefined;
    await durable(log);
    assert.not(log.stalled);
    assert.equal(listener.endings, []);
    const again = await openLog(storage.crash('power'));
    assert.equal(again.bodies, bodies);
  });
}

const withoutDescriptors = (asked: Operation) =>
  asked === 'open' ? systemError('EMFILE', asked) : undefined;

test('a close while the log waits for a descriptor ends it, also with a drop under way', async () => {
  const storage = promptStorage();
  const { log, listener } = await openLog(storage);
  for (let count = 0; count < 40; count += 1) {
    append(log, 'x'.repeat(100));
    await durable(log);
  }
  storage.fault = withoutDescriptors;
  while (!log.stalled) {
    append(log, 'x'.repeat(100));
    await until(() => log.synced === log.appended || log.stalled);
  }
  const dropped = rejects(log.dropBefore(log.segments()[2]!.endPosition), { code: 'EMFILE' });
  await rejects(log.close(), { code: 'EMFILE' });
  await dropped;
  await until(() => listener.endings.length > 0);
  assert.is(listener.endings[0]!.how, 'failed');
});

test('a log that closes does not begin to wait for a descriptor', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  storage.fault = withoutDescriptors;
  while (log.segments()[0]!.fileBytes < 1700) {
    append(log, 'x'.repeat(100));
    await durable(log);
  }
  // The first one still fits, the second one waits behind it and does not.
  append(log, 'y'.repeat(280));
  append(log, 'z'.repeat(280));
  assert.not(log.stalled);
  await rejects(log.close(), { code: 'EMFILE' });
});

for (const [code, options] of [
  ['EMFILE', smallOptions],
  ['ENOSPC', withReserve],
] as const) {
  test(`a new segment whose name could not be synced is made again: ${code}`, async () => {
    const storage = promptStorage();
    const { log, listener } = await openLog(storage, options);
    await until(() => options.reserve !== true || storage.files().has('reserve-2'));
    failOnce(storage, 'syncDir', /^$/, code);
    const bodies = Array.from({ length: 20 }, (_, index) => `${index}:`.padEnd(200, 'x'));
    for (const body of bodies) {
      append(log, body);
      await durable(log, listener);
    }
    assert.equal(listener.endings, []);
    assert.ok(log.segments().length > 1);
    const again = await openLog(storage.crash('power'));
    assert.equal(again.bodies, bodies);
  });
}

test('a new segment whose name cannot be made durable is not used', async () => {
  const storage = promptStorage();
  const { log, listener } = await openLog(storage);
  failOnce(storage, 'syncDir', /^$/, 'EIO');
  for (let count = 0; count < 20 && listener.endings.length === 0; count += 1) {
    append(log, 'x'.repeat(200));
    await durable(log, listener);
  }
  assert.is(listener.endings[0]?.how, 'failed');
  assert.is(log.segments().length, 1);
});

/** Counts what is asked of the storage, and its files that are open. */
function counted(storage: SimulatedStorage) {
  const count = { asked: 0, open: 0 };
  storage.fault = () => {
    count.asked += 1;
    return undefined;
  };
  const open = storage.open.bind(storage);
  storage.open = async (...how) => {
    const file = await open(...how);
    count.open += 1;
    file.close = () => {
      count.open -= 1;
      return Promise.resolve();
    };
    return file;
  };
  return count;
}

/** Closes a log whose owner failed after so many steps of its life. Returns whether it went on. */
async function closedAfter(steps: number): Promise<boolean> {
  const storage = promptStorage();
  const count = counted(storage);
  const { log } = await openLog(storage);
  const end = count.asked + steps;
  for (let index = 0; index < 12; index += 1) append(log, 'x'.repeat(200));
  await until(() => count.asked >= end || log.synced === log.appended);
  const isCut = log.synced < log.appended;
  await log.close(new Error('the owner failed'));
  const { asked } = count;
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.is(count.asked, asked, `after ${steps} steps something is still under way`);
  assert.is(count.open, 0, `after ${steps} steps a file stays open`);
  return isCut;
}

test('after a close that does not wait nothing is under way, at whatever step', async () => {
  let steps = 0;
  while (await closedAfter(steps)) steps += 1;
  assert.ok(steps > 15);
});

async function filled(storage: SimulatedStorage) {
  const opened = await openLog(storage, withReserve);
  await until(() => storage.files().has('reserve-2'));
  return opened;
}

test('the reserve is made of whole files, in the background', async () => {
  const storage = promptStorage();
  const { log, listener } = await openLog(storage, withReserve);
  assert.is(log.space().reserveHalves, 2, 'with plenty of space it is as good as there');
  assert.not.ok(storage.files().has('reserve-1'));
  await until(() => storage.files().has('reserve-2'));
  await until(() => listener.spaceChanges > 0);
  assert.is(storage.files().get('reserve-1')!.length, 2048);
  assert.is(storage.files().get('reserve-2')!.length, 2048);
  await log.close();
  const again = await openLog(storage, withReserve);
  assert.is(again.log.space().reserveHalves, 2);
  await again.log.close();
});

test('on a full disk the reserve is given up and the same batch written again', async () => {
  const storage = promptStorage();
  const { log, listener } = await filled(storage);
  const changes = listener.spaceChanges;
  append(log, 'before');
  await durable(log);
  storage.capacity = storage.usedBytes + 30;
  const [position] = append(log, 'a batch that does not fit');
  assert.is(log.written, 12, 'a short write is no write');
  await durable(log);
  assert.is(log.space().reserveHalves, 1);
  assert.ok(listener.spaceChanges > changes);
  assert.is(read(log, position!, 6), 'a batc');
  assert.equal(listener.endings, []);
  await log.close();
  const again = await openLog(storage);
  assert.equal(again.bodies, ['before', 'a batch that does not fit']);
});

test('when both halves are used up the log ends, and what was confirmed is there', async () => {
  const storage = promptStorage();
  const { log, listener } = await filled(storage);
  storage.capacity = storage.usedBytes;
  const confirmed: string[] = [];
  for (let count = 0; count < 100 && listener.endings.length === 0; count += 1) {
    const body = `${count}`.repeat(100);
    append(log, body);
    await durable(log, listener);
    if (log.synced === log.appended) confirmed.push(body);
  }
  assert.is(listener.endings[0]?.how, 'failed');
  assert.is(log.space().reserveHalves, 0);
  assert.ok(confirmed.length > 10);
  await log.close();
  storage.capacity += 4096;
  const again = await openLog(storage.crash('power'));
  assert.equal(again.bodies, confirmed);
});

test('beyond a quota, with free space to see, a batch is tried once for each part given up', async () => {
  const storage = promptStorage();
  const { log, listener } = await filled(storage);
  storage.capacity = storage.usedBytes;
  storage.freeBytes = () => Promise.resolve(2 ** 40);
  // As the broker does, which lets the reserve be filled again.
  listener.spaceChanged = () => void log.space();
  let tried = 0;
  storage.fault = (operation, name) => {
    if (operation === 'append' && name.endsWith('.wq')) tried += 1;
    return undefined;
  };
  for (let count = 0; count < 100 && listener.endings.length === 0; count += 1) {
    tried = 0;
    append(log, 'x'.repeat(100));
    await durable(log, listener);
    assert.ok(tried <= 6, `tried ${tried} times`);
  }
  assert.match(listener.endings[0]?.error.message ?? '', /disk is full/);
  await log.close();
});

test('a start on a full disk takes what it needs from the reserve', async () => {
  const storage = promptStorage();
  const { log } = await filled(storage);
  for (let count = 0; count < 9; count += 1) append(log, 'x'.repeat(100));
  await durable(log);
  storage.capacity = storage.usedBytes;
  const next = storage.crash('kill');
  const again = await openLog(next, withReserve);
  assert.is(again.bodies.length, 9);
  assert.is(again.log.space().reserveHalves, 1);
  await again.log.close();
});

test('a filling of the reserve that takes the last room gives it back', async () => {
  const storage = promptStorage();
  storage.capacity = 8000;
  const { log } = await openLog(storage, withReserve);
  storage.capacity = storage.usedBytes + 1000;
  for (let count = 0; count < 5; count += 1) append(log, 'x'.repeat(100));
  await durable(log);
  assert.is(log.space().reserveHalves, 0);
  await until(() => !storage.files().has('reserve.tmp'));
  await log.close();
});

test('a close waits until what was filled without success is cleared away', async () => {
  const storage = promptStorage();
  storage.freeBytes = () => Promise.resolve(2 ** 40);
  storage.capacity = 1000;
  const { log } = await openLog(storage, withReserve);
  await until(() => (storage.files().get('reserve.tmp')?.length ?? 0) > 0);
  await log.close(new Error('the owner failed'));
  const names = [...storage.files().keys()];
  assert.not.ok(names.includes('reserve.tmp'), `${names}`);
});

test('without space for it the reserve is reported as missing', async () => {
  const storage = promptStorage();
  storage.capacity = 3000;
  const { log } = await openLog(storage, withReserve);
  await until(() => log.space().reserveHalves === 0);
  await log.close();
});

test('halves given up are made again when there is space', async () => {
  const storage = promptStorage();
  const { log } = await filled(storage);
  storage.capacity = storage.usedBytes;
  append(log, 'x'.repeat(200));
  await durable(log);
  assert.is(log.space().reserveHalves, 1);
  storage.capacity = Number.MAX_SAFE_INTEGER;
  await until(() => log.space().reserveHalves === 2);
  assert.ok(storage.files().has('reserve-2'));
  await log.close();
});

test('a read error rejects that read, and the next may succeed', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const [position] = append(log, 'first');
  for (let count = 0; count < 40; count += 1) {
    append(log, 'x'.repeat(100));
    await durable(log);
  }
  failOnce(storage, 'read', /0000000001.wq/, 'EIO');
  let message = '';
  await log.read(position!, 5).catch((error: Error) => {
    message = error.message;
  });
  assert.match(message, /EIO/);
  await log.read(position!, 5);
  assert.is(read(log, position!, 5), 'first');
  await log.close();
});

/** What may fail and how often: each call of each kind, once. */
test('each operation of a life fails once: what was confirmed is always there', async () => {
  let points = 0;
  let confirmedAll = 0;
  const operations: Operation[] = [
    'append',
    'sync',
    'syncDir',
    'open',
    'rename',
    'unlink',
    'truncate',
    'list',
    'read',
  ];
  for (const operation of operations) {
    for (const code of ['EIO', 'ENOSPC', 'EMFILE']) {
      for (let at = 1; at <= 60; at += 1) {
        const result = await lifeWithFault(operation, code, at);
        if (!result.hasFailed) break;
        points += 1;
        confirmedAll += result.confirmed;
      }
    }
  }
  console.log(JSON.stringify({ test: 'fault sweep', points, confirmed: confirmedAll, lost: 0 }));
  assert.ok(points > 150);
});

/**
 * Two lives, the second with one fault; a third, after a power cut, must find what was confirmed.
 */
async function lifeWithFault(operation: Operation, code: string, at: number) {
  const storage = promptStorage(at);
  const first = await openLog(storage);
  const confirmed: string[] = [];
  for (let count = 0; count < 8; count += 1) confirmed.push(`first ${count}`.padEnd(120, '.'));
  for (const body of confirmed) append(first.log, body);
  await durable(first.log);
  const next = storage.crash('kill');
  let calls = 0;
  next.fault = (asked) => {
    if (asked === operation) calls += 1;
    return asked === operation && calls === at ? systemError(code, operation) : undefined;
  };
  await secondLife(next, confirmed);
  const hasFailed = calls >= at;
  const last = await openLog(next.crash('power'));
  assert.equal(last.bodies.slice(0, confirmed.length), confirmed, `${operation} ${code} ${at}`);
  return { hasFailed, confirmed: confirmed.length };
}

async function secondLife(storage: SimulatedStorage, confirmed: string[]): Promise<void> {
  const opened = await openLog(storage, smallOptions).catch(() => undefined);
  if (opened === undefined) return;
  const { log, listener } = opened;
  for (let count = 0; count < 12 && listener.endings.length === 0; count += 1) {
    const body = `second ${count}`.padEnd(200, '.');
    append(log, body);
    await durable(log, listener);
    if (log.synced === log.appended) confirmed.push(body);
  }
  await log.read(6, 10).catch(() => undefined);
  await log.close().catch(() => undefined);
}

test('records of one mark are one batch, also when they end at its limit', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  put(log, 'x'.repeat(250));
  put(log, 'y'.repeat(250));
  log.mark({ timeMs: 1, nextId: 1 });
  assert.is(log.appended, 512);
  log.commit();
  await durable(log);
  await log.close();
});

test.run();
