/**
 * The environment of a command: variables, the file `.env` of the folder it is started in, and the
 * options that every command which speaks to a broker has.
 */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Command } from 'commander';
import { type Client, type ConnectOptions, connect } from '../client/client.ts';
import { type OptionSpec, type Resolved, resolveOption, type Variables } from '../config.ts';
import { defaultHost, defaultPort } from '../server/start-broker.ts';
import { UsageError } from './failure.ts';

const text = (value: string): string => value;

const URL_OPTION: OptionSpec<string> = {
  variables: ['WONDERQ_URL'],
  fallback: `wonderq://${defaultHost}:${defaultPort}`,
  parse: text,
};
const TOKEN_OPTION: OptionSpec<string | undefined> = {
  variables: ['WONDERQ_TOKEN'],
  fallback: undefined,
  parse: text,
};

export interface BrokerFlags {
  readonly url?: string;
  readonly tokenFile?: string;
}

/** Adds the flags of a command that speaks to a broker. */
export function withBroker(
  command: Command,
  which = 'the broker, also WONDERQ_URL (default: wonderq://127.0.0.1:7070)',
): Command {
  return command
    .option('--url <url>', which)
    .option(
      '--token-file <file>',
      'holds the token, which no broker asks for yet; else WONDERQ_TOKEN',
    );
}

/** One option, from wherever it is given. */
export function resolve<T>(
  name: string,
  spec: OptionSpec<T>,
  flag: string | undefined,
): Resolved<T> {
  try {
    return resolveOption(name, spec, flag, process.env, fileVariables());
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

export function tokenOf(flags: BrokerFlags): string | undefined {
  if (flags.tokenFile) return readFileSync(flags.tokenFile, 'utf8').trim();
  return resolve('token', TOKEN_OPTION, undefined).value;
}

/**
 * Connects for one command, calls `use`, and closes whatever happens. Without a session leases are
 * detached: they outlive the command.
 */
export async function withClient<T>(
  flags: BrokerFlags,
  options: ConnectOptions & { name: string; session: boolean },
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const { value: url } = resolve('url', URL_OPTION, flags.url);
  const token = tokenOf(flags);
  const { name, reconnect = false } = options;
  // One that is lost later is waited for; one that is not there is told at once.
  if (reconnect) await connectOnce(url, { name, token });
  const client = await connect(url, { ...options, reconnect, token });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

async function connectOnce(url: string, options: ConnectOptions): Promise<void> {
  const client = await connect(url, { ...options, session: false, reconnect: false });
  await client.close();
}

let file: Variables | undefined;

function fileVariables(): Variables {
  file ??= readEnvFile();
  return file;
}

function readEnvFile(): Variables {
  try {
    return parseEnv(readFileSync('.env', 'utf8')) as Variables;
  } catch (error) {
    // That there is no such file is the usual case; one that cannot be read is not.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
