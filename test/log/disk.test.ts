/**
 * Storage over a real directory keeps its contract, and the log runs on it. Rows E4, E22 and E24 of
 * docs/reliability.md.
 */
import fs from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EXIT, exitCodeOf } from '../../src/cli/failure.ts';
import { DirectoryLock } from '../../src/log/directory-lock.ts';
import { Disk } from '../../src/log/disk.ts';
import { copyBytes } from '../../src/log/files.ts';
import { segmentName } from '../../src/log/segment.ts';
import { eventually } from '../support/eventually.ts';
import { rejects } from '../support/rejects.ts';
import { temporary } from '../support/temporary.ts';
import { within } from '../support/within.ts';
import { append, durable, openLog, read, smallOptions } from './support/storages.ts';

const limitMs = 20_000;
const test = suite('disk');

function check(name: string, body: (disk: Disk, directory: string) => Promise<void>): void {
  const withDisk = temporary(async (parent) => {
    const directory = path.join(parent, 'made', 'log');
    const disk = new Disk(directory);
    await body(disk, directory);
    await disk.close();
  });
  test(name, within(limitMs, withDisk));
}

function mode(name: string): number {
  return fs.statSync(name).mode & 0o777;
}

check('the directory and its files are for their owner only', async (disk, directory) => {
  const file = await disk.open('a', 'create');
  await file.close();
  assert.is(mode(directory), 0o700);
  assert.is(mode(path.join(directory, 'a')), 0o600);
});

check('its name is made durable, also when another start made it', async (_disk, directory) => {
  const synced: string[] = [];
  const { fsyncSync } = fs;
  fs.fsyncSync = (handle) => {
    synced.push(fs.readlinkSync(`/proc/self/fd/${handle}`));
    fsyncSync(handle);
  };
  try {
    await new Disk(directory).close();
  } finally {
    fs.fsyncSync = fsyncSync;
  }
  const made = path.dirname(directory);
  assert.equal(
    synced.slice(0, 2),
    [made, path.dirname(made)].map((name) => fs.realpathSync(name)),
  );
});

check('a file is created once, and must exist to be opened', async (disk) => {
  await (await disk.open('a', 'create')).close();
  await rejects(disk.open('a', 'create'), { code: 'EEXIST' });
  await rejects(disk.open('b', 'append'), { code: 'ENOENT' });
  await rejects(disk.open('b', 'read'), { code: 'ENOENT' });
});

check('a link is not followed', async (disk, directory) => {
  fs.writeFileSync(path.join(directory, 'real'), 'x');
  fs.symlinkSync('real', path.join(directory, 'link'));
  await rejects(disk.open('link', 'append'), { file: 'link', what: 'it is no regular file' });
  assert.equal(await disk.list(), ['real']);
});

check('parts are appended in order, and read from any offset', async (disk) => {
  const file = await disk.open('a', 'create');
  assert.is(file.append([Buffer.from('one')]), 3);
  assert.is(file.append([Buffer.from('two'), Buffer.from('three'), Buffer.from('')]), 8);
  assert.is(file.length, 11);
  await file.sync();
  const target = Buffer.alloc(20, '.');
  assert.is(await file.read(target, 4), 7);
  assert.is(target.toString('latin1', 0, 8), 'wothree.');
  assert.is(await file.read(target, 11), 0);
  await file.truncate(4);
  assert.is(file.length, 4);
  assert.is(file.append([Buffer.from('!')]), 1);
  await file.close();
  const again = await disk.open('a', 'append');
  assert.is(again.length, 5);
  again.append([Buffer.from('?')]);
  const whole = Buffer.alloc(6);
  await again.read(whole, 0);
  assert.is(whole.toString(), 'onet!?');
  await again.close();
});

check('more parts than the system takes at once are appended all the same', async (disk) => {
  const file = await disk.open('a', 'create');
  const parts = Array.from({ length: 3000 }, (_, index) => Buffer.from(`${index % 10}`));
  let taken = 0;
  while (taken < parts.length) taken += file.append(parts.slice(taken));
  assert.is(file.length, 3000);
  await file.close();
});

check('names are changed, removed and listed; directories are not', async (disk, directory) => {
  for (const name of ['a', 'b']) await (await disk.open(name, 'create')).close();
  await disk.rename('a', 'quarantine/a');
  await disk.rename('b', 'c');
  await disk.syncDir();
  assert.equal(await disk.list(), ['c']);
  assert.ok(fs.existsSync(path.join(directory, 'quarantine', 'a')));
  assert.is(mode(path.join(directory, 'quarantine')), 0o700);
  await disk.unlink('c');
  await disk.syncDir();
  assert.equal(await disk.list(), []);
  await rejects(disk.unlink('c'), { code: 'ENOENT' });
});

check('once a file is set aside, names are synced without another descriptor', async (disk) => {
  await (await disk.open('a', 'create')).close();
  await disk.rename('a', 'quarantine/a');
  const { open } = fs.promises;
  let opened = 0;
  fs.promises.open = async (...how) => {
    opened += 1;
    return await open(...how);
  };
  try {
    await disk.syncDir();
  } finally {
    fs.promises.open = open;
  }
  assert.is(opened, 0);
});

check('free space is that of an ordinary user', async (disk, directory) => {
  const { bavail, bsize } = fs.statfsSync(directory);
  const free = await disk.freeBytes();
  assert.ok(Math.abs(free - bavail * bsize) < 2 ** 30);
});

check('a log on it keeps what it confirmed, through stops and restarts', async (disk) => {
  const bodies: string[] = [];
  for (let life = 0; life < 3; life += 1) {
    const { log, bodies: found } = await openLog(disk);
    assert.equal(found, bodies);
    for (let count = 0; count < 60; count += 1) {
      const body = `${life}.${count}`.padEnd((count * 13) % 280, '.');
      bodies.push(body);
      append(log, body);
      if (count % 5 === 0) await durable(log);
    }
    await durable(log);
    const [position] = append(log, 'oldest of this life');
    bodies.push('oldest of this life');
    await log.read(position!, 6);
    assert.is(read(log, position!, 6), 'oldest');
    await log.read(6, 3);
    await log.close();
  }
});

check('a log whose lock somebody else has taken confirms nothing', async (disk, directory) => {
  const lock = await DirectoryLock.acquire(directory);
  const { log, listener } = await openLog(disk, { ...smallOptions, fence: () => lock.isOurs() });
  append(log, 'ours');
  await durable(log);
  const { synced } = log;
  fs.rmSync(path.join(directory, 'lock'));
  fs.writeFileSync(path.join(directory, 'lock'), '');
  append(log, 'of a process that slept');
  await durable(log, listener);
  assert.is(listener.endings[0]?.how, 'fenced');
  assert.is(log.synced, synced);
  await log.close();
  await lock.release();
});

check('with real sizes: long records, a torn tail, the reserve', async (disk, directory) => {
  const segmentBytes = 12 * 2 ** 20;
  const { log } = await openLog(disk, { segmentBytes, reserve: false });
  for (let count = 0; count < 40; count += 1) append(log, `${count}`.padEnd(1_000_000, 'x'));
  await durable(log);
  assert.ok(log.segments().length >= 4);
  const tail = path.join(directory, segmentName(log.segments().length));
  fs.truncateSync(tail, fs.statSync(tail).size - 1000);
  const again = await openLog(disk, { segmentBytes });
  assert.ok(again.report.bytesCut > 100_000);
  assert.is(again.report.cleanStop, false);
  assert.ok(again.bodies.length >= 36 && again.bodies.length < 40);
  assert.is(again.bodies[35], '35'.padEnd(1_000_000, 'x'));
  await eventually('both halves are there', () => fs.existsSync(path.join(directory, 'reserve-2')));
  assert.is(fs.statSync(path.join(directory, 'reserve-2')).size, segmentBytes);
  await again.log.close();
});

check('a file that becomes shorter while it is copied is no defect', async (disk, directory) => {
  fs.writeFileSync(path.join(directory, 'one'), '0123456789');
  const refused = await rejects(copyBytes(disk, 'one', 0, 20, 'two'), {
    name: 'UnsteadyFileError',
    message: 'two, offset 10: what is copied into it became shorter; start again',
  });
  assert.is(exitCodeOf(refused), EXIT.inputOutput);
});

test.run();
