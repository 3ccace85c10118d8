/**
 * `npm run demo`: a broker, the sample producer and the sample consumer, each a process of its own,
 * in one terminal, and from time to time how their queues stand. The broker has a data directory
 * that goes when the demo ends. `--fast`: more traffic.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import colours from 'picocolors';
import { connect } from 'wonderq';

const COLOURS = {
  demo: colours.bold,
  broker: colours.cyan,
  producer: colours.green,
  consumer: colours.magenta,
  queues: colours.yellow,
};
type Name = keyof typeof COLOURS;

/** Loaded by each process before its program, so that none outlives this one. */
const END_WITH_PARENT = `data:text/javascript,${encodeURIComponent(`
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
`)}`;
const END_MS_MAX = 5_000;

interface Part {
  readonly name: Name;
  readonly process: ChildProcess;
  readonly lines: Interface;
  readonly ended: Promise<unknown>;
}

const words = process.argv.slice(2);
if (words.some((word) => word !== '--fast')) {
  console.error('usage: npm run demo [-- --fast]');
  process.exit(64);
}
const isFast = words.includes('--fast');
if (existsSync('.env')) process.loadEnvFile();
const consumableTime = process.env.CONSUMABLE_TIME || (isFast ? '1000' : '5000');
const periodMs = isFast ? 200 : 2_000;
const summaryMs = isFast ? 2_000 : 5_000;

const dataDir = mkdtempSync(join(tmpdir(), 'wonderq-demo-'));
const parts: Part[] = [];
const stopping = new AbortController();
const { signal } = stopping;
const stop = () => stopping.abort();
// Ctrl-C under npm comes twice: from the terminal and from npm.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);
process.stdout.on('error', stop); // Nobody looks any more, as with `| head`.

try {
  await run();
} catch (error) {
  if (!signal.aborted) throw error;
} finally {
  stop();
  // The broker was started first and ends last.
  for (const part of parts.reverse()) await end(part);
  rmSync(dataDir, { recursive: true, force: true });
  print('demo', 'all have ended; the data directory is removed');
}

async function run(): Promise<void> {
  const broker = startBroker();
  const [line] = await once(broker.lines, 'line', { signal });
  const url = String(line).replace('listening on ', '');
  print('demo', `the consumer may hold a message for ${consumableTime} ms; Ctrl-C ends the demo`);
  print('demo', `from another terminal: npx wonderq stats --url ${url}`);
  startSample('producer', url);
  startSample('consumer', url);
  await showQueues(url);
}

function startBroker(): Part {
  const options = {
    '--host': '127.0.0.1',
    '--port': '0',
    '--data-dir': dataDir,
    '--visibility-ms': consumableTime,
    '--create-queues': 'true',
    '--segment-bytes': String(16 * 1024 * 1024),
    '--log-level': 'error',
  };
  const program = join(import.meta.dirname, '../dist/src/cli/main.js');
  return start('broker', program, ['serve', ...Object.entries(options).flat()], {});
}

function startSample(name: 'producer' | 'consumer', url: string): void {
  start(name, join(import.meta.dirname, `${name}.ts`), [], {
    WONDERQ_URL: url,
    CONSUMABLE_TIME: consumableTime,
    PERIOD_MS: String(periodMs),
  });
}

/** Starts a program and shows what it prints. Should it end before it is told to, all ends. */
function start(name: Name, program: string, words: string[], env: Record<string, string>): Part {
  const child = fork(program, words, {
    execArgv: [...process.execArgv, '--import', END_WITH_PARENT],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Ctrl-C in the terminal is for this process alone, which ends the others in order.
    detached: true,
  });
  const lines = createInterface({ input: child.stdout! });
  lines.on('line', (line) => print(name, line));
  const errors = createInterface({ input: child.stderr! });
  errors.on('line', (line) => print(name, colours.red(line)));
  child.once('exit', (code, endedBy) => {
    const isGood = code === 0 || endedBy === 'SIGTERM';
    if (isGood && signal.aborted) return;
    print(name, colours.red(`ended with ${endedBy ?? code}`));
    process.exitCode = 1;
    stop();
  });
  const part = { name, process: child, lines, ended: once(child, 'close') };
  parts.push(part);
  return part;
}

async function end({ name, process: child, ended }: Part): Promise<void> {
  child.kill('SIGTERM');
  const limit = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX);
  await ended;
  clearTimeout(limit);
  print(name, 'ended');
}

async function showQueues(url: string): Promise<void> {
  const client = await connect(url, { name: 'demo', session: false, reconnect: false });
  try {
    for (;;) {
      await pause(summaryMs, undefined, { signal });
      const queues = await client.queues();
      const counts = queues.map(({ name, ready, inFlight }) => `${name} ${ready}/${inFlight}`);
      print('queues', `ready/in flight: ${counts.join(', ')}`);
    }
  } finally {
    await client.close();
  }
}

function print(name: Name, line: string): void {
  process.stdout.write(`${COLOURS[name](name.padEnd(8))}  ${line}\n`);
}
