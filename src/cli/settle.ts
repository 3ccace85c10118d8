/**
 * `wonderq ack`, `nack` and `extend`: by receipt, from whichever process received. Prints a line
 * for each receipt: ok or the code.
 */
import type { Command } from 'commander';
import type { Client, Outcome } from '../client/client.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { EXIT } from './failure.ts';
import { parseCount, parseDelay, parsed, parseVisibility } from './parse.ts';
import { jsonLine, writeLine } from './text.ts';

interface Flags extends BrokerFlags {
  readonly delay?: string;
  readonly reason?: string;
  readonly current?: boolean;
  readonly visibility?: string;
  readonly json?: boolean;
}

type Settle = (client: Client, queue: string, receipts: string[]) => Promise<Outcome[]>;

export function addSettle(program: Command): void {
  add(program, 'ack', 'acknowledge messages: they are deleted')
    .option('--current', 'by message ID: whatever detached lease is in force')
    .action((queue: string, receipts: string[], flags: Flags) => {
      const ids = flags.current
        ? receipts.map((id) => parsed('the message ID', parseCount, id)!)
        : [];
      const ack: Settle = (client) =>
        flags.current ? client.ackCurrent(queue, ids) : client.ack(queue, receipts);
      return settle(queue, receipts, flags, ack);
    });
  add(program, 'nack', 'give messages back as failed')
    .option('--delay <ms>', 'not delivered again before (default: as the queue says)')
    .option('--reason <text>', 'why, for whoever looks at it later')
    .action((queue: string, receipts: string[], flags: Flags) => {
      const delayMs = parsed('--delay', parseDelay, flags.delay);
      const options = { delayMs, reason: flags.reason };
      return settle(queue, receipts, flags, (client) => client.nack(queue, receipts, options));
    });
  add(program, 'extend', 'hold messages for longer')
    .option('--visibility <ms>', 'how long from now (default: as the queue says)')
    .action((queue: string, receipts: string[], flags: Flags) => {
      const visibilityMs = parsed('--visibility', parseVisibility, flags.visibility);
      const extend: Settle = (client) => client.extend(queue, receipts, { visibilityMs });
      return settle(queue, receipts, flags, extend);
    });
}

function add(program: Command, name: string, description: string): Command {
  return withBroker(program.command(name))
    .description(description)
    .argument('<queue>')
    .argument('<receipt...>')
    .option('--json', 'an object a line');
}

async function settle(queue: string, receipts: string[], flags: Flags, act: Settle): Promise<void> {
  await withClient(flags, { name: 'wonderq', session: false }, async (client) => {
    const outcomes = await act(client, queue, receipts);
    for (const [index, outcome] of outcomes.entries()) {
      const receipt = receipts[index]!;
      const result = { receipt, ok: outcome === 'ok', code: outcome === 'ok' ? null : outcome };
      await writeLine(flags.json ? jsonLine(result) : outcome);
      if (outcome !== 'ok') process.exitCode = EXIT.no;
    }
  });
}
