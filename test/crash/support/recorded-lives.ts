// Some lives of one broker whose calls are recorded, and what a client was told in them. All but the
// last end with a kill: two while a batch is written and not synced, two during the start.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bodyOf, keyOf } from '../../../src/cli/torture/body.ts';
import { brokerWords, urlOf } from '../../support/broker.ts';
import { type Start, type TestProcess, withProcesses } from '../../support/processes.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import { Caller, type Delivered } from './caller.ts';
import { type Call, readCalls } from './recorded-calls.ts';
import { segmentBytes } from './tiny-sizes.ts';

export const queue = 'recorded';
/** What is there besides the log: it says whose the directory is. */
const ofLock = ['log/lock', 'log/owner.json'];
const messagesMax = 4;
const heldMax = 24;
const waitingMax = 5;
const never = Number.POSITIVE_INFINITY;

/** So many bytes of the connection of that life had come. */
export interface Moment {
  readonly life: number;
  readonly bytes: number;
}

export interface Produce {
  readonly keys: readonly string[];
  confirmed?: Moment;
}

export interface Ack {
  /** By key, when each had been delivered. */
  readonly delivered: ReadonlyMap<string, Moment>;
  confirmed?: Moment;
}

export interface Told {
  readonly produces: Produce[];
  readonly acks: Ack[];
}

export interface RecordedLives {
  readonly told: Told;
  /** The calls of each life. */
  readonly calls: readonly (readonly Call[])[];
  /** After each life, the bytes of each file, under paths as in the calls. */
  readonly files: readonly ReadonlyMap<string, Buffer>[];
}

export interface LivesOptions {
  /** An empty directory. */
  readonly directory: string;
  readonly shim: string;
  readonly seed: number;
  /** How long a life is at least, in calls. */
  readonly calls: number;
  /** Where the broker's sources are; if they are not those of this project. */
  readonly sourceDir?: string | undefined;
}

export function recordLives(options: LivesOptions): Promise<RecordedLives> {
  return withProcesses((start) => new Lives(start, options).run());
}

class Lives {
  readonly #start: Start;
  readonly #options: LivesOptions;
  readonly #random: Random;
  readonly #dataDir: string;
  readonly #told: Told = { produces: [], acks: [] };
  #messages = 0;

  constructor(start: Start, options: LivesOptions) {
    this.#start = start;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#dataDir = join(options.directory, 'data');
    mkdirSync(this.#dataDir);
  }

  async run(): Promise<RecordedLives> {
    const { calls: length, directory } = this.#options;
    const inStart = () => `${this.#random.integer(1, 30)} any`;
    const kills = [inStart(), `${length} sync`, inStart(), `${length} sync`, undefined];
    const calls: Call[][] = [];
    const files: Map<string, Buffer>[] = [];
    for (const [life, kill] of kills.entries()) {
      const record = join(directory, `record-${life}`);
      await this.#live(life, record, kill);
      calls.push(readCalls(record).filter((call) => !ofLock.includes(pathOf(call))));
      // As after a boot: who had the lock is gone.
      for (const path of ofLock)
        rmSync(join(this.#dataDir, path), { recursive: true, force: true });
      files.push(filesIn(this.#dataDir));
    }
    return { told: this.#told, calls, files };
  }

  async #live(life: number, record: string, kill: string | undefined): Promise<void> {
    const broker = this.#spawn(record, kill);
    const isListening = await this.#work(life, broker, kill);
    const { code, signal } = await broker.end('SIGTERM');
    if (kill === undefined ? code === 0 && isListening : signal === 'SIGKILL') return;
    throw new Error(`life ${life} ended with ${code ?? signal}: ${broker.stderr}`);
  }

  #spawn(record: string, kill: string | undefined): TestProcess {
    const { shim, sourceDir } = this.#options;
    const words = brokerWords('test/crash/support/tiny-segments.ts', sourceDir);
    const flags = ['--port', '0', '--data-dir', this.#dataDir, '--release-after-ms', '0'];
    const sizes = ['--segment-bytes', `${segmentBytes}`];
    const parameters = [...words.parameters, 'serve', ...flags, ...sizes];
    const env = {
      LD_PRELOAD: shim,
      RECORD_DIRECTORY: this.#dataDir,
      RECORD_TO: record,
      ...(kill !== undefined && { RECORD_KILL: kill }),
      UV_USE_IO_URING: '0',
    };
    return this.#start(process.execPath, parameters, { env, cwd: words.cwd });
  }

  /** Returns whether it came to listen. One that is to be killed is used until it is. */
  async #work(life: number, broker: TestProcess, kill: string | undefined): Promise<boolean> {
    const caller = await callerOf(broker).catch(async (error) => {
      if (kill === undefined) throw error;
      await broker.ended;
      return undefined;
    });
    if (caller === undefined) return false;
    await caller.hello(this.#random.bytes(16));
    await this.#use(life, caller, kill === undefined ? this.#options.calls : never);
    caller.end();
    return true;
  }

  async #use(life: number, caller: Caller, stepsMax: number): Promise<void> {
    const held: Held[] = [];
    let waiting: Promise<void>[] = [];
    for (let step = 0; step < stepsMax && !caller.hasEnded; step += 1) {
      waiting.push(this.#step(life, caller, held));
      if (waiting.length < waitingMax && this.#random.chance(0.5)) continue;
      await Promise.all(waiting);
      waiting = [];
    }
    await Promise.all(waiting);
  }

  #step(life: number, caller: Caller, held: Held[]): Promise<void> {
    const choice = this.#random.fraction();
    if (choice < 0.4) return this.#produce(life, caller);
    if (choice < 0.7 && held.length < heldMax) return this.#receive(life, caller, held);
    return this.#ack(life, caller, held);
  }

  async #produce(life: number, caller: Caller): Promise<void> {
    const count = this.#random.integer(1, messagesMax);
    const keys = Array.from(
      { length: count },
      () => `m${String(this.#messages++).padStart(6, '0')}`,
    );
    const produce: Produce = { keys };
    this.#told.produces.push(produce);
    const bodies = keys.map((key) => bodyOf(key, this.#random.integer(0, 1)));
    const answer = await caller.produce(queue, bodies);
    if (answer?.isGood) produce.confirmed = { life, bytes: answer.bytes };
  }

  async #receive(life: number, caller: Caller, held: Held[]): Promise<void> {
    const answer = await caller.receive(queue, messagesMax);
    if (answer === undefined) return;
    for (const delivery of answer.deliveries) held.push({ ...delivery, life, bytes: answer.bytes });
  }

  async #ack(life: number, caller: Caller, held: Held[]): Promise<void> {
    const some = held.splice(0, this.#random.integer(1, messagesMax));
    if (some.length === 0) return;
    const ack: Ack = { delivered: new Map(some.map((one) => [keyOf(one.body) ?? one.body, one])) };
    this.#told.acks.push(ack);
    const answer = await caller.ack(queue, some);
    if (answer?.isGood) ack.confirmed = { life, bytes: answer.bytes };
  }
}

type Held = Delivered & Moment;

async function callerOf(broker: TestProcess): Promise<Caller> {
  return await Caller.connect(await urlOf(broker));
}

function pathOf(call: Call): string {
  return 'path' in call ? call.path : '';
}

function filesIn(dataDir: string): Map<string, Buffer> {
  if (!existsSync(dataDir)) return new Map();
  const entries = readdirSync(dataDir, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path.slice(dataDir.length + 1), readFileSync(path)]));
}
