/**
 * The options of `wonderq serve`, each in one row: which variables may hold it, its default, what
 * it may be, and what the help says. The flag follows from the name: `dataDir` is `--data-dir`.
 */
import type { Command } from 'commander';
import { defaultSettings } from '../broker/settings.ts';
import type { OptionSpec, Resolved } from '../config.ts';
import { limits, settable } from '../limits.ts';
import type { Durability } from '../queue/queue.ts';
import { defaultHost, defaultPort } from '../server/start-broker.ts';
import { resolve } from './environment.ts';
import { parseDurability, parsePort, parseSwitch, parseVisibility, parseWhole } from './parse.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly visibilityMs: number;
  readonly durability: Durability;
  readonly releaseAfterMs: number;
  readonly createQueues: boolean;
  readonly bodyBytesMax: number;
  readonly frameBytesMax: number;
  readonly batchMessagesMax: number;
  readonly segmentBytes: number;
  readonly logLevel: string;
}

interface Row<T> extends OptionSpec<T> {
  /** What the flag takes, as the help shows it. */
  readonly takes: string;
  readonly help: string;
}

const ROWS: { readonly [Name in keyof ServeOptions]: Row<ServeOptions[Name]> } = {
  host: {
    variables: ['WONDERQ_HOST'],
    fallback: defaultHost,
    parse: (text) => text,
    takes: 'address',
    help: 'where to listen',
  },
  port: {
    variables: ['WONDERQ_PORT'],
    fallback: defaultPort,
    parse: parsePort,
    takes: 'port',
    help: 'where to listen; 0: any free port',
  },
  dataDir: {
    variables: ['WONDERQ_DATA_DIR'],
    fallback: 'data',
    parse: (text) => text,
    takes: 'directory',
    help: 'where the log is kept',
  },
  visibilityMs: {
    variables: ['WONDERQ_VISIBILITY_MS', 'CONSUMABLE_TIME'],
    fallback: defaultSettings.visibilityMs,
    parse: parseVisibility,
    takes: 'ms',
    help: 'to ack a message in',
  },
  durability: {
    variables: ['WONDERQ_DURABILITY'],
    fallback: defaultSettings.durability,
    parse: parseDurability,
    takes: 'level',
    help: 'what a confirmation means, fsync or write',
  },
  releaseAfterMs: {
    variables: ['WONDERQ_RELEASE_AFTER_MS'],
    fallback: defaultSettings.releaseAfterMs,
    parse: parseWhole(...settable.releaseAfterMs),
    takes: 'ms',
    help: 'grace of a session without connection',
  },
  createQueues: {
    variables: ['WONDERQ_CREATE_QUEUES'],
    fallback: defaultSettings.createQueues,
    parse: parseSwitch,
    takes: 'bool',
    help: 'whether the first produce makes a queue',
  },
  bodyBytesMax: {
    variables: ['WONDERQ_BODY_BYTES_MAX'],
    fallback: defaultSettings.bodyBytesMax,
    parse: parseWhole(...settable.bodyBytesMax),
    takes: 'bytes',
    help: 'how long the body of a message may be',
  },
  frameBytesMax: {
    variables: ['WONDERQ_FRAME_BYTES_MAX'],
    fallback: defaultSettings.frameBytesMax,
    parse: parseWhole(...settable.frameBytesMax),
    takes: 'bytes',
    help: 'how long a frame of a client may be',
  },
  batchMessagesMax: {
    variables: ['WONDERQ_BATCH_MESSAGES_MAX'],
    fallback: defaultSettings.batchMessagesMax,
    parse: parseWhole(...settable.batchMessagesMax),
    takes: 'count',
    help: 'how many messages or receipts a frame may hold',
  },
  segmentBytes: {
    variables: ['WONDERQ_SEGMENT_BYTES'],
    fallback: limits.segmentBytes,
    parse: parseWhole(...settable.segmentBytes),
    takes: 'bytes',
    help: 'about how long a file of the log is',
  },
  logLevel: {
    variables: ['WONDERQ_LOG_LEVEL'],
    fallback: 'info',
    parse: parseLevel,
    takes: 'level',
    help: `what is logged to standard error, ${LEVELS.join(', ')}`,
  },
};

export type ServeFlags = { readonly [Name in keyof ServeOptions]?: string };

export type ResolvedServeOptions = {
  readonly [Name in keyof ServeOptions]: Resolved<ServeOptions[Name]>;
};

export function withServeOptions(command: Command): Command {
  for (const [name, { takes, help, variables, fallback }] of Object.entries(ROWS)) {
    const about = `${help}; also ${variables.join(', ')} (default: ${fallback})`;
    command.option(`--${flagOf(name)} <${takes}>`, about);
  }
  return command;
}

export function resolveServeOptions(flags: ServeFlags): ResolvedServeOptions {
  const one = <Name extends keyof ServeOptions>(name: Name) =>
    resolve<ServeOptions[Name]>(flagOf(name), ROWS[name], flags[name]);
  const names = Object.keys(ROWS) as (keyof ServeOptions)[];
  const resolved = Object.fromEntries(names.map((name) => [name, one(name)]));
  return resolved as ResolvedServeOptions;
}

/** The values alone, without where they came from. */
export function valuesOf(resolved: ResolvedServeOptions): ServeOptions {
  const values = Object.entries(resolved).map(([name, { value }]) => [name, value] as const);
  return Object.fromEntries(values) as unknown as ServeOptions;
}

function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function parseLevel(text: string): string {
  if (LEVELS.includes(text)) return text;
  throw new Error(`must be one of ${LEVELS.join(', ')}, not "${text}"`);
}
