/**
 * The machine on which the broker runs: a disk that outlives every process, and one life of the
 * broker after the other, each with the real broker and file log over the simulated world.
 */
import { Broker } from '../../src/broker/broker.ts';
import type { Connection } from '../../src/broker/connection.ts';
import type { Runtime } from '../../src/broker/runtime.ts';
import { FileLog, type FileLogOptions } from '../../src/log/file-log.ts';
import type { Log, OpenReport } from '../../src/log/log.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import type { Conditions } from './conditions.ts';
import { insideOf } from './inside.ts';
import { Link, type LinkEnd } from './link.ts';
import type { Scheduler } from './scheduler.ts';
import { smallSizes } from './small-limits.ts';
import { type Operation, SimulatedStorage } from './storage.ts';

export type MakeLog = (storage: SimulatedStorage, options: FileLogOptions) => Log;

export const makeFileLog: MakeLog = (storage, options) => new FileLog(storage, options);

/** How often what happened; the names are printed. */
export interface HostCounts {
  starts: number;
  kills: number;
  powerCuts: number;
  crashesInStart: number;
  cleanStops: number;
  tornTailsCut: number;
  segmentsCompacted: number;
  bytesCompacted: number;
  fetchesFromDisk: number;
  wallJumps: number;
}

export function emptyHostCounts(): HostCounts {
  return {
    starts: 0,
    kills: 0,
    powerCuts: 0,
    crashesInStart: 0,
    cleanStops: 0,
    tornTailsCut: 0,
    segmentsCompacted: 0,
    bytesCompacted: 0,
    fetchesFromDisk: 0,
    wallJumps: 0,
  };
}

const wallStartMs = 1_700_000_000_000;

export class Host {
  readonly counts: HostCounts;
  /** Counts the starts. */
  life = 0;
  /** Set while it accepts connections. */
  broker: Broker | undefined;
  /** When the life that listens, or is about to, began. */
  beganMs = 0;
  private readonly scheduler: Scheduler;
  private readonly conditions: Conditions;
  private readonly makeLog: MakeLog;
  private storage: SimulatedStorage;
  private links = new Set<Link>();
  private wallOffsetMs = 0;
  private interruption: { operation: Operation; act: () => void } | undefined;

  constructor(
    scheduler: Scheduler,
    conditions: Conditions,
    counts: HostCounts,
    makeLog: MakeLog = makeFileLog,
  ) {
    this.scheduler = scheduler;
    this.conditions = conditions;
    this.counts = counts;
    this.makeLog = makeLog;
    const { random } = scheduler;
    this.storage = new SimulatedStorage({
      random: () => random.fraction(),
      strictDirectory: conditions.strictDirectory,
      schedule: (run, operation) => {
        const latencyMs = this.latencyOf(operation);
        scheduler.after(latencyMs, run);
        this.interruptDuring(operation, latencyMs);
      },
    });
  }

  /** Begins a life; `listening` is called when it accepts connections. */
  start(listening: () => void, failed: (error: Error) => void): void {
    const { scheduler, conditions } = this;
    this.life += 1;
    this.beganMs = scheduler.nowMs;
    const { life } = this;
    const log = this.makeLog(this.storage, {
      ...smallSizes,
      segmentBytes: conditions.segmentBytes,
      tailCacheBytes: conditions.tailCacheBytes,
      readCacheBytes: conditions.readCacheBytes,
      reserve: false,
      salt: () => scheduler.random.uint32(),
    });
    const broker = new Broker(log, this.runtimeOf(life), {
      segmentBytes: conditions.segmentBytes,
      settings: {
        visibilityMs: conditions.visibilityMs,
        releaseAfterMs: conditions.releaseAfterMs,
        createQueues: true,
        durability: conditions.durability,
      },
    });
    scheduler.note(`life ${life} starts`);
    const begun = broker.start().then((report) => {
      if (this.life !== life) return;
      this.noteStart(broker, report);
      listening();
    });
    begun.catch((error: Error) => {
      if (this.life === life) failed(error);
    });
    void broker.ended.then((end) => {
      if (end.how !== 'stopped' && this.life === life) failed(end.error);
    });
  }

  /** A connection to the life that listens, or undefined. */
  connect(client: LinkEnd): Link | undefined {
    const { broker, life } = this;
    if (broker === undefined) return undefined;
    const ofThisLife =
      (act: (connection: Connection) => void) =>
      (connection: Connection): void => {
        if (this.life === life) act(connection);
      };
    const link = new Link(this.scheduler, this.conditions, life, client, {
      receive: (connection, bytes) => {
        if (this.life === life) broker.receive(connection, bytes);
      },
      sent: ofThisLife((connection) => broker.sent(connection)),
      disconnect: ofThisLife((connection) => {
        this.links.delete(link);
        broker.disconnect(connection);
      }),
    });
    this.links.add(link);
    link.join(broker.connect(link));
    return link;
  }

  crash(how: 'kill' | 'power'): void {
    this.scheduler.note(`life ${this.life} ends: ${how}`);
    if (this.broker === undefined) this.counts.crashesInStart += 1;
    this.counts[how === 'kill' ? 'kills' : 'powerCuts'] += 1;
    this.endLife();
    this.storage = this.storage.crash(how);
  }

  /** Does something while the next such operation of the disk is under way. */
  during(operation: Operation, act: () => void): void {
    this.interruption = { operation, act };
  }

  /** A clean stop; `stopped` is called when the process is over. */
  stop(stopped: () => void): void {
    const { broker, life } = this;
    if (broker === undefined) return;
    this.scheduler.note(`life ${life} is told to stop`);
    void broker.stop().then(() => {
      if (this.life !== life) return;
      this.counts.cleanStops += 1;
      this.endLife();
      this.storage = this.storage.crash('kill');
      stopped();
    });
  }

  jumpWall(ms: number): void {
    this.counts.wallJumps += 1;
    this.wallOffsetMs += ms;
  }

  check(): void {
    if (this.broker !== undefined) checkInvariants(insideOf(this.broker).state);
  }

  get segments(): number {
    return this.broker === undefined ? 0 : insideOf(this.broker).log.segments().length;
  }

  private noteStart(broker: Broker, report: OpenReport): void {
    this.scheduler.note(`life ${this.life} listens`);
    this.broker = broker;
    this.counts.starts += 1;
    if (report.bytesCut > 0) this.counts.tornTailsCut += 1;
    this.storage.counts.clear();
    this.check();
  }

  /** Nothing comes after this: the last counts are taken. */
  end(): void {
    this.endLife();
  }

  private endLife(): void {
    this.interruption = undefined;
    const { broker, counts, storage } = this;
    if (broker !== undefined) {
      const core = insideOf(broker);
      counts.segmentsCompacted += core.compactedSegments;
      counts.bytesCompacted += core.compactedBytes;
      counts.fetchesFromDisk += storage.counts.get('read') ?? 0;
    }
    this.life += 1;
    this.broker = undefined;
    for (const link of this.links) link.hostDied();
    this.links = new Set();
  }

  private runtimeOf(life: number): Runtime {
    const { scheduler } = this;
    const later = (ms: number, act: () => void) =>
      scheduler.after(ms, () => {
        if (this.life === life) act();
      });
    return {
      wallMs: () => Math.floor(wallStartMs + scheduler.nowMs + this.wallOffsetMs),
      monotonicMs: () => scheduler.nowMs,
      random48: () => Math.floor(scheduler.random.fraction() * 2 ** 32) * 2 ** 16,
      defer: (act) => {
        later(scheduler.random.fraction() * 0.1, act);
      },
      after: later,
    };
  }

  private interruptDuring(operation: Operation, latencyMs: number): void {
    const { scheduler, interruption, life } = this;
    if (interruption?.operation !== operation || this.broker === undefined) return;
    this.interruption = undefined;
    scheduler.after(latencyMs * scheduler.random.fraction(), () => {
      if (this.life === life) interruption.act();
    });
  }

  private latencyOf(operation: string): number {
    const { random } = this.scheduler;
    const { syncMs, readMs, slowChance } = this.conditions;
    const isSync = operation === 'sync' || operation === 'syncDir';
    const mean = isSync ? syncMs : operation === 'read' ? readMs : 0.2;
    const slowness = random.chance(slowChance) ? 30 : 1;
    return mean * slowness * (0.2 + 1.6 * random.fraction());
  }
}
