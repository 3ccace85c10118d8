// What many messages in a state cost those beside them: `node --import tsx bench/many.ts [MANY] [FEW]
// [SECONDS]`, in a directory with a gigabyte free. For messages that are delayed, in flight, in
// priority order, or of groups (each state in a broker of its own), full cycles in the same queue, in
// turns beside a million of them and beside a thousand; prints one JSON line with the broker's
// processor time of a cycled message.

import { setTimeout as pause } from 'node:timers/promises';
import { type Client, connect, Message, type ProduceOptions } from 'wonderq';
import { BrokerProcess } from './support/broker.ts';
import { median } from './support/median.ts';

const [many = 1_000_000, few = 1_000, seconds = 5] = process.argv.slice(2).map(Number);
const pairs = 5;
const batch = 100;
const fillBatch = 1_000;
const loops = 8;
const hourMs = 3_600_000;
const body = Buffer.alloc(64, 'x');

interface Kind {
  /** Fills the queue with so many, from the one numbered `from` on. */
  readonly fill: (client: Client, from: number, count: number) => Promise<unknown>;
  /** How the messages are produced that are cycled: they can be received before all others. */
  readonly cycled: (at: number) => { bodies: (Buffer | Message)[]; options?: ProduceOptions };
}

const plain = Array.from({ length: batch }, () => body);
const filled = (count: number) => Array.from({ length: count }, () => body);

const kinds: Readonly<Record<string, Kind>> = {
  delayed: {
    fill: (client, from, count) =>
      client.produceMany('q', filled(count), { delayMs: hourMs + (from % 977) * 1000 }),
    cycled: () => ({ bodies: plain, options: { delayMs: 1 } }),
  },
  inFlight: {
    fill: async (client, _from, count) => {
      await client.produceMany('q', filled(count));
      await client.receive('q', { max: count, visibilityMs: hourMs });
    },
    cycled: () => ({ bodies: plain }),
  },
  prioritised: {
    fill: (client, from, count) =>
      client.produceMany('q', filled(count), { priority: (from / fillBatch) % 255 }),
    cycled: () => ({ bodies: plain, options: { priority: 255 } }),
  },
  grouped: {
    // Each group's first message is out, so that the others are held.
    fill: async (client, from, count) => {
      const group = `${Math.floor(from / fillBatch)}`;
      await client.produceMany('q', filled(count), { group });
      await client.receive('q', { visibilityMs: hourMs });
    },
    cycled: (at) => ({
      bodies: plain.map((_, key) => new Message(body, { group: `c${at} ${key}` })),
    }),
  },
};

async function cycle(client: Client, kind: Kind, at: number, signal: AbortSignal): Promise<number> {
  const { bodies, options } = kind.cycled(at);
  let acked = 0;
  while (!signal.aborted) {
    await client.produceMany('q', bodies, options);
    const deliveries = await client.receive('q', { max: batch, waitMs: 1000 });
    await client.ack(deliveries);
    acked += deliveries.length;
  }
  return acked;
}

class Subject {
  readonly #broker = new BrokerProcess();
  readonly #kind: Kind;
  #clients: Client[] = [];

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  async start(count: number): Promise<void> {
    await this.#broker.start();
    const open = () => connect(this.#broker.url, { durability: 'fsync', name: 'many' });
    this.#clients = await Promise.all(Array.from({ length: 4 }, open));
    for (let from = 0; from < count; from += fillBatch) {
      await this.#kind.fill(this.#clients[0]!, from, Math.min(fillBatch, count - from));
    }
  }

  /** Processor time of the broker for a message, in microseconds. */
  async cost(): Promise<number> {
    const stopping = new AbortController();
    const before = await this.#cpuUs();
    const cycling = Array.from({ length: loops }, (_, at) =>
      cycle(this.#clients[at % this.#clients.length]!, this.#kind, at, stopping.signal),
    );
    await pause(seconds * 1000);
    stopping.abort();
    const acked = (await Promise.all(cycling)).reduce((sum, count) => sum + count);
    return ((await this.#cpuUs()) - before) / acked;
  }

  async #cpuUs(): Promise<number> {
    const stats = await this.#clients[0]!.stats({ queues: false });
    const { userUs, systemUs } = stats.cpu as { userUs: number; systemUs: number };
    return userUs + systemUs;
  }

  async remove(): Promise<void> {
    for (const client of this.#clients) await client.close();
    await this.#broker.remove();
  }
}

async function compare(kind: Kind) {
  const [small, large] = [new Subject(kind), new Subject(kind)];
  try {
    await small.start(few);
    await large.start(many);
    const costs = { few: [] as number[], many: [] as number[] };
    for (let pair = 0; pair < pairs; pair += 1) {
      costs.few.push(await small.cost());
      costs.many.push(await large.cost());
    }
    const ratio = median(costs.many.map((cost, pair) => cost / costs.few[pair]!));
    return { fewUs: median(costs.few), manyUs: median(costs.many), ratio };
  } finally {
    await small.remove();
    await large.remove();
  }
}

const figures: Record<string, object> = {};
for (const [name, kind] of Object.entries(kinds)) figures[name] = await compare(kind);
console.log(JSON.stringify({ figures: 'many', many, few, ...figures }));
