/**
 * `wonderq redrive`: dead messages are ready again, in their queue or in another one.
 */
import type { Command } from 'commander';
import type { Redriven } from '../client/client.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { EXIT } from './failure.ts';
import { parseCount, parsed, parseWhole } from './parse.ts';
import { counted, jsonLine, writeLine } from './text.ts';

interface Flags extends BrokerFlags {
  readonly json?: boolean;
  readonly to?: string;
  readonly rate?: string;
}

export function addRedrive(program: Command): void {
  withBroker(program.command('redrive'))
    .description('make dead messages ready again: all of a queue, or these')
    .argument('<queue>')
    .argument('[id...]')
    .option('--to <queue>', 'where they are ready then (default: their own queue)')
    .option('--rate <n>', 'messages a second at most')
    .option('--json', 'an object')
    .action(redrive);
}

async function redrive(queue: string, texts: string[], flags: Flags): Promise<void> {
  const ids = texts.map((text) => parsed('the message ID', parseCount, text)!);
  const ratePerSecond = parsed('--rate', parseWhole(1, 1_000_000), flags.rate);
  const options = { ids: ids.length === 0 ? undefined : ids, to: flags.to, ratePerSecond };
  await withClient(flags, { name: 'wonderq redrive', session: true }, async (client) => {
    const done = await client.redrive(queue, options);
    await writeLine(flags.json ? jsonOf(done) : describe(done));
    if (done.refused.length > 0) process.exitCode = EXIT.no;
  });
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
