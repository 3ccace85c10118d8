// Runs one test file in a process of its own and judges it by its totals: it passed when it had
// tests, every declared one ran and passed, none was skipped, and the process ended by itself.
// An exit code of 0 alone proves nothing.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The last word of a test process, before its exit code is looked at. */
export interface Verdict {
  finished: boolean;
  declared: number;
  passed: number;
  problems: string[];
}

export interface FileResult {
  readonly path: string;
  readonly passed: number;
  /** Declared tests that did not pass, whether they failed or never ran. */
  readonly failed: number;
  /** Why the file fails, apart from its failed tests. */
  readonly problems: readonly string[];
  readonly output: string;
  readonly durationMs: number;
}

export const limitMsDefault = 120_000;

const child = fileURLToPath(new URL('./child.ts', import.meta.url));
const running = new Set<ChildProcess>();

/** The limit that the file itself sets in its first lines (`// limit: 240 s`), or the default. */
export function limitMsOf(path: string): number {
  const head = readFileSync(path, 'utf8').split('\n', 10).join('\n');
  const seconds = /^\/\/ limit: (\d+) s$/m.exec(head)?.[1];
  return seconds === undefined ? limitMsDefault : Number(seconds) * 1000;
}

export interface FileOptions {
  readonly limitMs?: number;
  readonly cwd?: string;
  /** Added to the environment of the runner. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function runFile(
  path: string,
  { limitMs = limitMsOf(path), cwd, env }: FileOptions = {},
): Promise<FileResult> {
  const started = performance.now();
  const test = spawn(process.execPath, ['--import', 'tsx', child, path], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
    cwd,
    env: { ...process.env, ...env },
  });
  running.add(test);
  const outputs = [test.stdout, test.stderr].map((stream) => text(stream as Readable));
  const told = listen(test);
  const ended = await end(test, limitMs);
  running.delete(test);
  const { verdict, current } = await told;
  const output = (await Promise.all(outputs)).join('');
  const { passed, declared } = verdict;
  const failed = declared - passed;
  const problems = [...verdict.problems];
  if (ended !== 'exit code 0' && !(ended === 'exit code 1' && problems.length > 0)) {
    problems.push(current === '' ? ended : `${ended}, in: ${current}`);
  }
  return { path, passed, failed, problems, output, durationMs: performance.now() - started };
}

/** Ends every test process that still runs, for when the runner itself is told to stop. */
export function killAll(): void {
  for (const test of running) killGroup(test);
}

// What the tests started belongs to their process group and goes with it, also after a good end:
// a process that outlives its test would hold a port or a lock against the next one.
function killGroup(test: ChildProcess): void {
  try {
    process.kill(-test.pid!, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function end(test: ChildProcess, limitMs: number): Promise<string> {
  let isOverLimit = false;
  const limit = setTimeout(() => {
    isOverLimit = true;
    killGroup(test);
  }, limitMs);
  const ended = await new Promise<string>((resolve, reject) => {
    test.once('error', reject);
    test.once('exit', (code, signal) => {
      resolve(code === null ? `ended by ${signal}` : `exit code ${code}`);
    });
  });
  clearTimeout(limit);
  killGroup(test);
  return isOverLimit ? `killed after its limit of ${limitMs / 1000} s` : ended;
}

async function listen(test: ChildProcess): Promise<{ verdict: Verdict; current: string }> {
  let verdict: Verdict | undefined;
  let current = '';
  for await (const line of createInterface({ input: test.stdio[3] as Readable })) {
    const message = JSON.parse(line) as { running?: string; verdict?: Verdict };
    current = message.running ?? '';
    verdict = message.verdict ?? verdict;
  }
  return {
    verdict: verdict ?? { finished: false, declared: 0, passed: 0, problems: ['no totals'] },
    current,
  };
}
