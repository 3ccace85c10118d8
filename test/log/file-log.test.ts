/**
 * The log in good times: what is appended, in which order, when it is durable, and how it comes
 * back; and what a close leaves. Row E13 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
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

const test = suite('file log');

test('a new log is empty, and its first position is 0', async () => {
  const { log, report, bodies } = await openLog(promptStorage());
  assert.equal(bodies, []);
  assert.is(report.epoch, 1);
  assert.is(report.cleanStop, true);
  assert.equal(report.stamp, { timeMs: 0, nextId: 0 });
  assert.is(log.appended, 0);
  assert.is(log.synced, 0);
  await log.close();
});

test('what was durable at a clean stop comes back in order, with stamp and positions', async () => {
  const storage = promptStorage();
  const first = await openLog(storage);
  const positions = [
    ...append(first.log, 'a'),
    ...append(first.log, 'bb', 'ccc'),
    ...append(first.log, 'd'.repeat(290)),
  ];
  await first.log.close();
  const second = await openLog(storage);
  assert.equal(second.bodies, ['a', 'bb', 'ccc', 'd'.repeat(290)]);
  assert.equal(second.positions, positions);
  assert.is(second.report.cleanStop, true);
  assert.is(second.report.epoch, 2);
  assert.is(second.report.records, 4);
  assert.ok(second.report.stamp.timeMs > 1000);
  assert.is(second.report.stamp.nextId, second.report.stamp.timeMs * 2);
  assert.is(second.log.appended, first.log.appended);
  await second.log.close();
});

test('nothing is written before a mark and a commit', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const appends = storage.counts.get('append');
  put(log, 'x');
  log.commit();
  assert.is(log.appended, 0);
  log.mark({ timeMs: 1, nextId: 1 });
  assert.is(log.appended, 7);
  assert.is(log.written, 0);
  assert.is(storage.counts.get('append'), appends);
  log.commit();
  assert.is(log.written, 7);
  assert.is(log.synced, 0);
  await durable(log);
  await log.close();
});

test('the listener is never called from inside a call, and once for all that moved', async () => {
  const { log, listener } = await openLog(promptStorage());
  append(log, 'x');
  assert.is(listener.progresses, 0);
  await Promise.resolve();
  assert.is(listener.progresses, 1);
  assert.is(log.synced, 0);
  append(log, 'y');
  await durable(log);
  assert.is(listener.progresses, 3);
  await log.close();
});

test('while a batch is in flight the next gathers, and follows by itself as one', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const syncs = storage.counts.get('sync')!;
  append(log, 'first');
  for (let count = 0; count < 20; count += 1) append(log, `later ${count}`);
  await durable(log);
  assert.is(storage.counts.get('sync')! - syncs, 2);
  await log.close();
});

test('a batch is cut at a mark and never longer than its limit', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage, { ...smallOptions, segmentBytes: 8192 });
  const syncs = storage.counts.get('sync')!;
  append(log, 'first');
  for (let count = 0; count < 5; count += 1) append(log, 'x'.repeat(194));
  await durable(log);
  assert.is(storage.counts.get('sync')! - syncs, 1 + 3);
  await log.close();
});

test('more under one mark than fits one batch is a defect of the owner', async () => {
  const { log } = await openLog(promptStorage());
  put(log, 'x'.repeat(290));
  put(log, 'x'.repeat(290));
  assert.throws(() => log.mark({ timeMs: 1, nextId: 1 }), /fits one batch/);
});

test('a record may be shorter than announced, never longer', async () => {
  const { log } = await openLog(promptStorage());
  const offset = log.begin(16, 1, 100);
  log.end(offset);
  const next = log.begin(16, 1, 3);
  assert.throws(() => log.end(next + 4));
});

test('segments follow each other, and every record is read back from memory or disk', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const written = new Map<number, string>();
  for (let count = 0; count < 200; count += 1) {
    const body = `${count}:${String.fromCharCode(97 + (count % 26)).repeat((count * 37) % 280)}`;
    written.set(append(log, body)[0]!, body);
    if (count % 3 === 0) await durable(log);
  }
  await durable(log);
  assert.ok(log.segments().length > 5);
  let fetched = 0;
  for (const [position, body] of written) {
    if (log.cached(position, body.length) === undefined) {
      fetched += 1;
      await log.read(position, body.length);
    }
    assert.is(read(log, position, body.length), body);
  }
  assert.ok(fetched > 20);
  await log.close();
  const again = await openLog(storage);
  assert.equal(again.bodies, [...written.values()]);
  for (const [position, body] of [...written].reverse()) {
    await again.log.read(position, body.length);
    assert.is(read(again.log, position, body.length), body);
  }
  await again.log.close();
});

test('many reads at once share what they fetch', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const positions: number[] = [];
  for (let count = 0; count < 100; count += 1) {
    positions.push(...append(log, `body ${count}`));
    await durable(log);
  }
  const reads = storage.counts.get('read') ?? 0;
  await Promise.all(positions.slice(0, 5).map((position) => log.read(position, 6)));
  assert.is((storage.counts.get('read') ?? 0) - reads, 1);
  await log.close();
});

test('pages read back are pushed out by later ones', async () => {
  const { log } = await openLog(promptStorage());
  const positions: number[] = [];
  for (let count = 0; count < 80; count += 1) {
    positions.push(...append(log, `${count}`.padEnd(100, '.')));
    await durable(log);
  }
  const oldest = positions.slice(0, 60);
  for (const position of oldest) await log.read(position, 100);
  const cached = oldest.filter((position) => log.cached(position, 100) !== undefined);
  assert.ok(cached.length > 0 && cached.length < 20, `${cached.length} are cached`);
  await log.close();
});

test('on return of a close its marker is durable', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const storage = promptStorage(seed, true);
    const { log } = await openLog(storage);
    append(log, 'x');
    await log.close();
    const again = await openLog(storage.crash('power'));
    assert.is(again.report.cleanStop, true);
    await again.log.close();
  }
});

test('live bytes follow their records into the segments', async () => {
  const { log } = await openLog(promptStorage());
  for (let count = 0; count < 60; count += 1) {
    const [position] = append(log, 'x'.repeat(100));
    log.addLive(position!, 100);
    if (count % 4 === 0) await durable(log);
  }
  assert.is(log.space().liveBytes, 6000);
  await durable(log);
  assert.is(log.space().liveBytes, 6000);
  const segments = log.segments();
  assert.is(
    segments.reduce((sum, segment) => sum + segment.liveBytes, 0),
    6000,
  );
  for (const segment of segments) {
    const bytes = segment.endPosition - segment.firstPosition;
    assert.is(segment.liveBytes, (bytes / 106) * 100);
  }
  log.addDead(6, 100);
  assert.is(log.segments()[0]!.liveBytes, segments[0]!.liveBytes - 100);
  assert.is(log.space().liveBytes, 5900);
  await log.close();
});

test('live bytes of records that still gather count for the right batch', async () => {
  const { log } = await openLog(promptStorage());
  append(log, 'in flight');
  for (let count = 0; count < 40; count += 1) {
    const position = put(log, 'x'.repeat(94));
    log.addLive(position, 94);
    log.mark({ timeMs: 1, nextId: 1 });
  }
  log.addDead(15 + 6, 94);
  log.commit();
  await durable(log);
  for (const segment of log.segments().slice(1)) {
    assert.is(segment.liveBytes, ((segment.endPosition - segment.firstPosition) / 100) * 94);
  }
  assert.is(log.space().liveBytes, 39 * 94);
  await log.close();
});

test('a close waits for what is marked', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  for (let count = 0; count < 50; count += 1) append(log, `record ${count}`);
  await log.close();
  await log.close();
  const again = await openLog(storage);
  assert.is(again.bodies.length, 50);
  await again.log.close();
});

test('the next segment is made while the present one fills', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const count = (): number => [...storage.files().keys()].filter((n) => n.endsWith('.wq')).length;
  assert.is(count(), 1);
  for (let index = 0; index < 4; index += 1) append(log, 'x'.repeat(200));
  await durable(log);
  await until(() => count() === 2);
  assert.is(log.segments().length, 1);
  await log.close();
});

test('a close over a failure of the owner is no clean stop', async () => {
  const storage = promptStorage();
  const { log, listener } = await openLog(storage);
  append(log, 'confirmed');
  await durable(log);
  await log.close(new Error('EIO: the owner could not read'));
  assert.is(listener.endings[0]?.how, 'failed');
  const again = await openLog(storage);
  assert.is(again.report.cleanStop, false);
  assert.equal(again.bodies, ['confirmed']);
  await again.log.close();
});

test('a second close is over when the first one is', async () => {
  const { log } = await openLog(promptStorage());
  append(log, 'in flight');
  let isOver = false;
  const first = log.close().then(() => {
    isOver = true;
  });
  await log.close();
  assert.ok(isOver);
  await first;
});

test.run();
