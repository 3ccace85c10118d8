/**
 * `wonderq why`: in words, why a message, or the next one of a queue, is not being delivered now.
 */
import type { Command } from 'commander';
import type { Why } from '../client/client.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { EXIT } from './failure.ts';
import { parseCount, parsed } from './parse.ts';
import { harmless, jsonLine, writeLine } from './text.ts';

interface Flags extends BrokerFlags {
  readonly json?: boolean;
}

export function addWhy(program: Command): void {
  withBroker(program.command('why'))
    .description('why a message, or the next one of a queue, is not being delivered now')
    .argument('<queue>')
    .argument('[id]')
    .option('--json', 'one object')
    .action(why);
}

async function why(queue: string, text: string | undefined, flags: Flags): Promise<void> {
  const id = parsed('the message ID', parseCount, text);
  await withClient(flags, { name: 'wonderq why', session: false }, async (client) => {
    const found = await client.why(queue, id);
    const object = { queue, ...found, ...(found.id === undefined ? {} : { id: String(found.id) }) };
    await writeLine(flags.json ? jsonLine(object) : describe(queue, found));
    if (found.state === 'gone') process.exitCode = EXIT.no;
  });
}

function describe(queue: string, { id, state, reasons }: Why): string {
  const lines = reasons.map(({ text }) => harmless(text));
  if (state === 'gone') lines.push(`what the log knows of it: wonderq trace ${queue} ${id}`);
  else if (id !== undefined) lines.unshift(`message ${id}, ${state}:`);
  return lines.join('\n');
}
