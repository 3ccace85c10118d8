// `wonderq log inspect` and `dump`: what they show of a log of real brokers, and that both change
// nothing.
// limit: 60 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { temporary } from '../support/temporary.ts';
import { flip, imageOf, log, makeLog, segments } from './support/log-directory.ts';

const test = suite('log inspect and dump');

const lines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test(
  'inspect shows segments, queues and what lies beside',
  temporary(async (dataDir) => {
    await makeLog(dataDir, 'clean');
    const before = imageOf(dataDir);
    const { code, stdout, stderr } = await log('inspect', '--json', '--data-dir', dataDir);
    assert.is(code, 0, stderr);
    const report = JSON.parse(stdout);
    assert.is(report.epoch, 3);
    assert.is(report.checkpoint.isClean, true);
    assert.is(report.position, report.checkpoint.position);
    assert.equal(
      report.segments.map(({ number, epoch }: Record<string, number>) => [number, epoch]),
      [
        [1, 1],
        [2, 2],
        [3, 3],
      ],
    );
    let batch = 1;
    let position = 0;
    for (const segment of report.segments) {
      assert.is(segment.firstBatch, batch);
      assert.is(segment.firstPosition, position);
      assert.is(segment.liveBytes + segment.deadBytes, segment.fileBytes);
      assert.ok(segment.liveBytes > 8_000 && segment.records > 0);
      assert.ok(segment.firstMs <= segment.lastMs);
      batch += segment.batches;
      position = segment.endPosition;
    }
    assert.is(batch, report.checkpoint.batch + 1);
    const [mails, orders] = report.queues;
    assert.equal([mails.name, mails.delayed, orders.name, orders.live], ['mails', 3, 'orders', 3]);
    assert.is(orders.inFlight, 1);
    const { stdout: text } = await log('inspect', '--data-dir', dataDir);
    assert.match(text, /^checkpoint +clean stop; durable up to batch \d+ in segment 3$/m);
    assert.match(text, /^orders +3 +2 +1 +0 /m);
    assert.equal(imageOf(dataDir), before);
  }),
);

test(
  'dump prints every record, bodies where asked for',
  temporary(async (dataDir) => {
    await makeLog(dataDir, 'unclean');
    const before = imageOf(dataDir);
    const { code, stdout, stderr } = await log('dump', '--data-dir', dataDir, '--bodies');
    assert.is(code, 0, stderr);
    const records = lines(stdout);
    const verdict = await log('verify', '--json', '--data-dir', dataDir);
    assert.is(records.length, JSON.parse(verdict.stdout).records);
    const of = (kind: string) => records.filter((record) => record.kind === kind);
    assert.is(of('started').length, 3);
    assert.equal(
      of('queueSet').map(({ name }) => name),
      ['orders', 'mails'],
    );
    const [first] = of('produced');
    assert.equal(first!.ids, ['1', '2']);
    assert.equal([first!.queueName, first!.segment], ['orders', 1]);
    const contentType = 'text/plain';
    assert.equal(first!.messages, [
      { body: 'a0', contentType },
      { body: 'b0', contentType },
    ]);
    const settled = of('settled').map(({ reason, ids }) => [reason, (ids as string[]).length]);
    assert.equal(settled, [
      ['acked', 1],
      ['acked', 1],
      ['acked', 1],
    ]);
    assert.equal((of('settled')[0]!.ids as string[])[0], '1');
    const plain = await log('dump', '--data-dir', dataDir);
    assert.is(plain.stdout.includes('"body"'), false);
    assert.equal(imageOf(dataDir), before);
  }),
);

test(
  'of a damaged log both end with 65, and dump shows what is before the damage',
  temporary(async (dataDir) => {
    await makeLog(dataDir, 'clean');
    flip(segments(dataDir)[1]!, 64 + 56 + 3);
    const dumped = await log('dump', '--data-dir', dataDir);
    assert.is(dumped.code, 65);
    assert.match(dumped.stderr, /0000000002\.wq, offset 64: batch/);
    assert.ok(lines(dumped.stdout).every(({ segment }) => segment === 1));
    assert.is((await log('inspect', '--data-dir', dataDir)).code, 65);
  }),
);

test.run();
