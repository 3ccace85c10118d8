/**
 * A broker over a simulated disk in virtual time, for tests that look at one thing: the test says
 * who connects, what is sent, how long a sync takes, and when time goes on.
 */
import { Broker, type BrokerEnd } from '../../../src/broker/broker.ts';
import type { Runtime } from '../../../src/broker/runtime.ts';
import { type BrokerSettings, defaultSettings } from '../../../src/broker/settings.ts';
import type { StartReport } from '../../../src/broker/start-report.ts';
import { FileLog, type FileLogOptions } from '../../../src/log/file-log.ts';
import type { LogSpace } from '../../../src/log/log.ts';
import { insideOf } from '../../simulation/inside.ts';
import { Scheduler } from '../../simulation/scheduler.ts';
import { type Operation, SimulatedStorage } from '../../simulation/storage.ts';
import { seededRandom } from '../../support/random.ts';
import { Wire } from './wire.ts';

export interface RigOptions {
  readonly settings?: Partial<BrokerSettings>;
  readonly log?: FileLogOptions;
  readonly syncMs?: number;
}

export class Rig {
  readonly scheduler = new Scheduler(seededRandom(1));
  readonly wires = new Set<Wire>();
  storage: SimulatedStorage;
  broker!: Broker;
  log!: FileLog;
  end: BrokerEnd | undefined;
  wallOffsetMs = 0;
  /** How long each operation of the disk takes; infinity holds it back. */
  latencyMs: (operation: Operation) => number;
  private held: (() => void)[] = [];
  private life = 0;
  private readonly options: RigOptions;

  constructor(options: RigOptions = {}) {
    this.options = options;
    const syncMs = options.syncMs ?? 1;
    this.latencyMs = (operation) => (operation === 'sync' ? syncMs : 0.01);
    this.storage = new SimulatedStorage({
      random: () => this.scheduler.random.fraction(),
      schedule: (run, operation) => {
        const ms = this.latencyMs(operation);
        if (Number.isFinite(ms)) this.scheduler.after(ms, run);
        else this.held.push(run);
      },
    });
  }

  get inside() {
    return insideOf(this.broker);
  }

  get space(): LogSpace {
    return this.log.space();
  }

  /** The world as this life sees it. */
  get runtime(): Runtime {
    const { scheduler, life } = this;
    const later = (ms: number, act: () => void) =>
      scheduler.after(ms, () => {
        if (this.life === life) act();
      });
    return {
      wallMs: () => 1_700_000_000_000 + Math.floor(scheduler.nowMs) + this.wallOffsetMs,
      monotonicMs: () => scheduler.nowMs,
      random48: () => scheduler.random.uint32(),
      defer: (act) => {
        later(0.001, act);
      },
      after: later,
    };
  }

  async start(): Promise<StartReport> {
    return await this.wait(this.begin());
  }

  /** Begins a life without waiting for it. */
  begin(): Promise<StartReport> {
    this.life += 1;
    const { life, options } = this;
    this.end = undefined;
    this.log = new FileLog(this.storage, { reserve: false, salt: () => 7, ...options.log });
    this.broker = new Broker(this.log, this.runtime, {
      settings: { ...defaultSettings, ...options.settings },
    });
    void this.broker.ended.then((end) => {
      if (this.life === life) this.end = end;
    });
    return this.broker.start();
  }

  /** The process dies, or the power goes, and the next life is begun. */
  async restart(how: 'kill' | 'power'): Promise<StartReport> {
    this.life += 1;
    for (const wire of this.wires) wire.isOver = true;
    this.wires.clear();
    this.held = [];
    this.storage = this.storage.crash(how);
    return await this.start();
  }

  connect(): Wire {
    const wire = new Wire(this);
    this.wires.add(wire);
    return wire;
  }

  /** Lets go what the disk held back. */
  letGo(): void {
    for (const run of this.held.splice(0)) this.scheduler.after(0, run);
  }

  async run(ms: number): Promise<void> {
    await this.scheduler.run(() => false, ms);
  }

  /** Lets time go on until the condition holds. */
  async until(condition: () => boolean, limitMs = 60_000): Promise<void> {
    if (await this.scheduler.run(condition, limitMs)) return;
    throw new Error(`it never held: ${condition}`);
  }

  /** Lets time go on until the promise is settled. */
  async wait<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await new Promise<void>((resolve) => process.nextTick(resolve));
    await this.until(() => isSettled);
    return await promise;
  }
}
