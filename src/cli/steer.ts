/**
 * `wonderq delete` and `wonderq move`: single messages of a queue, by ID, and only while they are
 * as they were seen where that is said.
 */
import type { Command } from 'commander';
import type { Client, RefusedMessage, SeenMessage } from '../client/client.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { EXIT } from './failure.ts';
import { parseCount, parsed, parseState, parseWhole } from './parse.ts';
import { counted, jsonLine, writeLine } from './text.ts';

interface Flags extends BrokerFlags {
  readonly state?: string;
  readonly deliveries?: string;
  readonly to?: string;
  readonly json?: boolean;
}

interface Done {
  readonly count: number;
  readonly refused: readonly RefusedMessage[];
}

const parseDeliveries = parseWhole(0, Number.MAX_SAFE_INTEGER);

export function addSteer(program: Command): void {
  add(program, 'delete', 'delete messages, whatever their state').action(
    (queue: string, texts: string[], flags: Flags) =>
      steer('deleted', texts, flags, async (client, seen) => {
        const { deleted, refused } = await client.deleteMessages(queue, seen);
        return { count: deleted, refused };
      }),
  );
  add(program, 'move', 'move messages that nobody has to another queue')
    .requiredOption('--to <queue>', 'where they are ready then')
    .action((queue: string, texts: string[], flags: Flags) =>
      steer('moved', texts, flags, async (client, seen) => {
        const { moved, refused } = await client.moveMessages(queue, seen, flags.to!);
        return { count: moved, refused };
      }),
    );
}

function add(program: Command, name: string, description: string): Command {
  return withBroker(program.command(name))
    .description(description)
    .argument('<queue>')
    .argument('<id...>')
    .option('--state <state>', 'those that are ready, held, in-flight, delayed, dead or unreadable')
    .option('--deliveries <n>', 'those that were delivered so often, and not since')
    .option('--json', 'an object');
}

async function steer(
  what: 'deleted' | 'moved',
  texts: readonly string[],
  flags: Flags,
  act: (client: Client, seen: SeenMessage[]) => Promise<Done>,
): Promise<void> {
  const state = parsed('--state', parseState, flags.state);
  const deliveryCount = parsed('--deliveries', parseDeliveries, flags.deliveries);
  const seen = texts.map((text) => {
    return { id: parsed('the message ID', parseCount, text)!, state, deliveryCount };
  });
  const name = `wonderq ${what === 'deleted' ? 'delete' : 'move'}`;
  await withClient(flags, { name, session: true }, async (client) => {
    const { count, refused } = await act(client, seen);
    const named = refused.map(({ id, code }) => ({ id: String(id), code }));
    const lines = named.map(({ id, code }) => `${id}: ${code}`);
    const text = [`${what}: ${counted(count, 'message')}`, ...lines].join('\n');
    await writeLine(flags.json ? jsonLine({ [what]: count, refused: named }) : text);
    if (refused.length > 0) process.exitCode = EXIT.no;
  });
}
