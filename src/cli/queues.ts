/**
 * `wonderq queues`: list, create, configure, pause, resume, purge, delete.
 */
import { type Command, Option } from 'commander';
import type { Client, PauseWhat, QueueInfo, SeenQueue, Settings } from '../client/client.ts';
import { settingNames, settingRows } from '../protocol/queue-settings.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { UsageError } from './failure.ts';
import { parsed, parseSetting, parseTime } from './parse.ts';
import { age, counted, jsonLine, table, writeLine } from './text.ts';

interface Flags extends BrokerFlags {
  readonly json?: boolean;
  readonly what?: string;
  readonly created?: string;
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
  addSettings(add(queues, 'create', 'make a queue')).action((queue: string, flags: Flags) => {
    const settings = settingsOf(flags);
    return show(flags, (client) => client.createQueue(queue, settings));
  });
  addSettings(add(queues, 'configure', 'change settings')).action((queue: string, flags: Flags) => {
    const settings = settingsOf(flags);
    return show(flags, (client) => client.configureQueue(queue, settings));
  });
  addWhat(add(queues, 'pause', 'refuse produce, hold deliveries back, or both')).action(
    (queue: string, flags: Flags) => {
      const what = whatOf(flags);
      return show(flags, (client) => client.pauseQueue(queue, what));
    },
  );
  addWhat(add(queues, 'resume', 'end a pause')).action((queue: string, flags: Flags) => {
    const what = whatOf(flags);
    return show(flags, (client) => client.resumeQueue(queue, what));
  });
  addCreated(add(queues, 'purge', 'remove all messages')).action((queue: string, flags: Flags) => {
    const seen = createdOf(flags);
    return count(flags, 'purged', (client) => client.purgeQueue(queue, seen));
  });
  addCreated(add(queues, 'delete', 'remove the queue and its messages')).action(
    (queue: string, flags: Flags) => {
      const seen = createdOf(flags);
      return count(flags, 'deleted', (client) => client.deleteQueue(queue, seen));
    },
  );
}

function add(queues: Command, name: string, description: string): Command {
  return withBroker(queues.command(name))
    .description(description)
    .argument('<queue>')
    .option('--json', 'as an object');
}

/** Flags for all settings; also of a template. */
export function addSettings(command: Command): Command {
  for (const name of settingNames) command.option(settingRows[name].flag, settingRows[name].about);
  return command.addHelpText('after', '\n"default" as a value puts a setting back.');
}

function addWhat(command: Command): Command {
  return command.option('--what <what>', 'produce, receive or both (default)');
}

/** Also of `redrive`. */
export function addCreated(command: Command): Command {
  return command.option('--created <ms>', 'only if the queue was made then, as list --json tells');
}

export function createdOf({ created }: { readonly created?: string }): SeenQueue {
  return { createdMs: parsed('--created', parseTime, created) };
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

export function settingsOf(flags: object): Settings {
  const given = settingNames.map((name) => {
    const option = new Option(settingRows[name].flag);
    const text = flags[option.attributeName() as keyof typeof flags] as string | undefined;
    return [name, parsed(option.long!, parseSetting(settingRows[name].takes), text)];
  });
  return Object.fromEntries(given) as Settings;
}

function whatOf(flags: Flags): PauseWhat {
  const what = flags.what ?? 'both';
  if (what === 'produce' || what === 'receive' || what === 'both') return what;
  throw new UsageError(`--what must be produce, receive or both, not "${what}"`);
}

/** Also of `stats`. Columns for what is rare are there where there is any. */
export function queueTable(queues: readonly QueueInfo[]): string {
  const hasRot = queues.some((queue) => Number(queue.unreadable) > 0);
  const rotten = (cell: string | number) => (hasRot ? [cell] : []);
  const hasGroups = queues.some((queue) => Number(queue.held) > 0);
  const held = (cell: string | number) => (hasGroups ? [cell] : []);
  const heads = [
    'READY',
    ...held('HELD'),
    'IN FLIGHT',
    'DELAYED',
    'DEAD',
    ...rotten('UNREADABLE'),
    'OLDEST',
  ];
  const rows = queues.map((queue) => [
    queue.name,
    Number(queue.ready),
    ...held(Number(queue.held)),
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
