// What compaction costs: `node --import tsx bench/churn.ts [OLD] [SECONDS]`, in a directory with a few
// gigabytes free. Produces and acknowledges as fast as it goes, in turns against a broker with
// nothing else in it and one in which a million old messages wait, so that compaction copies them
// over and over. Prints one JSON line: the rates, and how often each byte was written from the
// second cycle of compaction on.

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, connect } from 'wonderq';
import { BrokerProcess } from './support/broker.ts';
import { median } from './support/median.ts';

const [old = 1_000_000, seconds = 20] = process.argv.slice(2).map(Number);
const pairs = 5;
const bodyBytes = 256;
const batch = 100;
const loops = 16;

const bodies = Array.from({ length: batch }, () => randomBytes(bodyBytes));

/** Full cycles until it is told to stop; resolves to how many messages it acknowledged. */
async function cycle(client: Client, signal: AbortSignal): Promise<number> {
  let acked = 0;
  while (!signal.aborted) {
    await client.produceMany('load', bodies);
    const deliveries = await client.receive('load', { max: batch, waitMs: 1000 });
    await client.ack(deliveries);
    acked += deliveries.length;
  }
  return acked;
}

class Subject {
  readonly #broker = new BrokerProcess();
  #clients: Client[] = [];

  async start(oldMessages: number): Promise<void> {
    await this.#broker.start();
    const open = () => connect(this.#broker.url, { durability: 'fsync', name: 'churn' });
    this.#clients = await Promise.all(Array.from({ length: 4 }, open));
    for (let sent = 0; sent < oldMessages; sent += 50 * batch) {
      const some = Array.from({ length: 50 }, () => this.#clients[0]!.produceMany('old', bodies));
      await Promise.all(some);
    }
  }

  /** Messages acknowledged a second. */
  async rate(): Promise<number> {
    const stopping = new AbortController();
    const startMs = performance.now();
    const cycling = Array.from({ length: loops }, (_, at) =>
      cycle(this.#clients[at % this.#clients.length]!, stopping.signal),
    );
    await pause(seconds * 1000);
    stopping.abort();
    const acked = (await Promise.all(cycling)).reduce((sum, count) => sum + count);
    return acked / ((performance.now() - startMs) / 1000);
  }

  async written(): Promise<Written> {
    const { log } = await this.#clients[0]!.stats({ queues: false });
    return log as unknown as Written;
  }

  async remove(): Promise<void> {
    for (const client of this.#clients) await client.close();
    await this.#broker.remove();
  }
}

interface Written {
  readonly appendedBytes: number;
  readonly compactedBytes: number;
  readonly compactedSegments: number;
}

const [empty, full] = [new Subject(), new Subject()];
try {
  await empty.start(0);
  await full.start(old);
  const rates = { empty: [] as number[], full: [] as number[] };
  let second: Written | undefined;
  for (let pair = 0; pair < pairs; pair += 1) {
    rates.empty.push(await empty.rate());
    rates.full.push(await full.rate());
    const written = await full.written();
    // The first cycle meets a log in which nothing is dead yet.
    if (second === undefined && written.compactedBytes > old * bodyBytes) second = written;
  }
  const last = await full.written();
  const amplification = second === undefined ? undefined : amplificationOf(second, last);
  console.log(
    JSON.stringify({
      figures: 'churn',
      old,
      bodyBytes,
      emptyPerSecond: Math.round(median(rates.empty)),
      oldPerSecond: Math.round(median(rates.full)),
      ratio: median(rates.full.map((rate, pair) => rate / rates.empty[pair]!)),
      compactedSegments: last.compactedSegments,
      compactedBytes: last.compactedBytes,
      amplification,
    }),
  );
} finally {
  await empty.remove();
  await full.remove();
}

/** Bytes written between the two, to those of them that clients caused. */
function amplificationOf(first: Written, later: Written): number {
  const appended = later.appendedBytes - first.appendedBytes;
  const copied = later.compactedBytes - first.compactedBytes;
  return appended / (appended - copied);
}
