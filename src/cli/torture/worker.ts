/**
 * One of several programs that use a broker while it is killed: producers and competing consumers,
 * each with a connection of its own, which go on through every restart and write down all that they
 * asked for and were told. `worker.ts URL QUEUE HISTORY NAME SEED`. When its input ends it produces
 * no more, settles everything, and ends once the queue is empty.
 */
import { once } from 'node:events';
import { connect } from '../../client/client.ts';
import { eventually } from '../eventually.ts';
import { Consumer, type ConsumerManner } from './consuming.ts';
import { History } from './history.ts';
import { Producer } from './producing.ts';
import { seededRandom } from './random.ts';

/** Of the messages of this worker that are confirmed and not yet acknowledged by it. */
const openMax = 1500;
const drainMs = 60_000;

const [url = '', queue = '', path = '', name = '', seed = ''] = process.argv.slice(2);
const history = new History(path);
const random = seededRandom(Number(seed));
const inputEnded = once(process.stdin.resume(), 'end');
let isDraining = false;
let isDrained = false;
let open = 0;
const changed = new EventTarget();

function change(by: number): void {
  open += by;
  changed.dispatchEvent(new Event('change'));
}

async function mayProduce(): Promise<boolean> {
  while (open > openMax && !isDraining) await once(changed, 'change');
  return !isDraining;
}

const connectAs = (role: string, options = {}) =>
  connect(url, { name: `${name} ${role}`, durability: 'fsync', ...options });
/** Its calls end unknown when its connection breaks, and its leases belong to nobody. */
const careless = { session: false, timeoutMs: 1000 };

async function producer(role: string, options = {}) {
  const client = await connectAs(role, options);
  const produced = (count: number) => change(count);
  const parts = { client, queue, history, random, mayProduce, produced };
  return { client, producer: new Producer({ ...parts, name: `${role}.${name}` }) };
}

async function consumer(role: string, options = {}, isSettledByAnother = false) {
  const client = await connectAs(role, options);
  const settler = isSettledByAnother ? await connectAs(`${role} settler`) : client;
  const acked = (count: number) => change(-count);
  const ends = { isDrained: () => isDrained, isDraining: () => isDraining, acked };
  const parts = { client, settler, queue, history, random, ...ends };
  const clients = new Set([client, settler]);
  return { clients, consumer: new Consumer({ ...parts, name: `${role}.${name}` }) };
}

const manners: Record<string, ConsumerManner> = {
  batches: { heldMax: 100, visibilitiesMs: [1500, 20_000, 20_000] },
  polling: { heldMax: 50, visibilitiesMs: [20_000], acksInReceive: true },
  detached: { heldMax: 200, visibilitiesMs: [20_000], detached: true },
  careless: { heldMax: 0, visibilitiesMs: [1500] },
};

const watcher = await connectAs('watcher');
const single = await producer('single');
const many = await producer('batches');
const carelessProducer = await producer('careless', careless);
const batches = await consumer('batches');
const polling = await consumer('polling');
const detached = await consumer('detached', {}, true);
const pushed = await consumer('pushed');
const carelessConsumer = await consumer('careless', careless);
const all = [single, many, carelessProducer].map(({ client }) => client);
const consumers = [batches, polling, detached, pushed, carelessConsumer];
all.push(...consumers.flatMap(({ clients }) => [...clients]), watcher);

console.log('connected');

let tellDrained = () => {};
const drained = new Promise<void>((resolve) => {
  tellDrained = resolve;
});
const consuming = Promise.all([
  batches.consumer.receive(manners.batches!),
  polling.consumer.receive(manners.polling!),
  detached.consumer.receive(manners.detached!),
  pushed.consumer.push(8, drained),
  carelessConsumer.consumer.receive(manners.careless!),
]);
const producing = Promise.all([
  single.producer.single(16),
  many.producer.batches(60),
  carelessProducer.producer.batches(20),
]);

await inputEnded;
isDraining = true;
change(0);
await producing;

/** A queue that is gone has nothing to wait for; that its messages are gone with it is told. */
async function isEmpty(): Promise<boolean> {
  try {
    const { ready, inFlight, delayed } = await watcher.getQueue(queue);
    return ready === 0 && inFlight === 0 && delayed === 0;
  } catch (error) {
    if ((error as { code?: string }).code === 'QUEUE_NOT_FOUND') return true;
    throw error;
  }
}

await eventually('all is settled', isEmpty, { deadlineMs: drainMs, intervalMs: 50 });
isDrained = true;
tellDrained();
await consuming;
for (const client of all) await client.close();
console.log('drained');
