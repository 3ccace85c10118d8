/**
 * A producer: every two seconds it writes a message to one of three queues, chosen at random, and
 * prints the message's ID once the broker has confirmed it. Ctrl-C ends it.
 *
 *   npx tsx examples/producer.ts
 *
 * From the environment or `.env`: WONDERQ_URL (the broker), PERIOD_MS (instead of two seconds).
 */
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, WonderqError } from 'wonderq';

const QUEUES = ['queue1', 'queue2', 'queue3'];

if (existsSync('.env')) process.loadEnvFile();
const url = process.env.WONDERQ_URL || 'wonderq://127.0.0.1:7070';
const periodMs = milliseconds('PERIOD_MS', 2_000);

console.log(`connecting to ${url}`);
// A lost connection is made again by itself; a call that has no answer in time rejects.
const client = await connect(url, { name: 'sample producer', timeoutMs: 5_000 }).catch(fail);
const stopping = new AbortController();
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
// A broker that does not want this client any more ends the program too.
void client.closed.then(() => stopping.abort());

for (let count = 1; !stopping.signal.aborted; count += 1) {
  await produce(`message ${count}`);
  await rest(periodMs);
}
await client.close();
const reason = await client.closed;
if (reason.code !== 'CONNECTION_CLOSED') fail(reason);
console.log('stopped');

async function produce(body: string): Promise<void> {
  const queue = QUEUES[Math.floor(Math.random() * QUEUES.length)]!;
  try {
    const id = await client.produce(queue, body);
    console.log(`${queue} ${id} produced`);
  } catch (error) {
    if (!(error instanceof WonderqError)) throw error;
    console.error(`${queue} not produced, ${error.code}: ${error.message}`);
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
