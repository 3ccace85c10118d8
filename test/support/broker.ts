// Programs of this project in processes of their own: the command line to its end, and a broker that
// serves until the test ends it.

import { join, relative, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { type Client, connect } from '../../src/client/client.ts';
import { builtVariable } from '../runner/build.ts';
import { type Ending, run, type Start, type TestProcess } from './processes.ts';

const root = join(import.meta.dirname, '../..');
// What was built for this run; that of another copy of the project, as of one without a planted
// bug, is not of these sources.
const told = process.env[builtVariable];
const built = told?.startsWith(`${root}/`) ? told : undefined;
// Resolved here, so that it is found from any directory that a program runs in.
const tsx = ['--import', import.meta.resolve('tsx')];
const patience = { deadlineMs: 60_000 };

function placeOf(program: string): string {
  const path = resolve(root, program);
  return built === undefined ? path : join(built, relative(root, path)).replace(/\.ts$/, '.js');
}

/**
 * What node is told to run a program of this project, such as `src/cli/main.ts`: as it was built for
 * this run, else from source. Modules to load before it are as the program.
 */
export function programWords(program: string, ...preload: readonly string[]): string[] {
  const modules = preload.flatMap((path) => ['--import', placeOf(path)]);
  return [...(built === undefined ? tsx : []), ...modules, placeOf(program)];
}

/** The same of a broker whose sources are elsewhere, with the directory to run it in. */
export function brokerWords(preload: string, sourceDir?: string) {
  if (sourceDir === undefined) {
    return { parameters: programWords('src/cli/main.ts', preload), cwd: root };
  }
  const [module, program] = [join(sourceDir, preload), join(sourceDir, 'src/cli/main.ts')];
  return { parameters: [...tsx, '--import', module, program], cwd: sourceDir };
}

/** What node is told to run the command line. */
export const main = programWords('src/cli/main.ts');

/** Runs a command of the command line to its end. */
export function wonderq(...words: string[]): Promise<Ending & { stdout: string; stderr: string }> {
  return run(process.execPath, [...main, ...words]);
}

/** What a command that succeeds says on standard output. */
export async function said(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await wonderq(...words);
  assert.is(code, 0, stderr);
  return stdout.trimEnd();
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
  const program = programWords('src/cli/main.ts', ...preload);
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
