// `wonderq trace`: what a real broker wrote of one message, told line by line, also where
// compaction has dropped the beginning, and what is said where there is nothing to tell.
// limit: 120 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Client, connect } from '../../src/client/client.ts';
import { type RunningBroker, startBroker } from '../../src/server/start-broker.ts';
import { wonderq } from '../support/broker.ts';
import { temporary } from '../support/temporary.ts';
import { flip, imageOf, segments } from './support/log-directory.ts';

const test = suite('trace');

const trace = (dataDir: string, ...words: (string | bigint | number)[]) =>
  wonderq('trace', ...words.map(String), '--data-dir', dataDir);

interface Asked {
  readonly steps: readonly Record<string, unknown>[];
  readonly oldest: { readonly timeMs: number; readonly position: number };
}

async function traced(dataDir: string, queue: string, id: string | bigint | number) {
  const { code, stdout, stderr } = await trace(dataDir, queue, id, '--json');
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as Asked;
}

type Use = (client: Client, broker: RunningBroker, dataDir: string) => Promise<void>;

/** With a broker that runs until the end, and a client with a session. */
function withBroker(use: Use, sizes: { segmentBytes?: number } = {}): () => Promise<void> {
  return temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0, ...sizes });
    const client = await connect(broker.url, { name: 'worker "7"' });
    await use(client, broker, dataDir);
    await client.close();
    await broker.stop();
  });
}

const patient = { waitMs: 20_000, visibilityMs: 3_600_000 };

/** Produced, delivered, expired, delivered, extended, nacked with a delay, delivered, acked. */
async function wholeLife(client: Client): Promise<{ id: string; receipts: string[] }> {
  const id = String(await client.produce('orders', 'twelve bytes'));
  const [late] = await client.receive('orders', { visibilityMs: 1 });
  const [slow] = await client.receive('orders', patient);
  await client.extend(slow!, { visibilityMs: 7_200_000 });
  await client.nack(slow!, { delayMs: 20 });
  const [last] = await client.receive('orders', patient);
  await client.ack(last!);
  return { id, receipts: [late, slow, last].map((delivery) => delivery!.receipt) };
}

test(
  'a whole life is told in order, of a running broker, and nothing is changed',
  withBroker(async (client, _broker, dataDir) => {
    await client.produceMany('orders', ['before', 'it']);
    await client.ack(await client.receive('orders', { max: 2 }));
    const { id, receipts } = await wholeLife(client);
    const { code, stdout, stderr } = await trace(dataDir, 'orders', id);
    assert.is(code, 0, stderr);
    const [body, reach] = stdout.trimEnd().split('\n\n');
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
    const delivered = (at: number) =>
      String.raw`delivered to session 1 of client "worker \\"7\\"" under receipt ` +
      `${receipts[at]} until ${time}, as delivery ${at + 1}`;
    const due = [
      'produced with 12 bytes, priority 0',
      delivered(0),
      String.raw`came back: lease ended by "worker \\"7\\""`,
      delivered(1),
      `extended until ${time}`,
      String.raw`came back: nacked by "worker \\"7\\"", delayed until ${time}`,
      delivered(2),
      'acked',
    ];
    const lines = body!.split('\n');
    assert.is(lines.length, due.length, stdout);
    for (const [at, words] of due.entries()) {
      assert.match(lines[at]!, new RegExp(`^${time}  ${words} +\\d+$`));
    }
    assert.match(reach!, new RegExp(`^it goes back to ${time}, position \\d+$`));
  }),
);

test(
  'as JSON: times, addresses, counts and receipts; the log stays as it is',
  temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    const beganMs = Date.now();
    const client = await connect(broker.url, { session: false });
    const { id, receipts } = await wholeLife(client);
    const [purged, deleted] = [
      await client.produce('purged', '', { delayMs: 60_000 }),
      await client.produce('deleted', 'x'),
    ];
    await client.release((await client.receive('deleted', { detached: true }))[0]!);
    await client.purgeQueue('purged');
    await client.produce('purged', 'stays');
    await client.deleteQueue('deleted');
    await client.close();
    await broker.stop();
    const before = imageOf(dataDir);
    const { steps, oldest } = await traced(dataDir, 'orders', id);
    const whats = steps.map(({ what }) => what);
    const [once, back] = ['delivered', 'returned'];
    assert.equal(whats, ['produced', once, back, once, 'extended', back, once, 'acked']);
    assert.equal(
      steps.map(({ deliveryCount }) => deliveryCount),
      [0, 1, 1, 2, 2, 2, 3, 3],
    );
    const deliveries = steps.filter(({ what }) => what === 'delivered');
    assert.equal(
      deliveries.map(({ receipt, session }) => [receipt, session]),
      receipts.map((receipt) => [receipt, 0]),
    );
    const times = steps.map(({ timeMs }) => timeMs as number);
    const positions = steps.map(({ position }) => position as number);
    assert.equal(times, times.toSorted());
    assert.equal(
      positions,
      [...new Set(positions)].sort((a, b) => a - b),
    );
    assert.ok(times[0]! >= beganMs && times.at(-1)! <= Date.now());
    assert.ok(oldest.timeMs <= times[0]! && oldest.position < positions[0]!);
    assert.is((steps[5]!.dueMs as number) - times[5]!, 20);
    const lives = [
      await traced(dataDir, 'purged', purged),
      await traced(dataDir, 'deleted', deleted),
    ];
    const said = lives.map((life) => life.steps.map(({ what, reason }) => reason ?? what));
    assert.equal(said, [
      ['produced', 'purged'],
      ['produced', 'delivered', 'released', 'deleted'],
    ]);
    assert.equal(imageOf(dataDir), before);
  }),
);

test(
  'what compaction copied goes on, and what it dropped is said to be gone',
  withBroker(
    async (client, _broker, dataDir) => {
      const kept = await client.produce('kept', 'copied once');
      const [held] = await client.receive('kept', { visibilityMs: 3_600_000 });
      const [gone] = await client.produceMany('churn', ['first']);
      const bodies = Array.from({ length: 50 }, () => 'x'.repeat(20_000));
      const hasCompacted = async () => {
        const { log } = await client.stats({ queues: false });
        return (log as { compactedSegments: number }).compactedSegments > 1;
      };
      while (!(await hasCompacted())) {
        await client.produceMany('churn', bodies);
        await client.ack(await client.receive('churn', { max: 51 }));
      }
      await client.nack(held!);
      await client.ack(await client.receive('kept'));
      const { steps, oldest } = await traced(dataDir, 'kept', kept);
      const whats = steps.map(({ what }) => what);
      assert.is(whats[0], 'copied');
      assert.equal(whats.slice(-3), ['returned', 'delivered', 'acked']);
      assert.equal([steps[0]!.bytes, steps[0]!.deliveryCount], [11, 1]);
      assert.equal([steps.at(-2)!.deliveryCount, steps.at(-2)!.client], [2, 'worker "7"']);
      assert.ok(oldest.position > 0);
      const { stdout } = await trace(dataDir, 'kept', kept);
      assert.match(stdout, /^\S+ {2}copied by compaction with 11 bytes, in flight +\d+\n/);
      assert.match(stdout, /^what was before is not in the log any more: it goes back to \d{4}-/m);
      const lost = await trace(dataDir, 'churn', gone!);
      assert.equal([lost.code, lost.stdout], [1, '']);
      const at = `${new Date(oldest.timeMs).toISOString()}, position ${oldest.position}`;
      const what = `the log knows of no message ${gone} in "churn"; it goes back to ${at}`;
      assert.is(lost.stderr, `wonderq: GONE: ${what}\n`);
    },
    { segmentBytes: 16 * 1024 * 1024 },
  ),
);

test(
  'an unknown queue, another queue, no number, no log, a damaged log',
  temporary(async (dataDir) => {
    const nothing = await trace(dataDir, 'orders', 1);
    assert.is(nothing.code, 64);
    assert.match(nothing.stderr, /there is no log in/);
    const broker = await startBroker({ dataDir, port: 0 });
    const client = await connect(broker.url, { session: false });
    const id = await client.produce('orders', 'body');
    await client.produce('others', 'body');
    await client.close();
    await broker.stop();
    const unknown = await trace(dataDir, 'nowhere', id);
    assert.is(unknown.code, 1);
    assert.match(unknown.stderr, /QUEUE_NOT_FOUND: .* no queue "nowhere"; it goes back to \d{4}/);
    const other = await trace(dataDir, 'others', id);
    assert.is(other.code, 1);
    assert.match(other.stderr, /GONE: .* in "others", but of one in "orders"; it goes back/);
    assert.is((await trace(dataDir, 'orders', 'first')).code, 64);
    assert.is((await trace(dataDir, 'orders')).code, 64);
    flip(segments(dataDir)[0]!, 64 + 56 + 3);
    assert.is((await trace(dataDir, 'orders', id)).code, 65);
  }),
);

test.run();
