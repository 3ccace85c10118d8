// `wonderq log backup` and `restore`: of a log at rest, of a broker that writes and compacts, and
// what is refused. Row E23 of docs/reliability.md.
// limit: 120 s

import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { copyDirectory } from '../../src/cli/log/copy.ts';
import { verdictOn } from '../../src/cli/log/verify.ts';
import { connect } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { temporary } from '../support/temporary.ts';
import { flip, imageOf, log, logOf, makeLog, segments } from './support/log-directory.ts';

const test = suite('log backup and restore');

for (const stop of ['clean', 'unclean'] as const) {
  test(
    `a backup after a ${stop} stop holds what was there, and so does what is restored`,
    temporary(async (directory) => {
      const [dataDir, copy, restored] = places(directory);
      await makeLog(dataDir, stop);
      const before = imageOf(dataDir);
      const made = await log('backup', '--json', '--data-dir', dataDir, '--to', copy);
      assert.is(made.code, 0, made.stderr);
      assert.equal(imageOf(dataDir), before);
      assert.is(JSON.parse(made.stdout).messages, 6);
      const back = await log('restore', '--json', '--from', copy, '--data-dir', restored);
      assert.is(back.code, 0, back.stderr);
      assert.is(JSON.parse(back.stdout).messages, 6);
      for (const path of segments(dataDir)) {
        const name = join('log', path.split('/').at(-1)!);
        assert.equal(fs.readFileSync(join(restored, name)), fs.readFileSync(path));
        assert.is(fs.statSync(join(restored, name)).mode & 0o777, 0o600);
      }
      assert.is(fs.statSync(logOf(restored)).mode & 0o777, 0o700);
      const broker = await startBroker({ dataDir: restored, port: 0 });
      assert.is(broker.report.epoch, 4);
      const client = await connect(broker.url, { session: false });
      const deliveries = await client.receive('orders', { max: 9 });
      assert.equal(
        deliveries.map((delivery) => delivery.text()),
        ['a2', 'b2'],
      );
      await client.close();
      await broker.stop();
    }),
  );
}

test(
  'a backup of a broker that writes and compacts has all that was confirmed before it began',
  temporary(async (directory) => {
    const dataDir = join(directory, 'data');
    const broker = await startBroker({ dataDir, port: 0, segmentBytes: 16 * 1024 * 1024 });
    const client = await connect(broker.url, { session: false });
    const bodies = Array.from({ length: 50 }, () => 'x'.repeat(20_000));
    let isOver = false;
    const churning = (async () => {
      while (!isOver) {
        await client.produceMany('churn', bodies);
        await client.ack(await client.receive('churn', { max: 50 }));
      }
    })();
    const hasCompacted = async () => {
      const { log } = await client.stats({ queues: false });
      return (log as { compactedSegments: number }).compactedSegments > 1;
    };
    for (let round = 0; round < 8 || !(await hasCompacted()); round += 1) {
      const id = await client.produce('kept', `round ${round}`);
      const copy = join(directory, `copy-${round}`);
      const { growing, queues } = await copyDirectory(dataDir, copy);
      assert.is(growing, false);
      assert.ok(queues.find(({ name }) => name === 'kept')!.live > round, String(id));
    }
    isOver = true;
    await churning;
    await client.close();
    await broker.stop();
  }),
);

test(
  'a flip in a backup is found, also in its last batch',
  temporary(async (directory) => {
    const [dataDir, copy, restored] = places(directory);
    await makeLog(dataDir, 'unclean');
    await copyDirectory(dataDir, copy);
    const tail = segments(copy).at(-1)!;
    flip(tail, fs.statSync(tail).size - 1);
    const { code, stderr } = await log('restore', '--from', copy, '--data-dir', restored);
    assert.is(code, 65);
    assert.match(stderr, /after a clean stop/);
    assert.is(fs.existsSync(restored), false);
  }),
);

test(
  'nothing is written over what is there, and of a damaged log there is no backup',
  temporary(async (directory) => {
    const [dataDir, copy, restored] = places(directory);
    await makeLog(dataDir, 'clean');
    fs.mkdirSync(copy);
    const there = await log('backup', '--data-dir', dataDir, '--to', copy);
    assert.is(there.code, 64);
    assert.match(there.stderr, /is there already/);
    const before = imageOf(dataDir);
    const over = await log('restore', '--from', dataDir, '--data-dir', dataDir);
    assert.is(over.code, 64);
    assert.match(over.stderr, /nothing is restored over a log/);
    assert.equal(imageOf(dataDir), before);
    flip(segments(dataDir)[0]!, 200);
    const damaged = await log('backup', '--data-dir', dataDir, '--to', restored);
    assert.is(damaged.code, 65);
    assert.is(fs.existsSync(restored), false);
    assert.is((await verdictOn(copy).catch((error: Error) => error.name)) as string, 'UsageError');
  }),
);

test(
  'nothing is made inside of what is read, by whatever name',
  temporary(async (directory) => {
    const [dataDir, elsewhere] = places(directory);
    await makeLog(dataDir, 'clean');
    fs.renameSync(logOf(dataDir), elsewhere);
    fs.symlinkSync(elsewhere, logOf(dataDir));
    fs.symlinkSync(dataDir, join(directory, 'link'));
    const before = imageOf(directory);
    for (const [command, read, made, inner] of [
      ['backup', '--data-dir', '--to', 'data/inner'],
      ['backup', '--data-dir', '--to', 'data/log/inner'],
      ['repair', '--data-dir', '--to', 'link/inner/deep'],
      ['restore', '--from', '--data-dir', 'copy/inner'],
    ] as const) {
      const to = join(directory, inner);
      const { code, stderr } = await log(command, read, dataDir, made, to);
      assert.is(code, 64, `${command} ${inner}`);
      assert.is(stderr, `wonderq: ${to} is inside of ${dataDir}, which is only read\n`);
    }
    assert.equal(imageOf(directory), before);
    const beside = await log('backup', '--data-dir', dataDir, '--to', `${dataDir}-2`);
    assert.is(beside.code, 0, beside.stderr);
  }),
);

test(
  'an empty name of a directory is refused',
  temporary(async (directory) => {
    const to = join(directory, 'copy');
    for (const [flag, words] of [
      ['--data-dir', ['backup', '--data-dir', '', '--to', to]],
      ['--to', ['backup', '--data-dir', directory, '--to', '']],
      ['--to', ['repair', '--data-dir', directory, '--to', '']],
      ['--from', ['restore', '--from', '', '--data-dir', to]],
    ] as const) {
      const { code, stderr } = await log(...words);
      assert.is(code, 64, words.join(' '));
      assert.is(stderr, `wonderq: ${flag} must not be empty\n`);
    }
    assert.equal(fs.readdirSync(directory), []);
  }),
);

function places(directory: string): [string, string, string] {
  return [join(directory, 'data'), join(directory, 'copy'), join(directory, 'restored')];
}

test.run();
