// What waiting messages cost in memory: `node --import tsx bench/memory.ts`, in a directory with
// two gigabytes free. Produces a million messages of 1 KiB, looks at the broker's memory, consumes
// all of them, and prints one JSON line.

import { randomBytes } from 'node:crypto';
import { type Client, connect } from 'wonderq';
import { BrokerProcess } from './support/broker.ts';

const messages = 1_000_000;
const bodyBytes = 1024;
const batch = 500;
const connections = 4;
const cacheBytes = 64 * 1024 * 1024;
const queue = 'waiting';

async function produce(client: Client, count: number): Promise<void> {
  for (let produced = 0; produced < count; produced += batch) {
    const bodies = Array.from({ length: batch }, () => randomBytes(bodyBytes));
    await client.produceMany(queue, bodies);
  }
}

/** Until none is left; resolves to how many it acknowledged. */
async function consume(client: Client): Promise<number> {
  for (let acked = 0; ; ) {
    const deliveries = await client.receive(queue, { max: batch, waitMs: 500 });
    if (deliveries.length === 0) return acked;
    const outcomes = await client.ack(deliveries);
    acked += outcomes.filter((outcome) => outcome === 'ok').length;
  }
}

const broker = new BrokerProcess();
await broker.start();
try {
  const open = () => connect(broker.url, { durability: 'fsync', name: 'memory' });
  const clients = await Promise.all(Array.from({ length: connections }, open));
  const idleBytes = broker.residentBytes;
  await Promise.all(clients.map((client) => produce(client, messages / connections)));
  const waitingBytes = broker.residentBytes;
  const startMs = performance.now();
  const acked = (await Promise.all(clients.map(consume))).reduce((sum, count) => sum + count);
  const consumeSeconds = (performance.now() - startMs) / 1000;
  const figures = {
    messages,
    bodyBytes,
    idleBytes,
    waitingBytes,
    bytesPerMessage: (waitingBytes - idleBytes - cacheBytes) / messages,
    acked,
    consumeSeconds,
    afterBytes: broker.residentBytes,
  };
  console.log(JSON.stringify({ figures: 'memory', ...figures }));
  for (const client of clients) await client.close();
} finally {
  await broker.remove();
}
