// A built broker in a process of its own, over a directory that is removed at the end, for figures
// that are taken by hand (docs/performance.md).

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const main = path.join(import.meta.dirname, '../../dist/src/cli/main.js');

export class BrokerProcess {
  url = '';
  readonly #dataDir = mkdtempSync('wonderq-figures-');
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> | undefined;

  /** Resolves, once it listens, to how long that took in milliseconds. */
  async start(): Promise<number> {
    const startMs = performance.now();
    const flags = ['--port', '0', '--data-dir', this.#dataDir, '--log-level', 'error'];
    const child = spawn(process.execPath, [main, 'serve', ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    this.#ended = once(child, 'close');
    for await (const line of createInterface({ input: child.stdout })) {
      const [, url] = /^listening on (\S+)$/.exec(line) ?? [];
      if (url === undefined) continue;
      this.url = url;
      return performance.now() - startMs;
    }
    throw new Error('the broker ended before it listened');
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#child?.kill(signal);
    await this.#ended;
  }

  /** Stops it and removes its directory. */
  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.#dataDir, { recursive: true });
  }

  /** Memory in RAM, in bytes. */
  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child!.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
  }

  /** `log verify` of its directory; returns what it says that the reading took, in milliseconds. */
  verify(): number {
    const words = [main, 'log', 'verify', '--json', '--data-dir', this.#dataDir];
    const told = execFileSync(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    return (JSON.parse(told.toString()) as { tookMs: number }).tookMs;
  }

  segmentPaths(): string[] {
    const names = [...this.segments().keys()].sort();
    return names.map((name) => path.join(this.#dataDir, 'log', name));
  }

  /** The segments of the log, name to length in bytes; the reserve is not among them. */
  segments(): Map<string, number> {
    const directory = path.join(this.#dataDir, 'log');
    const names = readdirSync(directory).filter((name) => name.endsWith('.wq'));
    const sizeOf = (name: string) => {
      // One that was removed since the directory was read takes no space.
      return statSync(path.join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
    };
    return new Map(names.map((name) => [name, sizeOf(name)]));
  }
}
