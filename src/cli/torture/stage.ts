/**
 * A broker that comes and goes, and workers that use it all the while: where it listens, what it
 * was started with, how far the histories have come, and the verdict on them at the end.
 */
import { createReadStream, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Child, Start } from '../child.ts';
import { eventually } from '../eventually.ts';
import { EndedError, EXIT } from '../failure.ts';
import { ownLoopback } from '../loopback.ts';
import { Checker, type Outage, type Verdict } from './checker.ts';
import { monotonicMs } from './history.ts';

const queue = 'torture';
/** Under which a worker is found beside this file, built or not. */
const workerPath = path.join(import.meta.dirname, `worker${path.extname(import.meta.filename)}`);
const patience = { deadlineMs: 60_000 };
const drainMs = 120_000;
/** Sessions stay through every restart. */
const releaseAfterMs = 120_000;

/** How to start a broker. */
export interface BrokerStart {
  /** What Node takes to run `wonderq`. */
  readonly parameters: readonly string[];
  readonly segmentBytes: number;
  /** The folder it runs in; default: the present one. */
  readonly cwd?: string;
}

export interface StageOptions {
  readonly start: Start;
  /** Where the broker keeps its data. */
  readonly dataDir: string;
  /** Where the workers keep their histories. */
  readonly historyDir: string;
  readonly seed: number;
  readonly workerCount: number;
  readonly broker: BrokerStart;
}

export class Stage {
  readonly #options: StageOptions;
  readonly #workers: Child[] = [];
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
  spawnBroker(env: Readonly<Record<string, string>> = {}): Child {
    const { start, dataDir, broker } = this.#options;
    const { segmentBytes, parameters, cwd } = broker;
    const settings = {
      host: ownLoopback(),
      port: this.#port,
      'data-dir': dataDir,
      'segment-bytes': segmentBytes,
      'release-after-ms': releaseAfterMs,
      // Whatever the environment says: else what is judged is another broker.
      durability: 'fsync',
      'create-queues': true,
      'log-level': 'error',
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const options = { env, endsWithParent: true, ...(cwd === undefined ? {} : { cwd }) };
    return start(process.execPath, [...parameters, 'serve', ...flags], options);
  }

  /** Starts a broker and waits until it listens: at once, whenever the one before was killed. */
  async startBroker(): Promise<Child> {
    const sinceMs = monotonicMs();
    const broker = this.spawnBroker();
    if (!(await this.listens(broker))) throw await endOf(broker, 'instead of listening');
    this.startsMs.push(monotonicMs() - sinceMs);
    return broker;
  }

  /** Whether it comes to listen; false where it ends before. */
  async listens(broker: Child): Promise<boolean> {
    try {
      await this.#listening(broker);
      return true;
    } catch (error) {
      if (broker.isRunning) throw error;
      return false;
    }
  }

  async #listening(broker: Child): Promise<void> {
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

  /** Throws where it has ended by itself before. */
  async kill(broker: Child): Promise<void> {
    const { signal } = await broker.end('SIGKILL');
    if (signal !== 'SIGKILL') throw await endOf(broker, 'by itself');
  }

  /** Until all are connected: a first connection that finds no broker is not tried for long. */
  async startWorkers(): Promise<void> {
    const { start, seed, workerCount } = this.#options;
    for (let at = 0; at < workerCount; at += 1) {
      const own = [this.#url, queue, this.#historyOf(at), `w${at}`, `${seed + at}`];
      const parameters = [...process.execArgv, workerPath, ...own];
      const options = { isInputOpen: true, endsWithParent: true };
      this.#workers.push(start(process.execPath, parameters, options));
    }
    await Promise.all(this.#workers.map((worker) => worker.line(/^connected$/, patience)));
  }

  /** How many bytes of history there are. */
  progress(): number {
    const paths = this.#workers.map((_, at) => this.#historyOf(at));
    return paths.reduce((sum, path) => sum + bytesOf(path), 0);
  }

  /** Waits until the workers have written down so many bytes more, or the broker has ended. */
  async work(bytes: number, broker: Child): Promise<void> {
    const enough = this.progress() + bytes;
    const ended = () => this.#workers.find((worker) => !worker.isRunning);
    const isOver = () => ended() !== undefined || !broker.isRunning;
    const isDone = () => this.progress() >= enough || isOver();
    await eventually(`${bytes} bytes of history`, isDone, { ...patience, intervalMs: 2 });
    const worker = ended();
    if (worker !== undefined) throw new Error(`a worker ended: ${worker.stderr}`);
  }

  /** Lets the workers settle everything, and ends the broker in good order. */
  async drain(broker: Child): Promise<void> {
    for (const worker of this.#workers) worker.endInput();
    const drained = { deadlineMs: drainMs };
    await Promise.all(this.#workers.map((worker) => worker.line(/^drained$/, drained)));
    await Promise.all(this.#workers.map((worker) => worker.ended));
    const { code } = await broker.end('SIGTERM');
    if (code !== EXIT.ok) throw await endOf(broker, 'when it was to stop');
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
    const names = readdirSync(path.join(this.#options.dataDir, 'log'));
    const numbers = names.filter((name) => name.endsWith('.wq')).map((name) => parseInt(name, 10));
    return Math.min(...numbers) - 1;
  }

  #historyOf(at: number): string {
    return path.join(this.#options.historyDir, `worker-${at}.jsonl`);
  }
}

function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

async function endOf(broker: Child, when: string): Promise<EndedError> {
  const { code, signal } = await broker.ended;
  const told = `the broker ended with ${code ?? signal} ${when}: ${broker.stderr}`;
  return new EndedError(told.trimEnd(), code ?? EXIT.defect);
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}
