// A broker that comes and goes, and workers that use it all the while: where it listens, what it
// was started with, how far the histories have come, and the verdict on them at the end.

import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from '../../support/eventually.ts';
import type { Start, TestProcess } from '../../support/processes.ts';
import { Checker, type Outage, type Verdict, violationNames } from './checker.ts';
import { monotonicMs } from './history.ts';

const queue = 'crash';
const segmentBytes = 1536 * 1024;
const patience = { deadlineMs: 60_000 };
const drainMs = 120_000;
const project = join(import.meta.dirname, '../../..');
/** Sessions stay through every restart. */
const releaseAfterMs = 120_000;

export interface StageOptions {
  readonly start: Start;
  /** Where the broker keeps its data. */
  readonly dataDir: string;
  /** Where the workers keep their histories. */
  readonly historyDir: string;
  readonly seed: number;
  readonly workerCount: number;
  /** Where the broker's sources are; default: here. */
  readonly sourceDir?: string;
}

export class Stage {
  readonly #options: StageOptions;
  readonly #workers: TestProcess[] = [];
  readonly #outages: Outage[] = [];
  /** How long it took from each start to its listening line. */
  readonly startsMs: number[] = [];
  #port = '0';
  #url = '';
  #downMs = 0;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  /** A broker that may or may not come to listen. */
  spawnBroker(env: Readonly<Record<string, string>> = {}): TestProcess {
    const { start, dataDir, sourceDir = project } = this.#options;
    const at = (path: string) => join(sourceDir, path);
    const preload = ['--import', 'tsx', '--import', at('test/crash/support/small-segments.ts')];
    const settings = {
      port: this.#port,
      'data-dir': dataDir,
      'segment-bytes': segmentBytes,
      'release-after-ms': releaseAfterMs,
      'log-level': 'error',
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const parameters = [...preload, at('src/cli/main.ts'), 'serve', ...flags];
    return start(process.execPath, parameters, { env, cwd: sourceDir });
  }

  /** Starts a broker and waits until it listens: at once, whenever the one before was killed. */
  async startBroker(): Promise<TestProcess> {
    const sinceMs = monotonicMs();
    const broker = this.spawnBroker();
    if (!(await this.listens(broker))) {
      const { code } = await broker.ended;
      throw new Error(`the start ended with ${code}: ${broker.stderr}`);
    }
    this.startsMs.push(monotonicMs() - sinceMs);
    return broker;
  }

  /** Whether it comes to listen; false where it ends before. */
  async listens(broker: TestProcess): Promise<boolean> {
    try {
      await this.#listening(broker);
      return true;
    } catch (error) {
      if (broker.isRunning) throw error;
      return false;
    }
  }

  async #listening(broker: TestProcess): Promise<void> {
    const [, url = ''] = await broker.line(/^listening on (wonderq:.*)$/, patience);
    this.#url = url;
    this.#port = new URL(url).port;
    if (this.#downMs > 0) this.#outages.push({ fromMs: this.#downMs, toMs: monotonicMs() });
    this.#downMs = 0;
  }

  /** What was taken before is from before the outage; called right before the broker is ended. */
  goesDown(): void {
    if (this.#downMs === 0) this.#downMs = monotonicMs();
  }

  startWorkers(): void {
    const { start, seed, workerCount } = this.#options;
    const program = join(import.meta.dirname, 'worker.ts');
    for (let at = 0; at < workerCount; at += 1) {
      const own = [this.#url, queue, this.#historyOf(at), `w${at}`, `${seed + at}`];
      const parameters = ['--import', 'tsx', program, ...own];
      this.#workers.push(start(process.execPath, parameters, { isInputOpen: true }));
    }
  }

  /** How many bytes of history there are. */
  progress(): number {
    const paths = this.#workers.map((_, at) => this.#historyOf(at));
    return paths.reduce((sum, path) => sum + bytesOf(path), 0);
  }

  /** Waits until the workers have written down so many bytes more, or the broker has ended. */
  async work(bytes: number, broker: TestProcess): Promise<void> {
    const enough = this.progress() + bytes;
    const isThere = () => {
      const ended = this.#workers.find((worker) => !worker.isRunning);
      if (ended !== undefined) throw new Error(`a worker ended: ${ended.stderr}`);
      return this.progress() >= enough || !broker.isRunning;
    };
    await eventually(`${bytes} bytes of history`, isThere, { ...patience, intervalMs: 2 });
  }

  /** Lets the workers settle everything, and ends the broker in good order. */
  async drain(broker: TestProcess): Promise<void> {
    for (const worker of this.#workers) worker.endInput();
    const drained = { deadlineMs: drainMs };
    await Promise.all(this.#workers.map((worker) => worker.line(/^drained$/, drained)));
    await Promise.all(this.#workers.map((worker) => worker.ended));
    const { code } = await broker.end('SIGTERM');
    if (code !== 0) throw new Error(`the broker ended with ${code}: ${broker.stderr}`);
  }

  async verdict(): Promise<{ verdict: Verdict; violations: string[] }> {
    const checker = new Checker(this.#outages);
    for (const at of this.#workers.keys()) {
      const lines = createInterface({ input: createReadStream(this.#historyOf(at)) });
      for await (const line of lines) checker.read(JSON.parse(line));
    }
    return { verdict: checker.judge(), violations: checker.violations };
  }

  /** How many segments were compacted away in all lives. */
  get segmentsRemoved(): number {
    const names = readdirSync(join(this.#options.dataDir, 'log'));
    const numbers = names.filter((name) => name.endsWith('.wq')).map((name) => parseInt(name, 10));
    return Math.min(...numbers) - 1;
  }

  #historyOf(at: number): string {
    return join(this.#options.historyDir, `worker-${at}.jsonl`);
  }
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

export const isGood = (verdict: Verdict) => violationNames.every((name) => verdict[name] === 0);

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}
