// `wonderq log verify` on directories of real brokers: what it tells, that it changes nothing, and
// a start always agrees. Row E10 of docs/reliability.md.
// limit: 180 s

import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RecordJournal } from '../../src/broker/record-journal.ts';
import { describeVerdict, verdictOn } from '../../src/cli/log/verify.ts';
import { connect } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { resealHeader } from '../log/support/damage.ts';
import { wonderq } from '../support/broker.ts';
import { temporary } from '../support/temporary.ts';
import {
  appendTo,
  flip,
  imageOf,
  log,
  logOf,
  makeLog,
  noFiles,
  plantEndlessNumber,
  plantLongRecord,
  plantUnknownKind,
  segments,
} from './support/log-directory.ts';

const test = suite('log verify');

const verify = (dataDir: string) => log('verify', '--json', '--data-dir', dataDir);

test(
  'it tells what is there and changes nothing',
  temporary(async (dataDir) => {
    await makeLog(dataDir, 'clean');
    const before = imageOf(dataDir);
    const { code, stdout, stderr } = await verify(dataDir);
    assert.is(code, 0, stderr);
    const verdict = JSON.parse(stdout);
    assert.is(verdict.intact, true);
    assert.is(verdict.cleanStop, true);
    assert.is(verdict.growing, false);
    assert.is(verdict.segments, 3);
    assert.is(verdict.messages, 6);
    assert.equal(
      verdict.queues.map((queue: { name: string; live: number }) => [queue.name, queue.live]),
      [
        ['mails', 3],
        ['orders', 3],
      ],
    );
    assert.equal(imageOf(dataDir), before);
  }),
);

test(
  'of what there is one of it speaks so',
  temporary(async (dataDir) => {
    await appendTo(dataDir, (log, stamp) => {
      new RecordJournal(log).started(1);
      log.mark(stamp);
    });
    const told = describeVerdict(await verdictOn(dataDir));
    assert.match(told, /^1 batch, 1 record$/m);
    assert.match(told, /^0 queues with 0 messages, 0 sessions$/m);
  }),
);

test(
  'damage ends it with 65, with file and offset, as JSON too',
  temporary(async (dataDir) => {
    await makeLog(dataDir, 'clean');
    flip(segments(dataDir)[1]!, 64 + 56 + 3);
    const before = imageOf(dataDir);
    const { code, stdout, stderr } = await verify(dataDir);
    assert.is(code, 65, stderr);
    assert.match(stderr, /0000000002\.wq, offset 64: batch \d+ is damaged, after a clean stop/);
    const { intact, file, offset, what } = JSON.parse(stdout);
    assert.equal([intact, file, offset], [false, '0000000002.wq', 64]);
    assert.match(what, /^batch \d+ is damaged, after a clean stop/);
    assert.equal(imageOf(dataDir), before);
  }),
);

test(
  'where there is no log it says so and makes none',
  temporary(async (dataDir) => {
    const { code, stderr } = await verify(dataDir);
    assert.is(code, 64);
    assert.match(stderr, /there is no log in/);
    assert.equal(fs.readdirSync(dataDir), []);
    fs.mkdirSync(logOf(dataDir));
    assert.is((await verify(dataDir)).code, 64);
    assert.equal(fs.readdirSync(logOf(dataDir)), []);
  }),
);

test(
  'nor is there one in a file',
  temporary(async (directory) => {
    const file = join(directory, 'data');
    fs.writeFileSync(file, 'of somebody else');
    for (const words of [
      ['log', 'verify'],
      ['log', 'inspect'],
      ['log', 'dump'],
      ['log', 'backup', '--to', join(directory, 'copy')],
      ['log', 'repair', '--to', join(directory, 'copy')],
      ['trace', 'orders', '1'],
    ]) {
      const { code, stderr } = await wonderq(...words, '--data-dir', file);
      assert.is(code, 64, words.join(' '));
      assert.match(stderr, /^wonderq: there is no log in .*\/data; .*\n$/);
    }
    const restored = await log('restore', '--from', directory, '--data-dir', file);
    assert.is(restored.code, 64);
    assert.match(restored.stderr, /^wonderq: .*\/data is no directory\n$/);
    assert.equal(fs.readdirSync(directory), ['data']);
  }),
);

test(
  'it runs beside a broker that writes, and finds no damage',
  temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    const client = await connect(broker.url);
    let isOver = false;
    const body = 'x'.repeat(2000);
    const writing = (async () => {
      while (!isOver)
        await client.produceMany(
          'orders',
          Array.from({ length: 100 }, () => body),
        );
    })();
    let growing = 0;
    for (let round = 0; round < 30; round += 1) {
      if ((await verdictOn(dataDir)).growing) growing += 1;
    }
    isOver = true;
    await writing;
    assert.ok(growing > 0, 'it was never seen to grow');
    await client.close();
    await broker.stop();
  }),
);

type Break = (dataDir: string) => void;

/** Each is judged by a start and by `verify`. */
const images: Record<string, Break> = {
  'as it was left': () => {},
  'an unknown kind of record': plantUnknownKind,
  'a record longer than its batch': plantLongRecord,
  'a record that says more than it holds': plantEndlessNumber,
  'a stray file': (dataDir) => fs.writeFileSync(join(logOf(dataDir), 'notes'), 'of somebody'),
  'a torn tail': (dataDir) => cut(segments(dataDir)[2]!, 5),
  'an empty last segment': (dataDir) => fs.truncateSync(segments(dataDir)[2]!, 64),
  'half a header at the end': (dataDir) => {
    fs.writeFileSync(join(logOf(dataDir), '0000000004.wq'), 'WONDERQ\n12345');
  },
  'a last byte turned over': (dataDir) => {
    flip(segments(dataDir)[2]!, fs.statSync(segments(dataDir)[2]!).size - 1);
  },
  'a flip in the first segment': (dataDir) => flip(segments(dataDir)[0]!, 200),
  'a flip in the middle segment': (dataDir) => flip(segments(dataDir)[1]!, 150),
  'a damaged header': (dataDir) => flip(segments(dataDir)[1]!, 20),
  'a newer format': (dataDir) => changeHeader(segments(dataDir)[2]!, 12, 2),
  'another number in a header': (dataDir) => changeHeader(segments(dataDir)[2]!, 16, 9),
  'the first segment gone': (dataDir) => fs.rmSync(segments(dataDir)[0]!),
  'the middle segment gone': (dataDir) => fs.rmSync(segments(dataDir)[1]!),
  'the last segment gone': (dataDir) => fs.rmSync(segments(dataDir)[2]!),
  'a segment renamed': (dataDir) => {
    fs.renameSync(segments(dataDir)[2]!, join(logOf(dataDir), 'kept.wq'));
  },
  'two segments swapped': (dataDir) => {
    const [first, second] = segments(dataDir);
    fs.renameSync(first!, `${first}.x`);
    fs.renameSync(second!, first!);
    fs.renameSync(`${first}.x`, second!);
  },
  'no checkpoint': (dataDir) => fs.rmSync(join(logOf(dataDir), 'CHECKPOINT')),
  'a damaged checkpoint': (dataDir) => flip(join(logOf(dataDir), 'CHECKPOINT'), 30),
};

function agrees(title: string, stop: 'clean' | 'unclean', harm: Break): void {
  test(
    `a start agrees: ${title}, ${stop} stop`,
    temporary(async (directory) => {
      const dataDir = join(directory, 'data');
      await makeLog(dataDir, stop);
      harm(dataDir);
      const before = imageOf(dataDir);
      const verdict = await verdictOn(dataDir).catch((error: Error) => error);
      assert.equal(imageOf(dataDir), before);
      const broker = await startBroker({ dataDir, port: 0 }).catch((error: Error) => error);
      if (broker instanceof Error || verdict instanceof Error) {
        assert.equal(String(verdict), String(broker));
        return;
      }
      const client = await connect(broker.url);
      const { start, totals } = await client.stats();
      await client.close();
      await broker.stop();
      const { batches, records, bytesRead, bytesCut, cleanStop } = start as never;
      assert.equal(
        [verdict.batches, verdict.records, verdict.bytes, verdict.torn?.bytes ?? 0],
        [batches, records, bytesRead, bytesCut],
      );
      assert.is(verdict.cleanStop, cleanStop);
      const { ready, inFlight, delayed } = totals as Record<string, number>;
      assert.is(verdict.messages, ready! + inFlight! + delayed!);
    }),
  );
}

for (const stop of ['clean', 'unclean'] as const) {
  for (const [title, harm] of Object.entries(images)) agrees(title, stop, harm);
}

for (const [what, make] of Object.entries(noFiles)) {
  // One is in the middle, one where the next start makes its own.
  for (const name of ['0000000002.wq', '0000000004.wq', 'CHECKPOINT', 'checkpoint.tmp', 'notes']) {
    agrees(`${what} as ${name}`, 'clean', (dataDir) => {
      const path = join(logOf(dataDir), name);
      fs.rmSync(path, { force: true });
      make(path);
    });
  }
}

function cut(path: string, bytes: number): void {
  fs.truncateSync(path, fs.statSync(path).size - bytes);
}

/** Sets a number of two or four bytes in a header, which checks again afterwards. */
function changeHeader(path: string, offset: 12 | 16, value: number): void {
  const bytes = fs.readFileSync(path);
  if (offset === 12) bytes.writeUInt16BE(value, offset);
  else bytes.writeUInt32BE(value, offset);
  fs.writeFileSync(path, resealHeader(bytes));
}

test.run();
