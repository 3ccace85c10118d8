/**
 * `wonderq redrive`: dead messages are ready again, in their queue or in another one.
 */
import type { Command } from 'commander';
import type { DeadFilter, Redriven } from '../client/client.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { EXIT, UsageError } from './failure.ts';
import { headersOf, parseCount, parsed, parseTime, parseWhole } from './parse.ts';
import { addCreated, createdOf } from './queues.ts';
import { counted, jsonLine, writeLine } from './text.ts';

interface Flags extends BrokerFlags {
  readonly json?: boolean;
  readonly to?: string;
  readonly rate?: string;
  readonly reason?: string;
  readonly failedFrom?: string;
  readonly failedBefore?: string;
  readonly header?: string[];
  readonly created?: string;
}

export function addRedrive(program: Command): void {
  addCreated(withBroker(program.command('redrive')))
    .description('make dead messages ready again: all of a queue, these, or some')
    .argument('<queue>')
    .argument('[id...]')
    .option('--to <queue>', 'where they are ready then (default: their own queue)')
    .option('--reason <text>', 'those whose last failure said this, or came about like this')
    .option('--failed-from <time>', 'those that failed last then or later, as --at of produce')
    .option('--failed-before <time>', 'those that failed last before')
    .option('--header <name=value...>', 'those with such headers')
    .option('--rate <n>', 'messages a second at most')
    .option('--json', 'an object')
    .action(redrive);
}

async function redrive(queue: string, texts: string[], flags: Flags): Promise<void> {
  const ids = texts.map((text) => parsed('the message ID', parseCount, text)!);
  const ratePerSecond = parsed('--rate', parseWhole(1, 1_000_000), flags.rate);
  const filter = filterOf(flags);
  if (ids.length > 0 && Object.values(filter).some((field) => field !== undefined)) {
    throw new UsageError('give message IDs, or say which are meant');
  }
  const chosen = ids.length === 0 ? filter : { ids };
  const options = { ...chosen, ...createdOf(flags), to: flags.to, ratePerSecond };
  await withClient(flags, { name: 'wonderq redrive', session: true }, async (client) => {
    const done = await client.redrive(queue, options);
    await writeLine(flags.json ? jsonOf(done) : describe(done));
    if (done.refused.length > 0) process.exitCode = EXIT.no;
  });
}

function filterOf({ reason, failedFrom, failedBefore, header }: Flags): DeadFilter {
  return {
    reason,
    failedFrom: parsed('--failed-from', parseTime, failedFrom),
    failedBefore: parsed('--failed-before', parseTime, failedBefore),
    headers: header === undefined ? undefined : headersOf(header),
  };
}

function jsonOf({ redriven, refused }: Redriven): string {
  return jsonLine({
    redriven,
    refused: refused.map(({ id, code }) => ({ id: String(id), code })),
  });
}

function describe({ redriven, refused }: Redriven): string {
  const lines = refused.map(({ id, code }) => `${id}: ${code}`);
  return [`redriven: ${counted(redriven, 'message')}`, ...lines].join('\n');
}
