/**
 * `wonderq produce`: bodies from the arguments, from the lines of standard input, or from a file;
 * prints a message ID a line, in the order of the bodies.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import type { Client, ProduceOptions } from '../client/client.ts';
import type { Durability } from '../queue/queue.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { UsageError } from './failure.ts';
import {
  headersOf,
  parseDelay,
  parseDurability,
  parsed,
  parsePriority,
  parseTime,
  parseTimeToLive,
} from './parse.ts';
import { jsonLine, writeLine } from './text.ts';

/** Lines on their way at most: enough to keep the disk busy, little enough to stay small. */
const openMax = 2_000;

interface Flags extends BrokerFlags {
  readonly stdin?: boolean;
  readonly file?: string;
  readonly delay?: string;
  readonly notBefore?: string;
  readonly ttl?: string;
  readonly priority?: string;
  readonly durability?: string;
  readonly contentType?: string;
  readonly header?: string[];
  readonly deduplicationId?: string;
  readonly group?: string;
  readonly json?: boolean;
}

export function addProduce(program: Command): void {
  withBroker(program.command('produce'))
    .description('write messages to a queue')
    .argument('<queue>')
    .argument('[body...]', 'a message each')
    .option('--stdin', 'a message a line from standard input')
    .option('--file <file>', 'the whole file as one message')
    .option('--delay <ms>', 'not delivered before')
    .option('--not-before <time>', 'likewise, an ISO time or milliseconds since 1970')
    .option('--ttl <ms>', "delivered only so long; default: the queue's")
    .option('--priority <0-255>', 'the higher first')
    .option(
      '--durability <level>',
      'write: confirmed once the operating system has it; fsync: nothing less',
    )
    .option('--content-type <type>', 'what the bodies are')
    .option('--header <name=value...>', 'headers of each message')
    .option('--group <key>', 'messages of one group are delivered one after the other')
    .option('--deduplication-id <id>', 'of one message: not produced while the queue knows it')
    .option('--json', 'an object a line')
    .action(produce);
}

async function produce(queue: string, bodies: string[], flags: Flags): Promise<void> {
  const durability = parsed('--durability', parseDurability, flags.durability);
  const options = optionsOf(flags, durability);
  const print = (id: number) => writeLine(flags.json ? jsonLine({ id: String(id) }) : String(id));
  const sources = [bodies.length > 0, flags.stdin === true, flags.file !== undefined];
  if (sources.filter(Boolean).length !== 1) {
    throw new UsageError('give bodies as arguments, or --stdin, or --file');
  }
  if (flags.deduplicationId !== undefined && (flags.stdin || bodies.length > 1)) {
    throw new UsageError('--deduplication-id is of one message');
  }
  const file = flags.file === undefined ? undefined : readFileSync(flags.file);
  const how = { name: 'wonderq produce', session: true, reconnect: true, durability };
  await withClient(flags, how, async (client) => {
    if (flags.stdin) {
      await produceLines(client, queue, options, print);
      return;
    }
    if (flags.deduplicationId !== undefined) {
      const body = file ?? bytesOf(bodies[0]!);
      const { id, isDuplicate } = await client.produceConfirmed(queue, body, options);
      const object = { id: String(id), duplicate: isDuplicate };
      await writeLine(flags.json ? jsonLine(object) : String(id));
      return;
    }
    const ids = file
      ? [await client.produce(queue, file, options)]
      : await client.produceMany(queue, bodies.map(bytesOf), options);
    for (const id of ids) await print(id);
  });
}

/** The client makes batches of what is asked for in one turn; IDs are printed as they come. */
async function produceLines(
  client: Client,
  queue: string,
  options: ProduceOptions,
  print: (id: number) => Promise<void>,
): Promise<void> {
  const open: Promise<number>[] = [];
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    const confirmed = client.produce(queue, bytesOf(line), options);
    // Looked at when its turn comes; until then a refusal is not unhandled.
    confirmed.catch(() => {});
    open.push(confirmed);
    if (open.length >= openMax) await print(await open.shift()!);
  }
  for (const confirmed of open) await print(await confirmed);
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'utf8');
}

function optionsOf(flags: Flags, durability: Durability | undefined): ProduceOptions {
  return {
    delayMs: parsed('--delay', parseDelay, flags.delay),
    notBefore: parsed('--not-before', parseTime, flags.notBefore),
    timeToLiveMs: parsed('--ttl', parseTimeToLive, flags.ttl),
    priority: parsed('--priority', parsePriority, flags.priority),
    durability: durability === 'write' ? 'write' : undefined,
    contentType: flags.contentType,
    deduplicationId: flags.deduplicationId,
    group: flags.group,
    headers: flags.header === undefined ? undefined : headersOf(flags.header),
  };
}
