// A log directory has one owner: who is refused, who may take a lock that was left behind, and how
// an owner notices that it is none any more. Rows E1, E17, E20, E21, E22 and E23 of
// docs/reliability.md.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ownLoopback } from '../../src/cli/loopback.ts';
import { DirectoryLock } from '../../src/log/directory-lock.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { programWords } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { type Start, type TestProcess, withProcesses } from '../support/processes.ts';
import { rejects } from '../support/rejects.ts';
import { temporary } from '../support/temporary.ts';
import { within } from '../support/within.ts';

const limitMs = 60_000;
const holder = programWords('test/log/support/directory-lock-holder.ts');
const refused = { name: 'DirectoryLockedError' };
const test = suite('directory lock');

interface Record {
  processId: number;
  startTime: string;
  bootId: string;
  processNamespace: string;
  inode: string;
  since: string;
}

function check(name: string, body: (directory: string, start: Start) => Promise<void>): void {
  const withBoth = temporary((directory) => withProcesses((start) => body(directory, start)));
  test(name, within(limitMs, withBoth));
}

function startHolder(start: Start, directory: string, ...how: string[]): TestProcess {
  return start(process.execPath, [...holder, directory, ...how]);
}

async function startLocked(start: Start, directory: string): Promise<TestProcess> {
  const process = startHolder(start, directory);
  await process.line(/^locked$/);
  return process;
}

const lockIn = (directory: string) => path.join(directory, 'lock');

function readRecord(directory: string): Record {
  return JSON.parse(fs.readFileSync(lockIn(directory), 'utf8'));
}

/** What a process that is alive writes: this one. */
async function livingRecord(directory: string): Promise<Record> {
  const lock = await DirectoryLock.acquire(directory);
  const record = readRecord(directory);
  await lock.release();
  return record;
}

/** A lock as another process would leave or hold it, last renewed so long ago. */
function plant(directory: string, record: Record, ageMs: number): void {
  plantText(directory, JSON.stringify(record), ageMs);
}

function plantText(directory: string, text: string, ageMs: number): void {
  const time = new Date(Date.now() - ageMs);
  fs.writeFileSync(lockIn(directory), text);
  fs.utimesSync(lockIn(directory), time, time);
}

async function isTaken(directory: string): Promise<void> {
  const lock = await DirectoryLock.acquire(directory);
  assert.ok(lock.isOurs());
  assert.is(readRecord(directory).processId, process.pid);
  await lock.release();
}

check('a second process is refused and told who has it', async (directory, start) => {
  const first = await startLocked(start, directory);
  const second = startHolder(start, directory);
  const [, why = ''] = await second.line(/^refused: (.*)$/);
  assert.match(why, new RegExp(`in use by process ${first.id} since \\d{4}-`));
  assert.is((await second.ended).code, 75);
});

check('another name of the directory is refused too', async (directory, start) => {
  const real = path.join(directory, 'real');
  fs.mkdirSync(real);
  fs.symlinkSync(real, path.join(directory, 'other'));
  const first = await startLocked(start, real);
  const error = await rejects(DirectoryLock.acquire(path.join(directory, 'other')), refused);
  assert.match(error.message, `process ${first.id}`);
});

check('after kill -9 the directory is free at once', async (directory, start) => {
  const first = await startLocked(start, directory);
  await first.end('SIGKILL');
  assert.ok(fs.existsSync(lockIn(directory)), 'the lock was left behind');
  const beganMs = performance.now();
  await isTaken(directory);
  assert.ok(performance.now() - beganMs < 1000);
});

check(
  'a kill at any step of the locking leaves a directory that is free at once',
  async (directory, start) => {
    let killed = 0;
    for (;;) {
      const process = startHolder(start, directory, 'killed', `${killed}`);
      const { signal } = await process.ended;
      if (signal !== 'SIGKILL') break;
      await isTaken(directory);
      assert.equal(fs.readdirSync(directory), [], `after ${killed} steps`);
      killed += 1;
    }
    assert.ok(killed >= 5, `${killed}`);
  },
);

check('a lock that another makes at the same moment stays the other one', async (directory) => {
  const record = await livingRecord(directory);
  const { linkSync } = fs;
  fs.linkSync = (from, to) => {
    plant(directory, record, 0);
    linkSync(from, to);
  };
  try {
    await rejects(DirectoryLock.acquire(directory), refused);
  } finally {
    fs.linkSync = linkSync;
  }
  assert.equal(readRecord(directory), record);
  assert.equal(fs.readdirSync(directory), ['lock']);
});

check('whoever is overtaken by one that clears up begins anew', async (directory) => {
  const { linkSync } = fs;
  fs.linkSync = (from, to) => {
    fs.linkSync = linkSync;
    fs.rmSync(from);
    linkSync(from, to);
  };
  try {
    await isTaken(directory);
  } finally {
    fs.linkSync = linkSync;
  }
});

check('the owner decides what SIGTERM does', async (directory, start) => {
  const first = await startLocked(start, directory);
  assert.equal(await first.end('SIGTERM'), { code: 0, signal: null });
  assert.match(first.stdout, 'released');
  assert.equal(fs.readdirSync(directory), []);
});

check('of many that start at once one wins', async (directory, start) => {
  const all = Array.from({ length: 10 }, () => startHolder(start, directory, 'wait'));
  await Promise.all(all.map((process) => process.line(/^ready$/, { deadlineMs: limitMs })));
  for (const process of all) process.signal('SIGUSR2');
  const lines = await Promise.all(all.map((process) => process.line(/^(locked|refused)/)));
  const winners = all.filter((_, index) => lines[index]![1] === 'locked');
  assert.is(winners.length, 1);
  assert.is(readRecord(directory).processId, winners[0]!.id);
});

check('a lock is refused without a look at the disk', async (directory) => {
  const lock = await DirectoryLock.acquire(directory);
  fs.rmSync(lockIn(directory));
  await rejects(DirectoryLock.acquire(directory), refused);
  await lock.release();
  await isTaken(directory);
});

check('the name of the socket is 108 bytes for every version of Node', async (directory) => {
  const lock = await DirectoryLock.acquire(directory);
  const { dev, ino } = fs.statSync(directory);
  const name = `@wonderq-log:${dev}:${ino}:`;
  const lines = fs.readFileSync('/proc/net/unix', 'utf8').split('\n');
  const line = lines.find((text) => text.includes(name)) ?? '';
  assert.is(line.slice(line.indexOf('@')), name.padEnd(108, '.'));
  await lock.release();
});

check('the lock of a dead process is taken at once', async (directory) => {
  const record = await livingRecord(directory);
  plant(directory, { ...record, startTime: `${Number(record.startTime) + 1}` }, 0);
  await isTaken(directory);
});

check('a lock that was copied with its directory is taken at once', async (directory) => {
  const record = await livingRecord(directory);
  plant(directory, { ...record, inode: `${Number(record.inode) + 1}` }, 0);
  await isTaken(directory);
});

check('the lock of a living process is never taken', async (directory) => {
  const record = await livingRecord(directory);
  plant(directory, record, 3_600_000);
  const error = await rejects(DirectoryLock.acquire(directory), refused);
  assert.match(error.message, `process ${process.pid}`);
  assert.equal(readRecord(directory), record);
});

for (const [whose, change] of [
  ['of another process namespace', { processNamespace: 'pid:[1]' }],
  ['of another machine', { bootId: '00000000-0000-0000-0000-000000000000' }],
] as const) {
  check(`the lock ${whose} is taken only once stale`, async (directory) => {
    const record = { ...(await livingRecord(directory)), ...change };
    plant(directory, record, 5_000);
    const error = await rejects(DirectoryLock.acquire(directory), refused);
    assert.match(error.message, /it may be taken at \d{4}-/);
    assert.equal(readRecord(directory), record);
    plant(directory, record, 11_000);
    await isTaken(directory);
  });
}

check('a lock of nobody known is taken only once stale', async (directory) => {
  for (const left of ['', '{"processId":']) {
    plantText(directory, left, 5_000);
    await rejects(DirectoryLock.acquire(directory), refused);
    plantText(directory, left, 11_000);
    await isTaken(directory);
  }
});

check('an owner whose lock was replaced notices, and leaves the new one', async (directory) => {
  const lock = await DirectoryLock.acquire(directory);
  assert.ok(lock.isOurs());
  const record = readRecord(directory);
  fs.rmSync(lockIn(directory));
  assert.not(lock.isOurs());
  plant(directory, record, 0);
  assert.not(lock.isOurs());
  await lock.release();
  assert.equal(fs.readdirSync(directory), ['lock']);
});

check("a released lock is nobody's", async (directory) => {
  const lock = await DirectoryLock.acquire(directory);
  await lock.release();
  await lock.release();
  assert.not(lock.isOurs());
  await isTaken(directory);
});

check('a broker has its directory until it has stopped', async (directory) => {
  const options = { dataDir: directory, port: 0 };
  const first = await startBroker(options);
  await rejects(startBroker(options), refused);
  assert.equal(await first.stop(), { how: 'stopped' });
  const second = await startBroker(options);
  assert.ok(second.report.cleanStop);
  await second.stop();
});

/** While `body` runs the file system has no room for a lock as long as `isFull` says so. */
async function withFullDisk(isFull: () => boolean, body: () => Promise<void>): Promise<void> {
  const { writeFileSync } = fs;
  fs.writeFileSync = (...how) => {
    if (path.basename(`${how[0]}`).startsWith('lock.') && isFull()) {
      throw Object.assign(new Error('ENOSPC: simulated, write'), { code: 'ENOSPC' });
    }
    writeFileSync(...how);
  };
  try {
    await body();
  } finally {
    fs.writeFileSync = writeFileSync;
  }
}

check('a start without room for its lock gives up half of the reserve', async (directory) => {
  const options = { dataDir: directory, port: 0, segmentBytes: 5 * 2 ** 20 };
  const log = path.join(directory, 'log');
  const isWhole = () => fs.existsSync(path.join(log, 'reserve-2'));
  const first = await startBroker(options);
  await eventually('both halves are there', isWhole);
  await first.stop();
  await withFullDisk(isWhole, async () => {
    const second = await startBroker(options);
    assert.ok(second.report.cleanStop);
    assert.ok(fs.existsSync(path.join(log, 'reserve-1')));
    await second.stop();
  });
});

check('a start without room for its lock and without a reserve is refused', async (directory) => {
  const isFull = () => true;
  await withFullDisk(isFull, async () => {
    await rejects(startBroker({ dataDir: directory, port: 0 }), { code: 'ENOSPC' });
  });
  await isTaken(path.join(directory, 'log'));
});

check('a broker that cannot listen gives its directory back', async (directory) => {
  const host = ownLoopback();
  const other = net.createServer().listen(0, host);
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as net.AddressInfo;
  await rejects(startBroker({ dataDir: directory, host, port }), { code: 'EADDRINUSE' });
  await new Promise((resolve) => other.close(resolve));
  const broker = await startBroker({ dataDir: directory, host, port });
  await broker.stop();
});

test.run();
