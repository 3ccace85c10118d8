/**
 * The broker that is measured: one that runs already, or a process of its own with an empty log in
 * a directory that is removed afterwards.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { endWithParent } from '../child.ts';

export interface Target {
  readonly url: string;
  /** What a reader of the figures has to know of it. */
  readonly description: string;
  close(): Promise<void>;
}

export function runningBroker(url: string): Target {
  return { url, description: url, close: async () => {} };
}

/** Starts `wonderq serve` on a free port, its log in a new folder of `directory`. */
export async function ownBroker(directory: string): Promise<Target> {
  const dataDir = mkdtempSync(path.join(directory, 'wonderq-bench-'));
  const flags = ['--port', '0', '--data-dir', dataDir, '--log-level', 'warn'];
  const command = [...process.execArgv, process.argv[1]!, 'serve', ...flags];
  // Not ended by a Ctrl-C of the terminal, but by us once its figures are read.
  const child = spawn(process.execPath, [...endWithParent, ...command], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    detached: true,
  });
  const ended = once(child, 'close');
  const url = await listeningUrl(child);
  const close = async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(dataDir, { recursive: true });
  };
  if (url !== undefined) return { url, description: `own broker, log in ${directory}`, close };
  await close();
  throw new Error('the broker ended before it listened');
}

/** Undefined if it ends without listening. */
async function listeningUrl(child: ChildProcess): Promise<string | undefined> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const [, url] = /^listening on (\S+)$/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  return undefined;
}
