// `wonderq serve` as a process, in what can happen to it: kills, failing disks, damaged logs, a
// directory that somebody else has, clocks. Rows E1, E4, E6 to E15, E19 to E21 and E24 of
// docs/reliability.md.
// limit: 180 s

import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clientOf, serve as serveWith } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { type Start, type TestProcess, withProcesses } from '../support/processes.ts';
import { rejects } from '../support/rejects.ts';
import { temporary } from '../support/temporary.ts';
import { contentsOf, flip, logOf, makeLogAhead, segments } from './support/log-directory.ts';

const test = suite('serve');
const patience = { deadlineMs: 30_000 };
const failing = join(import.meta.dirname, 'support/failing.ts');

function check(title: string, body: (dataDir: string, start: Start) => Promise<void>): void {
  test(
    title,
    temporary((dataDir) => withProcesses((start) => body(dataDir, start))),
  );
}

/** `what`: see support/failing.ts. */
function serve(start: Start, dataDir: string, what = ''): TestProcess {
  return serveWith(start, dataDir, { preload: [failing], env: { FAILING: what } });
}

/** On return what the broker was told to fail at fails. */
async function plant(broker: TestProcess): Promise<void> {
  broker.signal('SIGUSR2');
  await broker.line(/^planted$/, patience);
}

/** All of the log but its lock, which one that is killed leaves and the next one takes away. */
function contents(dataDir: string): Map<string, string> {
  const files = contentsOf(logOf(dataDir));
  files.delete('lock');
  return files;
}

/** A broker that has a message, and has ended. */
async function servedOnce(start: Start, dataDir: string, signal: NodeJS.Signals): Promise<void> {
  const broker = serve(start, dataDir);
  const client = await clientOf(broker);
  await client.produce('orders', 'first');
  await client.produce('orders', 'second');
  await broker.end(signal);
}

/** The next start is refused; nothing of the log was changed. */
async function isRefused(start: Start, dataDir: string, code: number, what = '') {
  const before = contents(dataDir);
  const broker = serve(start, dataDir, what);
  assert.is((await broker.ended).code, code, broker.stderr);
  assert.equal(contents(dataDir), before);
  return broker.stderr;
}

check('E1: after kill -9 the next start has all that was confirmed', async (dataDir, start) => {
  await servedOnce(start, dataDir, 'SIGKILL');
  const client = await clientOf(serve(start, dataDir));
  const deliveries = await client.receive('orders', { max: 3 });
  assert.equal(
    deliveries.map((delivery) => delivery.text()),
    ['first', 'second'],
  );
  await client.close();
});

check('E4: one that was paused and lost its directory confirms nothing', async (dataDir, start) => {
  const broker = serve(start, dataDir);
  const client = await clientOf(broker);
  broker.signal('SIGSTOP');
  const state = () => fs.readFileSync(`/proc/${broker.id}/stat`, 'utf8').includes(') T ');
  await eventually('it is paused', state);
  fs.rmSync(join(logOf(dataDir), 'lock'));
  fs.writeFileSync(join(logOf(dataDir), 'lock'), '');
  const producing = rejects(client.produce('orders', 'too late'), { code: 'CONNECTION_CLOSED' });
  broker.signal('SIGCONT');
  await producing;
  assert.is((await broker.ended).code, 75);
});

for (const what of ['assertion', 'background']) {
  check(`E6: a failed assertion ends it with 70 and is told (${what})`, async (dataDir, start) => {
    const broker = serve(start, dataDir, what);
    const client = await clientOf(broker);
    if (what === 'assertion') broker.signal('SIGUSR2');
    else {
      await plant(broker);
      await rejects(client.produce('orders', 'a'));
    }
    assert.is((await broker.ended).code, 70);
    assert.match(broker.stderr, 'planted assertion');
  });
}

check('E7: a log from over a day ahead is refused, both times named', async (dataDir, start) => {
  const timeMs = await makeLogAhead(dataDir);
  const broker = serve(start, dataDir);
  assert.is((await broker.ended).code, 65);
  assert.match(broker.stderr, new Date(timeMs).toISOString());
  assert.match(broker.stderr, /but the clock says \d{4}-/);
});

check('E8: it says when it runs as root', async (dataDir, start) => {
  const broker = serve(start, dataDir);
  await clientOf(broker);
  assert.is(broker.stderr.includes('the broker runs as root'), process.getuid!() === 0);
});

check('E9: a torn tail is cut, kept, told and counted', async (dataDir, start) => {
  await servedOnce(start, dataDir, 'SIGKILL');
  const tail = segments(dataDir).at(-1)!;
  fs.truncateSync(tail, fs.statSync(tail).size - 3);
  const broker = serve(start, dataDir);
  const client = await clientOf(broker);
  const stats = await client.stats();
  const report = stats.start as { bytesCut: number; cutFile: string };
  assert.ok(report.bytesCut > 0);
  assert.is(fs.statSync(join(logOf(dataDir), report.cutFile)).size, report.bytesCut);
  assert.match(broker.stderr, /"bytesCut":\d+,"cutFile":"quarantine\/.*torn tail was cut/);
  assert.is((await client.getQueue('orders')).ready, 1);
});

check('E10: damage in the middle is refused, with file and offset', async (dataDir, start) => {
  await servedOnce(start, dataDir, 'SIGKILL');
  flip(segments(dataDir)[0]!, 64 + 56 + 3);
  const said = await isRefused(start, dataDir, 65);
  assert.match(said, /0000000001\.wq, offset 64: batch 1 is damaged/);
});

check('E11: any damage is refused after a clean stop', async (dataDir, start) => {
  await servedOnce(start, dataDir, 'SIGTERM');
  const tail = segments(dataDir).at(-1)!;
  flip(tail, fs.statSync(tail).size - 1);
  assert.match(await isRefused(start, dataDir, 65), /after a clean stop/);
});

check('E13: a read that fails refuses the start', async (dataDir, start) => {
  await servedOnce(start, dataDir, 'SIGTERM');
  assert.match(await isRefused(start, dataDir, 74, 'read at-once'), /EIO: planted, read/);
});

check(
  'E12: rot while it serves costs what rotted, and the next start is whole',
  async (dataDir, start) => {
    const first = serve(start, dataDir);
    // So long that no compaction moves them, and with it into memory, at the next start.
    const bodies = ['a', 'b', 'c'].map((letter) => letter.repeat(400_000));
    const producer = await clientOf(first);
    for (const body of bodies) await producer.produce('orders', body);
    await first.end('SIGTERM');
    const broker = serve(start, dataDir);
    const client = await clientOf(broker);
    const segment = join(logOf(dataDir), '0000000001.wq');
    flip(segment, fs.readFileSync(segment).lastIndexOf('bbbb') - 1000);
    const one = await client.receive('orders');
    const deliveries = [...one, ...(await client.receive('orders'))];
    assert.equal(deliveries.map((delivery) => delivery.text()[0]).join(''), 'ac');
    assert.is(Number((await client.getQueue('orders')).unreadable), 1);
    assert.match(broker.stderr, /"file":"0000000001.wq".*"messages":1.*no longer checks/);
    const kept = join(logOf(dataDir), 'quarantine', '0000000001.wq');
    await eventually('the file is kept aside', () => fs.existsSync(kept));
    await client.ack(deliveries[0]!);
    await broker.end('SIGKILL');
    const next = await clientOf(serve(start, dataDir));
    assert.is(Number((await next.getQueue('orders')).unreadable), 1);
    assert.is(await next.purgeQueue('orders'), 2);
  },
);

check('E13: a read that fails while it serves ends it, uncleanly', async (dataDir, start) => {
  const first = serve(start, dataDir);
  // So long that no compaction moves it, and with it into memory, at the next start.
  await (await clientOf(first)).produce('orders', 'x'.repeat(100_000));
  await first.end('SIGTERM');
  const broker = serve(start, dataDir, 'read');
  const client = await clientOf(broker);
  await plant(broker);
  await rejects(client.receive('orders'), { code: 'CONNECTION_CLOSED' });
  assert.is((await broker.ended).code, 74);
  const next = serve(start, dataDir);
  await clientOf(next);
  assert.match(next.stderr, '"cleanStop":false');
});

for (const [title, call] of [
  ['E14: a write that fails ends it, and confirms nothing', 'writevSync'],
  ['E15: a sync that fails ends it, and confirms nothing', 'fdatasync'],
]) {
  check(title!, async (dataDir, start) => {
    const broker = serve(start, dataDir, call);
    const client = await clientOf(broker);
    await client.produce('orders', 'first');
    await plant(broker);
    await rejects(client.produce('orders', 'lost'), { code: 'CONNECTION_CLOSED' });
    assert.is((await broker.ended).code, 74);
    const next = await clientOf(serve(start, dataDir));
    const [first] = await next.receive('orders');
    assert.is(first!.text(), 'first');
  });
}

check('E24: it says when others may read its log', async (dataDir, start) => {
  await servedOnce(start, dataDir, 'SIGTERM');
  fs.chmodSync(logOf(dataDir), 0o750);
  const broker = serve(start, dataDir);
  await clientOf(broker);
  assert.match(broker.stderr, 'others may read the log');
});

check('E19: it says when its log is in memory', async (_dataDir, start) => {
  const memory = '/dev/shm';
  if (!fs.existsSync(memory)) {
    console.log('not run: E19, as there is no memory file system at /dev/shm');
    return;
  }
  const dataDir = fs.mkdtempSync(join(memory, 'wonderq-test-'));
  try {
    const broker = serve(start, dataDir);
    await clientOf(broker);
    assert.match(broker.stderr, 'the log is in memory');
    await broker.end('SIGTERM');
  } finally {
    fs.rmSync(dataDir, { recursive: true });
  }
});

/** A start for which `call` fails is refused, and the next one has everything. */
async function isRefusedWithout(call: string, dataDir: string, start: Start): Promise<void> {
  await servedOnce(start, dataDir, 'SIGTERM');
  const broker = serve(start, dataDir, `${call} at-once`);
  assert.is((await broker.ended).code, 74);
  assert.match(broker.stderr, new RegExp(`^wonderq: EIO: planted, ${call}$`, 'm'));
  assert.not.match(broker.stdout, 'listening');
  const client = await clientOf(serve(start, dataDir));
  assert.is((await client.getQueue('orders')).ready, 2);
}

check('E19: one that cannot sync refuses the start', (dataDir, start) =>
  isRefusedWithout('fdatasync', dataDir, start),
);

check('E19: one that cannot lock refuses the start', (dataDir, start) =>
  isRefusedWithout('linkSync', dataDir, start),
);

check(
  'E20, E21: a second one is told who is there, a killed one is not',
  async (dataDir, start) => {
    const first = serve(start, dataDir);
    await clientOf(first);
    const second = serve(start, dataDir);
    assert.is((await second.ended).code, 75);
    assert.match(second.stderr, `in use by process ${first.id} `);
    await first.end('SIGKILL');
    await clientOf(serve(start, dataDir));
  },
);

test.run();
