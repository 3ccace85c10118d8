/**
 * A consumer: every two seconds it polls one of three queues, chosen at random, works on each
 * message for a random time, and acknowledges it. The time is at times longer than the broker lets
 * it hold a message: then the ack is refused, and the message comes again. Ctrl-C ends it.
 *
 *   npx tsx examples/consumer.ts
 *
 * From the environment or `.env`: WONDERQ_URL (the broker), CONSUMABLE_TIME (how many milliseconds
 * it may hold a message), PERIOD_MS (instead of two seconds).
 */
import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type Delivery, WonderqError } from 'wonderq';

const QUEUES = ['queue1', 'queue2', 'queue3'];

if (existsSync('.env')) process.loadEnvFile();
const url = process.env.WONDERQ_URL || 'wonderq://127.0.0.1:7070';
const consumableMs = milliseconds('CONSUMABLE_TIME', 30_000);
const periodMs = milliseconds('PERIOD_MS', 2_000);

console.log(`connecting to ${url}`);
// A lost connection is made again by itself; a call that has no answer in time rejects.
const client = await connect(url, { name: 'sample consumer', timeoutMs: 5_000 }).catch(fail);
const stopping = new AbortController();
setMaxListeners(0, stopping.signal); // One for each message in work.
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
// A broker that does not want this client any more ends the program too.
void client.closed.then(() => stopping.abort());

const working = new Set<Promise<void>>();
while (!stopping.signal.aborted) {
  await poll();
  await rest(periodMs);
}
await Promise.all(working);
await client.close(); // Gives back what was not acknowledged.
const reason = await client.closed;
if (reason.code !== 'CONNECTION_CLOSED') fail(reason);
console.log('stopped');

async function poll(): Promise<void> {
  const queue = QUEUES[Math.floor(Math.random() * QUEUES.length)]!;
  try {
    const deliveries = await client.receive(queue, { max: 10, visibilityMs: consumableMs });
    for (const delivery of deliveries) {
      const done = work(delivery).finally(() => working.delete(done));
      working.add(done);
    }
  } catch (error) {
    if (!(error instanceof WonderqError)) throw error;
    console.error(`${queue} not polled, ${error.code}: ${error.message}`);
  }
}

async function work(delivery: Delivery): Promise<void> {
  const message = `${delivery.queue} ${delivery.id}`;
  const workMs = Math.floor(Math.random() * (consumableMs + 1_001));
  const startMs = performance.now();
  const body = JSON.stringify(delivery.text());
  console.log(
    `${message} received ${body} (delivery ${delivery.deliveryCount}), works ${workMs} ms`,
  );
  await rest(workMs);
  if (stopping.signal.aborted) return;
  try {
    await client.ack(delivery);
    console.log(`${message} acknowledged`);
  } catch (error) {
    if (!(error instanceof WonderqError)) throw error;
    if (error.code === 'STALE_RECEIPT' || error.code === 'GONE') {
      const tookMs = Math.round(performance.now() - startMs);
      console.error(`${message} took too long (${tookMs} ms), ack refused: ${error.code}`);
    } else {
      console.error(`${message} not acknowledged, ${error.code}: ${error.message}`);
    }
  }
}

/** Resolves after some time, or at once when the program stops. */
async function rest(ms: number): Promise<void> {
  await pause(ms, undefined, { signal: stopping.signal }).catch(() => {});
}

/** What is on its way gets its answer first, if there is a broker to answer. */
function stop(): void {
  stopping.abort();
  if (!client.isConnected) void client.close();
}

function milliseconds(name: string, otherwise: number): number {
  const text = process.env[name] || String(otherwise);
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  return fail(new Error(`${name} must be a whole number of milliseconds, not "${text}"`));
}

function fail(error: Error): never {
  console.error(error instanceof WonderqError ? `${error.code}: ${error.message}` : error.message);
  process.exit(1);
}
