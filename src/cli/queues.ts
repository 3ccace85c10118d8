/**
 * `wonderq queues`: list, create, configure, pause, resume, purge, delete.
 */
import type { Command } from 'commander';
import type { Client, PauseWhat, QueueInfo, Settings } from '../client/client.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { UsageError } from './failure.ts';
import {
  parseDurability,
  parsed,
  parseFailures,
  parseVisibility,
  parseWhenFailed,
} from './parse.ts';
import { age, counted, jsonLine, table, writeLine } from './text.ts';

interface Flags extends BrokerFlags {
  readonly json?: boolean;
  readonly visibility?: string;
  readonly durability?: string;
  readonly failuresMax?: string;
  readonly whenFailed?: string;
  readonly what?: string;
}

export function addQueues(program: Command): void {
  const queues = program.command('queues').description('look after queues');
  withBroker(queues.command('list', { isDefault: true }))
    .description('all queues')
    .option('--json', 'one array')
    .action((flags: Flags) =>
      act(flags, async (client) => {
        const all = await client.queues();
        await writeLine(flags.json ? jsonLine(all) : queueTable(all));
      }),
    );
  addSettings(add(queues, 'create', 'make a queue')).action((queue: string, flags: Flags) =>
    show(flags, (client) => client.createQueue(queue, settingsOf(flags))),
  );
  addSettings(add(queues, 'configure', 'change settings')).action((queue: string, flags: Flags) =>
    show(flags, (client) => client.configureQueue(queue, settingsOf(flags))),
  );
  addWhat(add(queues, 'pause', 'refuse produce, hold deliveries back, or both')).action(
    (queue: string, flags: Flags) =>
      show(flags, (client) => client.pauseQueue(queue, whatOf(flags))),
  );
  addWhat(add(queues, 'resume', 'end a pause')).action((queue: string, flags: Flags) =>
    show(flags, (client) => client.resumeQueue(queue, whatOf(flags))),
  );
  add(queues, 'purge', 'remove all messages').action((queue: string, flags: Flags) =>
    count(flags, 'purged', (client) => client.purgeQueue(queue)),
  );
  add(queues, 'delete', 'remove the queue and its messages').action((queue: string, flags: Flags) =>
    count(flags, 'deleted', (client) => client.deleteQueue(queue)),
  );
}

function add(queues: Command, name: string, description: string): Command {
  return withBroker(queues.command(name))
    .description(description)
    .argument('<queue>')
    .option('--json', 'as an object');
}

function addSettings(command: Command): Command {
  return command
    .option('--visibility <ms>', 'to ack a message in; "default": as the broker says')
    .option('--durability <level>', 'fsync, write, or "default": as the broker says')
    .option('--failures-max <n>', 'as often a message may fail; "default": as often as it takes')
    .option('--when-failed <what>', 'it is "dead" in its queue (default), or "discard" it');
}

function addWhat(command: Command): Command {
  return command.option('--what <what>', 'produce, receive or both (default)');
}

function act(flags: Flags, use: (client: Client) => Promise<void>): Promise<void> {
  return withClient(flags, { name: 'wonderq queues', session: true }, use);
}

function show(flags: Flags, ask: (client: Client) => Promise<QueueInfo>): Promise<void> {
  return act(flags, async (client) => {
    const queue = await ask(client);
    await writeLine(flags.json ? jsonLine(queue) : queueTable([queue]));
  });
}

function count(
  flags: Flags,
  what: 'purged' | 'deleted',
  ask: (client: Client) => Promise<number>,
): Promise<void> {
  return act(flags, async (client) => {
    const messages = await ask(client);
    const told = `${what}, with ${counted(messages, 'message')}`;
    await writeLine(flags.json ? jsonLine({ [what]: messages }) : told);
  });
}

function settingsOf(flags: Flags): Settings {
  const orDefault = <T>(parse: (text: string) => T) => {
    return (text: string) => (text === 'default' ? null : parse(text));
  };
  return {
    visibilityMs: parsed('--visibility', orDefault(parseVisibility), flags.visibility),
    durability: parsed('--durability', orDefault(parseDurability), flags.durability),
    failuresMax: parsed('--failures-max', orDefault(parseFailures), flags.failuresMax),
    whenFailed: parsed('--when-failed', orDefault(parseWhenFailed), flags.whenFailed),
  };
}

function whatOf(flags: Flags): PauseWhat {
  const what = flags.what ?? 'both';
  if (what === 'produce' || what === 'receive' || what === 'both') return what;
  throw new UsageError(`--what must be produce, receive or both, not "${what}"`);
}

/** Also of `stats`. A column for messages whose bytes rotted is there where there are any. */
export function queueTable(queues: readonly QueueInfo[]): string {
  const hasRot = queues.some((queue) => Number(queue.unreadable) > 0);
  const rotten = (cell: string | number) => (hasRot ? [cell] : []);
  const heads = ['READY', 'IN FLIGHT', 'DELAYED', 'DEAD', ...rotten('UNREADABLE'), 'OLDEST'];
  const rows = queues.map((queue) => [
    queue.name,
    Number(queue.ready),
    Number(queue.inFlight),
    Number(queue.delayed),
    Number(queue.dead),
    ...rotten(Number(queue.unreadable)),
    typeof queue.oldestAgeMs === 'number' ? age(queue.oldestAgeMs) : '-',
    Number(queue.waiting),
    String(queue.paused === 'none' ? '' : queue.paused),
  ]);
  return table([['QUEUE', ...heads, 'WAITING', 'PAUSED'], ...rows]);
}
