/**
 * `wonderq stats`: the broker's figures, for people or as one JSON object.
 */
import type { Command } from 'commander';
import type { QueueInfo, Stats } from '../client/client.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { queueTable } from './queues.ts';
import { age, counted, jsonLine, size, table, writeLine } from './text.ts';

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
  const upMs = Number(stats.timeMs) - Number(stats.startedMs);
  const segments = counted(log.segments!, 'segment');
  const figures = table([
    ['broker', `${stats.version}, up ${age(upMs)}, durability ${stats.durability}`],
    ['connections', `${stats.connections}, sessions ${stats.sessions}`],
    ['log', `${size(log.fileBytes!)} in ${segments}, ${size(log.liveBytes!)} live`],
    ['disk', `${size(log.freeBytes!)} free`],
    ['memory', size(memory.rss!)],
  ]);
  return `${figures}\n\n${queueTable(stats.queues as QueueInfo[])}`;
}
