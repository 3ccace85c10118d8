/**
 * `wonderq redrive`: dead messages are ready again.
 */
import type { Command } from 'commander';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { parseCount, parsed } from './parse.ts';
import { counted, jsonLine, writeLine } from './text.ts';

interface Flags extends BrokerFlags {
  readonly json?: boolean;
}

export function addRedrive(program: Command): void {
  withBroker(program.command('redrive'))
    .description('make dead messages ready again: all of a queue, or these')
    .argument('<queue>')
    .argument('[id...]')
    .option('--json', 'an object')
    .action(redrive);
}

async function redrive(queue: string, texts: string[], flags: Flags): Promise<void> {
  const ids = texts.map((text) => parsed('the message ID', parseCount, text)!);
  await withClient(flags, { name: 'wonderq redrive', session: true }, async (client) => {
    const redriven = await client.redrive(queue, ids.length === 0 ? undefined : ids);
    await writeLine(
      flags.json ? jsonLine({ redriven }) : `redriven: ${counted(redriven, 'message')}`,
    );
  });
}
