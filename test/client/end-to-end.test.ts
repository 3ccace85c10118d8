// limit: 120 s
// The client against the real broker: the whole cycle in one process, and a broker in a process of
// its own that is killed while clients work. Nothing confirmed is lost, nothing is there twice, and
// what was held can still be acknowledged. Rows E1, E34 and E35 of docs/reliability.md.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ownLoopback } from '../../src/cli/loopback.ts';
import { type Client, connect } from '../../src/client/client.ts';
import { type RunningBroker, startBroker } from '../../src/server/start-broker.ts';
import { programWords, urlOf } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { type Start, type TestProcess, withProcesses } from '../support/processes.ts';
import { rejects } from '../support/rejects.ts';
import { temporary, withTemporary } from '../support/temporary.ts';

const test = suite('end to end');
const program = programWords('test/client/support/broker-process.ts');

function withReal(body: (client: Client, broker: RunningBroker) => Promise<void>) {
  return temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    let isStopped = false;
    void broker.stopped.then(() => {
      isStopped = true;
    });
    try {
      const client = await connect(broker.url, { durability: 'fsync' });
      await body(client, broker);
      await client.close();
    } finally {
      if (!isStopped) await broker.stop();
    }
  });
}

test(
  'a consumer with credit by bytes does not run dry',
  withReal(async (client) => {
    const bodies = Array.from({ length: 300 }, (_, at) => `${at}`.padEnd(40, '.'));
    const headers = { trace: 'x'.repeat(100) };
    await client.produceMany('orders', bodies, { contentType: 'text/plain', headers });
    const seen = new Set<number>();
    const handler = ({ id }: { id: number }) => seen.add(id);
    const consumer = client.consume('orders', handler, { concurrency: 8, creditBytes: 1000 });
    await eventually('all of them', () => seen.size === bodies.length);
    await consumer.stop();
  }),
);

test(
  'a broker that lost its directory while it stops says so',
  temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    await rm(join(dataDir, 'log', 'lock'));
    assert.is((await broker.stop()).how, 'fenced');
  }),
);

test(
  'produce, receive, extend, nack, release, ack',
  withReal(async (client) => {
    const headers = { trace: 'x' };
    const ids = await client.produceMany('orders', ['a', { b: 1 }, Buffer.from('c')], { headers });
    const deliveries = await client.receive('orders', { max: 10, waitMs: 1000 });
    assert.equal(
      deliveries.map(({ id }) => id),
      ids,
    );
    const [first, second, third] = deliveries;
    assert.equal({ ...first!.headers }, headers);
    assert.equal(second!.json(), { b: 1 });
    await client.extend(first!, { visibilityMs: 60_000 });
    await client.nack(first!);
    await client.release(second!);
    await client.ack(third!);
    await rejects(client.ack(third!), { code: 'GONE' });
    await rejects(client.ack(first!), { code: 'STALE_RECEIPT' });
    const again = await client.receive('orders', { max: 10 });
    assert.equal(
      again.map(({ id, failureCount }) => [id, failureCount]),
      [
        [ids[0], 1],
        [ids[1], 0],
      ],
    );
    const rest = await client.receive('orders', { ack: [...again, third!] });
    assert.equal(rest.acked, ['ok', 'ok', 'GONE']);
    assert.is(rest.length, 0);
    assert.is((await client.getQueue('orders')).ready, 0);
  }),
);

test(
  'a waiting receive gets what is produced later, and an aborted one gets nothing',
  withReal(async (client) => {
    const controller = new AbortController();
    const aborted = rejects(client.receive('orders', { waitMs: 9000, signal: controller.signal }), {
      code: 'CANCELLED',
    });
    await client.ping();
    controller.abort();
    await aborted;
    const receiving = client.receive(['urgent', 'orders'], { waitMs: 9000 });
    const id = await client.produce('orders', 'x');
    assert.is((await receiving)[0]!.id, id);
  }),
);

test(
  'a consumer handles every message once',
  withReal(async (client) => {
    const handled = new Set<number>();
    const errors: unknown[] = [];
    const consumer = client.consume('orders', ({ id }) => handled.add(id), {
      concurrency: 8,
      onError: (error) => errors.push(error),
    });
    const bodies = Array.from({ length: 500 }, (_, index) => `message ${index}`);
    const ids = await Promise.all(bodies.map((body) => client.produce('orders', body)));
    await eventually('all of them', () => handled.size === ids.length);
    await consumer.stop();
    assert.equal(errors, []);
    const { ready, inFlight, counters } = await client.getQueue('orders');
    assert.equal([ready, inFlight, (counters as { acked: number }).acked], [0, 0, 500]);
  }),
);

test(
  'a lease outlives its visibility while the handler runs',
  withReal(async (client) => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let count = 0;
    const handler = () => {
      count += 1;
      return ended;
    };
    const consumer = client.consume('orders', handler, { concurrency: 2, visibilityMs: 1000 });
    await client.produce('orders', 'x');
    const extended = () => client.getQueue('orders').then(({ counters }) => counters);
    await eventually('three extensions', async () => {
      return ((await extended()) as { extended: number }).extended >= 3;
    });
    end();
    await consumer.stop();
    assert.is(count, 1);
    const { expired, acked } = (await extended()) as { expired: number; acked: number };
    assert.equal([expired, acked], [0, 1]);
  }),
);

test(
  'queues are created, paused, listed and deleted',
  withReal(async (client) => {
    await client.createQueue('b', { visibilityMs: 5000 });
    await client.createQueue('a');
    await rejects(client.createQueue('a'), { code: 'QUEUE_EXISTS' });
    await client.pauseQueue('a', 'produce');
    await rejects(client.produce('a', 'x'), { code: 'PAUSED' });
    await client.resumeQueue('a');
    await client.produceMany('a', ['x', 'y', 'z']);
    assert.equal(
      (await client.queues()).map(({ name }) => name),
      ['a', 'b'],
    );
    assert.is(await client.purgeQueue('a'), 3);
    assert.is(await client.deleteQueue('b'), 0);
    await rejects(client.getQueue('b'), { code: 'QUEUE_NOT_FOUND' });
    assert.is((await client.queuesPage({ limit: 1 })).queues.length, 1);
  }),
);

test(
  'a receive that waits is told that the broker stops',
  withReal(async (client, broker) => {
    const receiving = client.receive('orders', { waitMs: 9000 });
    receiving.catch(() => {}); // Looked at below.
    await client.ping();
    const stopped = broker.stop();
    await rejects(receiving, { code: 'DRAINING' });
    await stopped;
  }),
);

/** A broker process that can be killed and started again on its port. */
class Killable {
  url = '';
  readonly #start: Start;
  readonly #dataDir: string;
  #process: TestProcess | undefined;

  constructor(start: Start, dataDir: string) {
    this.#start = start;
    this.#dataDir = dataDir;
  }

  async start(): Promise<void> {
    const port = this.url === '' ? '0' : new URL(this.url).port;
    const parameters = [...program, this.#dataDir, ownLoopback(), port];
    this.#process = this.#start(process.execPath, parameters);
    this.url = await urlOf(this.#process);
  }

  async kill(): Promise<void> {
    await this.#process!.end('SIGKILL');
  }
}

function withKillable(body: (broker: Killable) => Promise<void>): () => Promise<void> {
  return () =>
    withTemporary((dataDir) =>
      withProcesses(async (start) => {
        const broker = new Killable(start, dataDir);
        await broker.start();
        await body(broker);
      }),
    );
}

test(
  'kills: nothing confirmed is lost, and nothing asked again is there twice',
  withKillable(async (broker) => {
    const client = await connect(broker.url, { durability: 'fsync' });
    const kills = 3;
    const confirmed = new Map<string, number>();
    let isOver = false;
    const produceOn = async (producer: number) => {
      for (let number = 0; !isOver; number += 1) {
        const body = `${producer} ${number}`;
        confirmed.set(body, await client.produce('orders', body));
      }
    };
    const producers = Array.from({ length: 20 }, (_, producer) => produceOn(producer));
    for (let kill = 0; kill < kills; kill += 1) {
      const before = confirmed.size;
      await eventually('some are confirmed', () => confirmed.size > before + 200);
      await broker.kill();
      await broker.start();
    }
    const before = confirmed.size;
    await eventually('some more', () => confirmed.size > before + 200);
    isOver = true;
    await Promise.all(producers);
    const { found, twice } = await drain(client, 'orders');
    const lost = [...confirmed].filter(([body, id]) => found.get(body) !== id).length;
    const unasked = [...found.keys()].filter((body) => !confirmed.has(body)).length;
    await client.close();
    const report = { kills, confirmed: confirmed.size, found: found.size, lost, twice, unasked };
    console.log(JSON.stringify({ test: 'client kills', ...report }));
    assert.equal([lost, twice, unasked], [0, 0, 0]);
  }),
);

test(
  'leases taken before a kill still acknowledge, and acknowledged messages stay away',
  withKillable(async (broker) => {
    const client = await connect(broker.url);
    await client.produceMany('orders', ['a', 'b', 'c', 'd']);
    const [first, second, third] = await client.receive('orders', { max: 3 });
    await client.ack(first!);
    await broker.kill();
    const acking = client.ack([second!, first!]);
    await broker.start();
    assert.equal(await acking, ['ok', 'GONE']);
    await client.ack(third!);
    const { found } = await drain(client, 'orders');
    assert.equal([...found.keys()], ['d']);
    await client.close();
  }),
);

test(
  'a consumer works on over a kill, without doing again what it holds',
  withKillable(async (broker) => {
    const client = await connect(broker.url);
    const counts = new Map<string, number>();
    const errors: string[] = [];
    const consumer = client.consume(
      'orders',
      (delivery) => {
        counts.set(delivery.text(), (counts.get(delivery.text()) ?? 0) + 1);
      },
      { concurrency: 4, onError: (error) => errors.push(String(error)) },
    );
    const numbers = Array.from({ length: 300 }, (_, index) => String(index));
    await client.produceMany('orders', numbers.slice(0, 150));
    await eventually('some are handled', () => counts.size > 20);
    await broker.kill();
    await broker.start();
    await client.produceMany('orders', numbers.slice(150));
    await eventually('all are handled', () => counts.size === 300);
    await consumer.stop();
    assert.equal(errors, []);
    assert.is((await client.getQueue('orders')).inFlight, 0);
    assert.equal(
      [...counts.values()].filter((count) => count !== 1),
      [],
    );
    await client.close();
  }),
);

/** Everything that the queue has, body to ID, and how many of the bodies came again. */
async function drain(
  client: Client,
  queue: string,
): Promise<{ found: Map<string, number>; twice: number }> {
  const found = new Map<string, number>();
  let twice = 0;
  for (;;) {
    const deliveries = await client.receive(queue, { max: 1000, waitMs: 50 });
    if (deliveries.length === 0) {
      // On a busy machine a body is read from disk for longer than a receive waits.
      const { ready } = await client.getQueue(queue);
      if (ready === 0) return { found, twice };
    }
    for (const delivery of deliveries) {
      if (found.has(delivery.text())) twice += 1;
      found.set(delivery.text(), delivery.id);
    }
    await client.ack(deliveries);
  }
}

test.run();
