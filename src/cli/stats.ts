/**
 * `wonderq stats`: the broker's figures, for people or as one JSON object.
 */
import type { Command } from 'commander';
import type { QueueInfo, Stats } from '../client/client.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { queueTable } from './queues.ts';
import { jsonLine, table, writeLine } from './text.ts';

const MIB = 1024 * 1024;

interface Flags extends BrokerFlags {
  readonly json?: boolean;
}

export function addStats(program: Command): void {
  withBroker(program.command('stats'))
    .description("the broker's figures")
    .option('--json', 'one object')
    .action((flags: Flags) =>
      withClient(flags, { name: 'wonderq stats', session: false }, async (client) => {
        const stats = await client.stats();
        await writeLine(flags.json ? jsonLine(stats) : describe(stats));
      }),
    );
}

function describe(stats: Stats): string {
  const log = stats.log as Record<string, number>;
  const memory = stats.memory as Record<string, number>;
  const upSeconds = Math.round((Number(stats.timeMs) - Number(stats.startedMs)) / 1000);
  const figures = table([
    ['broker', `${stats.version}, up ${upSeconds} s, durability ${stats.durability}`],
    ['connections', `${stats.connections}, sessions ${stats.sessions}`],
    ['log', `${mib(log.fileBytes)} in ${log.segments} segments, ${mib(log.liveBytes)} live`],
    ['disk', `${mib(log.freeBytes)} free`],
    ['memory', mib(memory.rss)],
  ]);
  return `${figures}\n\n${queueTable(stats.queues as QueueInfo[])}`;
}

function mib(bytes: number | undefined): string {
  return `${((bytes ?? 0) / MIB).toFixed(1)} MiB`;
}
