// `wonderq log repair` as a command: what it says, that it is never done in place, and that a
// broker starts on the result.
// limit: 120 s

import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeMended, repairDirectory } from '../../src/cli/log/repair.ts';
import { connect } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { temporary } from '../support/temporary.ts';
import {
  flip,
  imageOf,
  log,
  logOf,
  makeLog,
  makeLogAhead,
  noFiles,
  plantEndlessNumber,
  plantUnknownKind,
  segments,
} from './support/log-directory.ts';

const test = suite('log repair');

async function ordersIn(dataDir: string): Promise<string[]> {
  const broker = await startBroker({ dataDir, port: 0 });
  const client = await connect(broker.url, { session: false });
  const deliveries = await client.receive('orders', { max: 9 });
  await client.close();
  await broker.stop();
  return deliveries.map((delivery) => delivery.text());
}

test(
  'what is damaged is left out, told, and nothing else; the log itself stays as it is',
  temporary(async (directory) => {
    const [dataDir, to] = [join(directory, 'data'), join(directory, 'repaired')];
    await makeLog(dataDir, 'clean');
    const tail = segments(dataDir)[2]!;
    flip(tail, fs.statSync(tail).size - 1);
    const before = imageOf(dataDir);
    const { code, stdout, stderr } = await log('repair', '--data-dir', dataDir, '--to', to);
    assert.is(code, 0, stderr);
    assert.match(stdout, /^damaged: 0000000003\.wq, offset \d+, \d+ bytes: it does not check$/m);
    assert.match(stdout, /^lost: batches (\d+) to \1, positions \d+ to \d+, .*checkpoint knows/m);
    assert.match(stdout, /^a message whose acknowledgement, .* comes back$/m);
    assert.match(stdout, /^the repaired log is intact: /m);
    assert.equal(imageOf(dataDir), before);
    // The damaged batch was the ack of b1, which comes back.
    const { code: verified } = await log('verify', '--data-dir', to);
    assert.is(verified, 0);
    assert.equal(await ordersIn(to), ['a2', 'b2']);
  }),
);

test(
  'a segment that is gone, with its acks: what they settled comes back',
  temporary(async (directory) => {
    const [dataDir, to] = [join(directory, 'data'), join(directory, 'repaired')];
    await makeLog(dataDir, 'unclean');
    fs.rmSync(segments(dataDir)[1]!);
    const result = await repairDirectory(dataDir, to);
    const name = '0000000002.wq';
    assert.equal(result.missing, [{ first: name, last: name, where: 'middle' }]);
    assert.is(result.lost.length, 1);
    assert.is(result.lost[0]!.where, 'middle');
    assert.equal(await ordersIn(to), ['b0', 'a2', 'b2']);
  }),
);

test(
  'segments that are gone from the beginning are told together, as what may have been dropped',
  temporary(async (directory) => {
    const [dataDir, to] = [join(directory, 'data'), join(directory, 'repaired')];
    await makeLog(dataDir, 'unclean');
    for (const path of segments(dataDir).slice(0, 2)) fs.rmSync(path);
    const { code, stdout, stderr } = await log('repair', '--data-dir', dataDir, '--to', to);
    assert.is(code, 0, stderr);
    const told = stdout.split('\n').filter((line) => line.startsWith('missing: '));
    assert.is(told.length, 1);
    assert.match(told[0]!, /^missing: 0000000001\.wq to 0000000002\.wq \(from the beginning .*\)$/);
    assert.match(told[0]!, 'where compaction may have dropped them before');
  }),
);

test(
  'a log from over a day ahead starts after repair with --time, and not without',
  temporary(async (directory) => {
    const [dataDir, to] = [join(directory, 'data'), join(directory, 'repaired')];
    await makeLogAhead(dataDir);
    const without = await log('repair', '--data-dir', dataDir, '--to', to);
    assert.is(without.code, 65);
    assert.match(without.stderr, /but the clock says/);
    assert.is(fs.existsSync(to), false);
    const { code, stdout, stderr } = await log(
      'repair',
      '--time',
      '--data-dir',
      dataDir,
      '--to',
      to,
    );
    assert.is(code, 0, stderr);
    assert.match(stdout, /^1 batch set back to the clock's time$/m);
    const broker = await startBroker({ dataDir: to, port: 0 });
    await broker.stop();
  }),
);

test(
  'it makes a new directory only, and a checkpoint where there is none',
  temporary(async (directory) => {
    const [dataDir, to] = [join(directory, 'data'), join(directory, 'repaired')];
    await makeLog(dataDir, 'clean');
    const there = await log('repair', '--data-dir', dataDir, '--to', dataDir);
    assert.is(there.code, 64);
    assert.is((await log('repair', '--data-dir', dataDir)).code, 64);
    assert.is((await log('repair', '--data-dir', directory, '--to', to)).code, 64);
    const checkpoint = join(logOf(dataDir), 'CHECKPOINT');
    fs.rmSync(checkpoint);
    const { code, stdout } = await log('repair', '--json', '--data-dir', dataDir, '--to', to);
    assert.is(code, 0);
    const { nothingLost, checkpoint: said } = JSON.parse(stdout);
    assert.equal([nothingLost, said], [false, 'the file is missing']);
  }),
);

test(
  'with the checkpoint goes what tells of the end, and it says so',
  temporary(async (directory) => {
    const [dataDir, to] = [join(directory, 'data'), join(directory, 'repaired')];
    await makeLog(dataDir, 'clean');
    fs.rmSync(join(logOf(dataDir), 'CHECKPOINT'));
    fs.rmSync(segments(dataDir)[2]!);
    const { code, stdout } = await log('repair', '--data-dir', dataDir, '--to', to);
    assert.is(code, 0);
    assert.match(
      stdout,
      /^the checkpoint is .*; nobody can tell whether .* are missing at the end$/m,
    );
    assert.not.match(stdout, /^missing: /m);
  }),
);

test(
  'a record that cannot be read is told, and its batch left out',
  temporary(async (directory) => {
    const [dataDir, to] = [join(directory, 'data'), join(directory, 'repaired')];
    await makeLog(dataDir, 'clean');
    const place = `0000000003\\.wq, offset ${plantEndlessNumber(dataDir)}`;
    const verified = await log('verify', '--data-dir', dataDir);
    assert.is(verified.code, 65);
    assert.match(verified.stderr, new RegExp(`^wonderq: ${place}: a malformed record\n$`));
    const { code, stdout, stderr } = await log('repair', '--data-dir', dataDir, '--to', to);
    assert.is(code, 0, stderr);
    assert.match(stdout, new RegExp(`^damaged: ${place}, \\d+ bytes: a malformed record$`, 'm'));
    assert.match(stdout, /^lost: batches (\d+) to \1, positions \d+ to \d+, /m);
    // As above: the ack of b1.
    assert.equal(await ordersIn(to), ['a2', 'b2']);
  }),
);

test(
  'what is no file in the place of one is not looked into, and refused',
  temporary(async (directory) => {
    const [dataDir, to] = [join(directory, 'data'), join(directory, 'repaired')];
    await makeLog(dataDir, 'clean');
    const [, path] = segments(dataDir);
    for (const make of Object.values(noFiles)) {
      fs.rmSync(path!, { recursive: true });
      make(path!);
      const { code, stderr } = await log('repair', '--data-dir', dataDir, '--to', to);
      assert.is(code, 65);
      assert.is(stderr, 'wonderq: 0000000002.wq, offset 0: it is no regular file\n');
      assert.is(fs.existsSync(to), false);
    }
  }),
);

test('what was mended is counted, and of one it speaks so', () => {
  const toldOf = (count: number) => {
    const figures = { released: count, redriven: count, delivered: count };
    const dropped = { moved: count, extensionsDropped: count, sessionsEnded: count };
    const mended = {
      ...figures,
      ...dropped,
      queuesDeleted: [],
      queuesNamed: [],
      deadQueuesCleared: [],
    };
    return describeMended({ mended, batchesSetBack: count });
  };
  assert.equal(toldOf(0), []);
  assert.equal(
    toldOf(1).map((line) => line.match(/^1 (lease|dead message|\w+)/)![1]),
    ['lease', 'dead message', 'message', 'delivery', 'extension', 'session', 'batch'],
  );
  assert.equal(
    toldOf(2).map((line) => line.match(/^2 (dead messages|\w+)/)![1]),
    ['leases', 'dead messages', 'messages', 'deliveries', 'extensions', 'sessions', 'batches'],
  );
});

test(
  'a record of a newer program is not left out but refused',
  temporary(async (directory) => {
    const [dataDir, to] = [join(directory, 'data'), join(directory, 'repaired')];
    await makeLog(dataDir, 'clean');
    plantUnknownKind(dataDir);
    const { code, stderr } = await log('repair', '--data-dir', dataDir, '--to', to);
    assert.is(code, 65);
    assert.match(stderr, /0000000003\.wq, offset \d+: unknown record kind 99, version 1/);
    assert.is(fs.existsSync(to), false);
  }),
);

test.run();
