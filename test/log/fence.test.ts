/**
 * What a log does whose directory somebody else has taken: it confirms nothing and leaves every
 * name alone. Rows E4 and E22 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DirectoryLockedError } from '../../src/errors.ts';
import type { Storage } from '../../src/log/storage.ts';
import { rejects } from '../support/rejects.ts';
import {
  append,
  durable,
  openLog,
  promptStorage,
  smallOptions,
  until,
} from './support/storages.ts';

const test = suite('fence');

test('a log that somebody else owns confirms nothing', async () => {
  const storage = promptStorage();
  let isOurs = true;
  const { log, listener } = await openLog(storage, { ...smallOptions, fence: () => isOurs });
  append(log, 'ours');
  await durable(log);
  const { synced } = log;
  const checkpoint = storage.files().get('CHECKPOINT');
  append(log, 'in flight');
  isOurs = false;
  await durable(log, listener);
  assert.is(listener.endings[0]?.how, 'fenced');
  assert.is(log.synced, synced);
  await log.close();
  assert.equal(storage.files().get('CHECKPOINT'), checkpoint);
});

test('a close of a log that somebody else owns leaves no clean marker', async () => {
  const storage = promptStorage();
  let isOurs = true;
  const { log } = await openLog(storage, { ...smallOptions, fence: () => isOurs });
  append(log, 'ours');
  await durable(log);
  isOurs = false;
  await log.close();
  const again = await openLog(storage);
  assert.is(again.report.cleanStop, false);
});

test('nothing counts as written that was appended to the log of somebody else', async () => {
  const storage = promptStorage();
  let isOurs = true;
  const { log, listener } = await openLog(storage, { ...smallOptions, fence: () => isOurs });
  append(log, 'ours');
  await durable(log);
  const { written } = log;
  isOurs = false;
  append(log, 'of a process that slept');
  assert.is(log.written, written);
  await durable(log, listener);
  assert.is(log.written, written);
  assert.is(listener.endings[0]?.how, 'fenced');
  await log.close();
});

test('a fence that cannot be asked ends the log', async () => {
  const storage = promptStorage();
  let isBroken = false;
  const fence = () => {
    if (isBroken) throw new Error('EIO: the lock cannot be looked at');
    return true;
  };
  const { log, listener } = await openLog(storage, { ...smallOptions, fence });
  isBroken = true;
  append(log, 'nobody knows whose');
  await durable(log, listener);
  assert.is(listener.endings[0]?.how, 'failed');
  assert.is(log.written, 0);
  await log.close();
});

/** The storage, and `before` called before each change of a name. */
function watched(storage: Storage, before: (change: string) => void): Storage {
  return {
    list: () => storage.list(),
    open: async (name, how) => {
      if (how === 'create') before(`create ${name}`);
      return await storage.open(name, how);
    },
    rename: async (from, to) => {
      before(`rename ${from}`);
      await storage.rename(from, to);
    },
    unlink: async (name) => {
      before(`unlink ${name}`);
      await storage.unlink(name);
    },
    syncDir: () => storage.syncDir(),
    freeBytes: () => storage.freeBytes(),
  };
}

/** A directory in which a start has every step to take: a torn tail, and a file without a batch. */
async function untidy() {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  append(log, 'first');
  await durable(log);
  append(log, 'torn');
  await durable(log);
  const files = storage.files();
  const name = '0000000001.wq';
  files.set(name, files.get(name)!.subarray(0, -1));
  files.set('0000000002.wq', Buffer.alloc(10));
  for (const left of ['torn.tmp', 'rewritten.tmp', 'checkpoint.tmp']) {
    files.set(left, Buffer.from('left'));
  }
  return promptStorage().load(files);
}

test('a start that is overtaken changes no name any more, at whatever step', async () => {
  const all: string[] = [];
  const { log } = await openLog(watched(await untidy(), (change) => void all.push(change)));
  const steps = all.length;
  await log.close();
  assert.ok(all.includes('unlink 0000000002.wq') && all.includes('rename rewritten.tmp'));
  for (let last = 1; last < steps; last += 1) {
    const changes: string[] = [];
    let isOurs = true;
    const storage = watched(await untidy(), (change) => {
      changes.push(change);
      if (changes.length === last) isOurs = false;
    });
    const options = { ...smallOptions, fence: () => isOurs };
    const error = await rejects(openLog(storage, options), { name: 'DirectoryLockedError' });
    assert.instance(error, DirectoryLockedError);
    assert.equal(changes, all.slice(0, last));
  }
});

test('a start that slept leaves the files of whoever took the directory meanwhile', async () => {
  const storage = promptStorage();
  const first = await openLog(storage);
  append(first.log, 'first');
  await durable(first.log);
  await openLog(storage);
  let isOurs = true;
  let wake = () => {};
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let isAsleep = false;
  const slow = watched(storage, () => {});
  // The first one is that of the checkpoint; the files without a batch go next.
  slow.syncDir = async () => {
    await storage.syncDir();
    isAsleep = true;
    await woken;
  };
  const options = { ...smallOptions, fence: () => isOurs };
  const sleeper = rejects(openLog(slow, options), { name: 'DirectoryLockedError' });
  await until(() => isAsleep);
  isOurs = false;
  const { log } = await openLog(storage);
  append(log, 'of the new owner');
  await durable(log);
  const before = storage.files();
  wake();
  await sleeper;
  assert.equal(storage.files(), before);
  await log.close();
});

/** Each change of a name in a life is the last before the log is lost, in turn. */
test('a log that is lost rolls, checkpoints, drops and fills nothing any more', async () => {
  const seen = new Set<string>();
  for (let last = 1; ; last += 1) {
    let isOurs = true;
    let isCounting = false;
    const changes: string[] = [];
    const storage = watched(promptStorage(), (change) => {
      if (isCounting) changes.push(change);
      if (changes.length === last) isOurs = false;
    });
    const options = { ...smallOptions, reserve: true, fence: () => isOurs };
    const { log, listener } = await openLog(storage, options);
    isCounting = true;
    for (let count = 0; count < 30; count += 1) {
      append(log, `record ${count}`.padEnd(100, '.'));
      await durable(log, listener);
    }
    await log.dropBefore(log.appended).catch(() => undefined);
    await log.close();
    for (const change of changes) seen.add(change.replace(/\d+/, 'N'));
    assert.is(changes.length, last);
    // The checkpoint of the clean stop is the last change of all.
    if (listener.endings.length === 0) break;
    assert.is(listener.endings[0]!.how, 'fenced');
  }
  for (const change of ['create N.wq', 'rename checkpoint.tmp', 'unlink N.wq']) {
    assert.ok(seen.has(change), change);
  }
});

test.run();
