/**
 * Child processes: start one, wait for what it prints, end it by its ID. Whatever happens, they are
 * gone when the function that they were started for is left.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { eventually } from './eventually.ts';

export interface StartOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** More input follows, by `write`; `endInput` ends it. */
  readonly isInputOpen?: boolean;
  /** It runs Node, and ends with this process and not by a Ctrl-C of the terminal. */
  readonly endsWithParent?: boolean;
}

/** Loaded by a program before all else, so that it does not outlive the process that started it. */
export const endWithParent = [
  '--import',
  `data:text/javascript,${encodeURIComponent(`
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
`)}`,
] as const;

/** How a process ended: one of the two is null. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Child {
  stdout = '';
  stderr = '';
  /** Settles once the process has ended and all of its output has been read. */
  readonly ended: Promise<Ending>;
  readonly #process: ChildProcess;
  #hasEnded = false;

  constructor(command: string, parameters: readonly string[], options: StartOptions = {}) {
    const { cwd, env, input = '', isInputOpen = false, endsWithParent = false } = options;
    const words = endsWithParent ? [...endWithParent, ...parameters] : parameters;
    this.#process = spawn(command, words, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe', ...(endsWithParent ? ['ipc' as const] : [])],
      detached: endsWithParent,
    });
    this.#process.stdin!.on('error', () => {}); // It may end without having read its input.
    this.#process.stdin!.write(input);
    if (!isInputOpen) this.endInput();
    this.#read('stdout', this.#process.stdout!);
    this.#read('stderr', this.#process.stderr!);
    this.ended = this.#end();
    this.ended.catch(() => {}); // Whoever waits for it sees the failure.
  }

  get id(): number {
    return this.#process.pid!;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Waits for a line of the output that matches, and returns the match. */
  async line(
    pattern: RegExp,
    { stream = 'stdout', deadlineMs = 10_000 }: LineOptions = {},
  ): Promise<RegExpMatchArray> {
    const what = `a line ${pattern} on ${stream}`;
    const check = () => {
      const lines = wholeLines(this[stream], this.#hasEnded);
      return lines.map((line) => line.match(pattern)).find(Boolean) ?? this.#hasEnded;
    };
    const found = await eventually(what, check, { deadlineMs });
    if (typeof found !== 'boolean') return found;
    throw new Error(`ended without ${what}:\n${this.stdout}${this.stderr}`);
  }

  write(input: string): void {
    this.#process.stdin!.write(input);
  }

  endInput(): void {
    this.#process.stdin!.end();
  }

  /** Sends a signal without waiting for its effect. */
  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Sends a signal (SIGTERM unless told otherwise) and waits for the end. */
  end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ending> {
    if (this.isRunning) this.#process.kill(signal);
    return this.ended;
  }

  #read(name: 'stdout' | 'stderr', stream: Readable): void {
    stream.setEncoding('utf8').on('data', (text: string) => {
      this[name] += text;
    });
  }

  async #end(): Promise<Ending> {
    const [code, signal] = await once(this.#process, 'close');
    this.#hasEnded = true;
    return { code, signal };
  }
}

interface LineOptions {
  readonly stream?: 'stdout' | 'stderr';
  readonly deadlineMs?: number;
}

// What a running process printed behind the last line break may be half a line.
function wholeLines(text: string, hasEnded: boolean): string[] {
  const lines = text.split('\n');
  return hasEnded ? lines : lines.slice(0, -1);
}

export type Start = (
  command: string,
  parameters: readonly string[],
  options?: StartOptions,
) => Child;

/** Calls `body` with a function that starts processes; kills those that are left at its end. */
export async function withProcesses<T>(body: (start: Start) => Promise<T>): Promise<T> {
  const started: Child[] = [];
  try {
    return await body((command, parameters, options) => {
      const process = new Child(command, parameters, options);
      started.push(process);
      return process;
    });
  } finally {
    await Promise.allSettled(started.map((process) => process.end('SIGKILL')));
  }
}

/** Runs a command to its end. */
export function run(
  command: string,
  parameters: readonly string[],
  options?: StartOptions,
): Promise<Ending & { stdout: string; stderr: string }> {
  return withProcesses(async (start) => {
    const process = start(command, parameters, options);
    const ending = await process.ended;
    return { ...ending, stdout: process.stdout, stderr: process.stderr };
  });
}
