/**
 * `wonderq bench`: how fast a broker is here, beside what the disk can do. Measures a broker of its
 * own, or one that runs.
 */
import { randomBytes } from 'node:crypto';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { connect } from '../client/client.ts';
import { limits } from '../limits.ts';
import { measureDiskSync } from './bench/disk-sync.ts';
import { type Figures, measure } from './bench/measure.ts';
import { ownBroker, runningBroker, type Target } from './bench/target.ts';
import type { TimesSummary } from './bench/times.ts';
import { type Workload, workloads } from './bench/workloads.ts';
import { type BrokerFlags, tokenOf, withBroker } from './environment.ts';
import { UsageError } from './failure.ts';
import { parseDurability, parsed, parseWhole } from './parse.ts';
import { jsonLine, table, writeLine } from './text.ts';

const diskSyncMs = 1_000;

interface Flags extends BrokerFlags {
  readonly dir: string;
  readonly connections: string;
  readonly inFlight: string;
  readonly batch: string;
  readonly cycles: string;
  readonly bodyBytes: string;
  readonly seconds: string;
  readonly durability: string;
  readonly json?: boolean;
}

type Options = ReturnType<typeof optionsOf>;

export function addBench(program: Command): void {
  withBroker(program.command('bench'), 'a broker that runs (default: one of its own)')
    .description('measure a broker: one of its own, or with --url one that runs')
    .argument('[workload...]', `${workloads.map(({ name }) => name).join(', ')} (default: all)`)
    .option('--dir <directory>', 'where the disk is measured and an own broker has its log', '.')
    .option('--connections <n>', 'of this process to the broker', '8')
    .option('--in-flight <n>', 'produce: unconfirmed messages at a time on a connection', '200')
    .option('--batch <n>', 'cycle: messages of one produce, one receive and one ack', '100')
    .option('--cycles <n>', 'cycle: at a time on a connection', '8')
    .option('--body-bytes <n>', 'of each message', '256')
    .option('--seconds <n>', 'for each workload, after a second to warm up', '5')
    .option('--durability <level>', 'of the queues: fsync or write', 'fsync')
    .option('--json', 'one object')
    .action(bench);
}

async function bench(names: string[], flags: Flags): Promise<void> {
  const chosen = chosenWorkloads(names);
  const options = optionsOf(flags);
  // From the flag alone: a load is nothing for the broker that the environment happens to name.
  const { url } = flags;
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const diskSync = measureDiskSync(flags.dir, diskSyncMs).summary();
  const target = url === undefined ? await ownBroker(flags.dir) : runningBroker(url);
  try {
    const figures: Figures[] = [];
    for (const workload of chosen) {
      if (interrupted.signal.aborted) break;
      figures.push(
        await runWorkload(workload, target, tokenOf(flags), options, interrupted.signal),
      );
    }
    const report = { broker: target.description, options, diskSync, workloads: figures };
    await writeLine(flags.json ? jsonLine(report) : describe(report));
  } finally {
    await target.close();
  }
}

function chosenWorkloads(names: readonly string[]): readonly Workload[] {
  const unknown = names.find((name) => workloads.every((workload) => workload.name !== name));
  if (unknown !== undefined) throw new UsageError(`there is no workload "${unknown}"`);
  return names.length === 0 ? workloads : workloads.filter(({ name }) => names.includes(name));
}

function optionsOf(flags: Flags) {
  const whole = (flag: string, max: number, text: string) =>
    parsed(flag, parseWhole(1, max), text) as number;
  return {
    connections: whole('--connections', 1_000, flags.connections),
    inFlight: whole('--in-flight', limits.batchMessagesMax, flags.inFlight),
    batch: whole('--batch', limits.batchMessagesMax, flags.batch),
    cycles: whole('--cycles', limits.sessionAnswersMax, flags.cycles),
    bodyBytes: whole('--body-bytes', limits.bodyBytesMax, flags.bodyBytes),
    seconds: whole('--seconds', 86_400, flags.seconds),
    durability: parseDurability(flags.durability),
  };
}

/** In a queue and over connections of its own, which go afterwards. */
async function runWorkload(
  workload: Workload,
  target: Target,
  token: string | undefined,
  options: Options,
  signal: AbortSignal,
): Promise<Figures> {
  const { connections, inFlight, batch, cycles, bodyBytes, seconds, durability } = options;
  const queue = `bench-${randomBytes(6).toString('hex')}`;
  const how = { name: 'wonderq bench', token, durability, reconnect: false };
  const open = () => connect(target.url, how);
  const clients = await Promise.all(Array.from({ length: connections }, open));
  const load = { clients, queue, body: randomBytes(bodyBytes), inFlight, batch, cycles };
  const bar = new SingleBar({ format: `${workload.name} {bar} {rate} messages/s`, barsize: 30 });
  bar.start(1, 0, { rate: '-' });
  try {
    await clients[0]!.createQueue(queue, { durability });
    return await measure(workload, load, seconds * 1000, signal, (share, messagesPerSecond) =>
      bar.update(share, { rate: whole(messagesPerSecond) }),
    );
  } finally {
    bar.stop();
    await clients[0]!.deleteQueue(queue);
    await Promise.all(clients.map((client) => client.close()));
  }
}

interface Report {
  readonly broker: string;
  readonly options: Options;
  readonly diskSync: TimesSummary;
  readonly workloads: readonly Figures[];
}

function describe({ broker, options, diskSync, workloads: figures }: Report): string {
  const { bodyBytes, durability } = options;
  const heads = ['', 'messages/s', 'broker us', 'client us', 'p50 ms', 'p99 ms', 'p99.9 ms'];
  const rows = figures.flatMap((one) => {
    const { workload, messagesPerSecond, serverCpuUs, clientCpuUs } = one;
    const rates = [whole(messagesPerSecond), serverCpuUs.toFixed(2), clientCpuUs.toFixed(2)];
    const confirm = [workload, ...rates, ...timeCells(one.confirm)];
    if (one.deliver === undefined) return [confirm];
    return [confirm, ['  to the consumer', '', '', '', ...timeCells(one.deliver)]];
  });
  const sync = ['fdatasync alone', whole(diskSync.count / (diskSyncMs / 1000)), '', ''];
  return [
    `${broker}; ${bodyBytes} B a message; durability ${durability}`,
    `${options.connections} connections; produce: ${options.inFlight} in flight on each; ` +
      `cycle: ${options.cycles} on each, ${options.batch} messages a batch`,
    '',
    table([heads, ...rows, [...sync, ...timeCells(diskSync)]]),
    '',
    'broker us, client us: processor time a message; ms: from the call to the confirmation',
  ].join('\n');
}

function timeCells({ p50Ms, p99Ms, p999Ms }: TimesSummary): string[] {
  return [p50Ms, p99Ms, p999Ms].map((ms) => ms.toFixed(2));
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
