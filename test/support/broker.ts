// Programs that are run from source in processes of their own: the command line to its end, and a
// broker that serves until the test ends it.

import { join } from 'node:path';
import { type Client, connect } from '../../src/client/client.ts';
import { type Ending, run, type Start, type TestProcess } from './processes.ts';

const root = join(import.meta.dirname, '../..');
// Resolved here, so that it is found from any directory that a program runs in.
const tsx = ['--import', import.meta.resolve('tsx')];
const patience = { deadlineMs: 60_000 };

/** What node is told to run a program of this project, such as `src/cli/main.ts`. */
export function fromSource(program: string, ...preload: readonly string[]): string[] {
  return [...tsx, ...preload.flatMap((path) => ['--import', path]), join(root, program)];
}

/** What node is told to run the command line. */
export const main = fromSource('src/cli/main.ts');

/** Runs a command of the command line to its end. */
export function wonderq(...words: string[]): Promise<Ending & { stdout: string; stderr: string }> {
  return run(process.execPath, [...main, ...words]);
}

export interface Served {
  readonly port?: string;
  /** Modules that come before the program. */
  readonly preload?: readonly string[];
  /** Further ones, with their values. */
  readonly flags?: readonly string[];
}

/** The command that serves a directory, to be run as it is or by another command. */
export function serveCommand(
  dataDir: string,
  { port = '0', preload = [], flags = [] }: Served = {},
): string[] {
  const program = fromSource('src/cli/main.ts', ...preload);
  return [process.execPath, ...program, 'serve', '--port', port, '--data-dir', dataDir, ...flags];
}

/** Starts a broker, which may or may not come to listen. */
export function serve(
  start: Start,
  dataDir: string,
  { env = {}, ...served }: Served & { readonly env?: Readonly<Record<string, string>> } = {},
): TestProcess {
  const [program, ...parameters] = serveCommand(dataDir, served);
  return start(program!, parameters, { env });
}

/** Waits until it listens; rejects with what it said where it ends before. */
export async function urlOf(broker: TestProcess): Promise<string> {
  const [, url] = await broker.line(/^listening on (wonderq:.*)$/, patience);
  return url!;
}

/** A client that shows each lost connection. */
export async function clientOf(broker: TestProcess): Promise<Client> {
  return await connect(await urlOf(broker), { reconnect: false });
}
