/**
 * `wonderq peek`: shows messages of a queue without taking them, in the order of delivery, or some
 * by their IDs.
 */
import { isUtf8 } from 'node:buffer';
import type { Command } from 'commander';
import type { Client, MessageInfo, MessageStateName } from '../client/client.ts';
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { EXIT, UsageError } from './failure.ts';
import { parseCount, parsed, parseState, parseWhole } from './parse.ts';
import { age, jsonLine, plainBody, table, writeLine } from './text.ts';

const maxDefault = 10;
/** Of a body in a table: a line's worth. */
const lineBytes = 48;
/** Messages asked for at a time. */
const pageMax = 100;

interface Flags extends BrokerFlags {
  readonly state?: string;
  readonly max?: string;
  readonly bytes?: string;
  readonly json?: boolean;
}

export function addPeek(program: Command): void {
  withBroker(program.command('peek'))
    .description('show messages without taking them: the first ones, or these')
    .argument('<queue>')
    .argument('[id...]')
    .option('--state <state>', 'only ready, held, in-flight, delayed, dead or unreadable ones')
    .option('--max <n>', `how many at most (default: ${maxDefault})`)
    .option('--bytes <n>', 'how much of each body (default: a line of it; with --json: all)')
    .option('--json', 'an object a line')
    .action(peek);
}

async function peek(queue: string, texts: string[], flags: Flags): Promise<void> {
  const ids = texts.map((text) => parsed('the message ID', parseCount, text)!);
  const state = parsed('--state', parseState, flags.state);
  const most = parsed('--max', parseCount, flags.max);
  if (ids.length > 0 && (state !== undefined || most !== undefined)) {
    throw new UsageError('--state and --max are not for messages that are named');
  }
  const wholeBytes = flags.json ? limits.bodyBytesMax : lineBytes;
  const bodyBytes =
    parsed('--bytes', parseWhole(0, limits.bodyBytesMax), flags.bytes) ?? wholeBytes;
  await withClient(flags, { name: 'wonderq peek', session: false }, async (client) => {
    const messages =
      ids.length > 0
        ? named(client, queue, ids, bodyBytes)
        : first(client, queue, most ?? maxDefault, { state, bodyBytes });
    if (flags.json) await printObjects(queue, messages);
    else await printTable(client.greeting.timeMs, messages);
  });
}

type Messages = AsyncIterable<MessageInfo>;

async function* first(
  client: Client,
  queue: string,
  most: number,
  options: { state: MessageStateName | undefined; bodyBytes: number },
): Messages {
  let left = most;
  for await (const message of client.browse(queue, {
    ...options,
    limit: Math.min(most, pageMax),
  })) {
    yield message;
    left -= 1;
    if (left === 0) return;
  }
}

/** One that is not there is told on standard error. */
async function* named(
  client: Client,
  queue: string,
  ids: readonly number[],
  bodyBytes: number,
): Messages {
  for (const id of ids) {
    try {
      yield await client.getMessage(queue, id, { bodyBytes });
    } catch (error) {
      if (!(error instanceof WonderqError) || error.code !== 'GONE') throw error;
      console.error(`wonderq: ${id}: ${error.code}`);
      process.exitCode = EXIT.no;
    }
  }
}

async function printObjects(queue: string, messages: Messages): Promise<void> {
  for await (const message of messages) await writeLine(jsonLine(objectOf(queue, message)));
}

/** Fields and bodies as `receive` prints them. */
function objectOf(queue: string, { id, body, ...message }: MessageInfo) {
  if (body === undefined) return { id: String(id), queue, ...message };
  const shown = wholeCharacters(message, body);
  const isText = isUtf8(shown);
  const told = {
    body: shown.toString(isText ? 'utf8' : 'base64'),
    ...(isText ? {} : { bodyEncoding: 'base64' }),
  };
  return { id: String(id), queue, ...told, ...message };
}

async function printTable(nowMs: number, messages: Messages): Promise<void> {
  const rows: (string | number)[][] = [];
  for await (const message of messages) rows.push(rowOf(nowMs, message));
  if (rows.length === 0) return;
  const heads = ['ID', 'STATE', 'AGE', 'PRIORITY', 'DELIVERED', 'FAILED', 'NOTE', 'BODY'];
  await writeLine(table([heads, ...rows]));
}

function rowOf(nowMs: number, message: MessageInfo): (string | number)[] {
  const { id, state, producedMs, priority, deliveryCount, failureCount } = message;
  const since = age(Math.max(0, nowMs - producedMs));
  const counts = [priority, deliveryCount, failureCount];
  return [id, state, since, ...counts, noteOf(message), bodyOf(message)];
}

/** Who has it until when, or how it failed last. */
function noteOf({ state, dueMs, client, failures }: MessageInfo): string {
  if (dueMs !== undefined) {
    const until = `until ${new Date(dueMs).toISOString()}`;
    return client === undefined ? until : `${jsonLine(client)} ${until}`;
  }
  const last = state === 'dead' ? failures?.at(-1) : undefined;
  if (last === undefined) return '';
  return last.text === undefined ? last.reason : `${last.reason}: ${jsonLine(last.text)}`;
}

function bodyOf(message: MessageInfo): string {
  const { body, bodyBytes = 0 } = message;
  if (body === undefined) return '';
  return `${plainBody(wholeCharacters(message, body))}${body.length < bodyBytes ? '...' : ''}`;
}

/** Where a body is cut, without the beginning of a character at its end. */
function wholeCharacters({ bodyBytes = 0 }: { bodyBytes?: number }, body: Buffer): Buffer {
  if (body.length === bodyBytes) return body;
  const partMax = Math.min(3, body.length);
  for (let less = 0; less <= partMax; less += 1) {
    const shorter = body.subarray(0, body.length - less);
    if (isUtf8(shorter)) return shorter;
  }
  return body;
}
