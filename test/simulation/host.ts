/**
 * The machine on which the broker runs: a disk that outlives every process, and one life of the
 * broker after the other, each with the real broker and file log over the simulated world.
 */
import { Broker, type BrokerEnd } from '../../src/broker/broker.ts';
import type { Connection } from '../../src/broker/connection.ts';
import type { Runtime } from '../../src/broker/runtime.ts';
import { defaultSettings } from '../../src/broker/settings.ts';
import { FileLog, type FileLogOptions } from '../../src/log/file-log.ts';
import type { Log, OpenReport } from '../../src/log/log.ts';
import { checkInvariants } from '../../src/queue/invariants.ts';
import type { Conditions } from './conditions.ts';
import { CrashPoint, type Phase } from './crash-point.ts';
import { type DiskFault, passingFaults, strikeOnce } from './disk-faults.ts';
import { faultCounts, type HostCounts, leftCounts } from './host-counts.ts';
import { insideOf } from './inside.ts';
import { countOf } from './life-end.ts';
import { Link, type LinkEnd } from './link.ts';
import { Violation } from './oracle-history.ts';
import { Pause } from './pause.ts';
import { processRuntime } from './process-runtime.ts';
import { judgeRot } from './rot.ts';
import type { Scheduler } from './scheduler.ts';
import { smallSizes } from './small-limits.ts';
import { type Operation, SimulatedStorage } from './storage.ts';

export type MakeLog = (storage: SimulatedStorage, options: FileLogOptions) => Log;

export const makeFileLog: MakeLog = (storage, options) => new FileLog(storage, options);

const wallStartMs = 1_700_000_000_000;
/** A broker whose disk failed, or that lost its directory, must end in that time. */
const endMs = 2000;

/** What the world is told of a life. */
export interface LifeListener {
  /** It accepts connections. */
  listening(): void;
  /** The process ended by itself, as told to or as it must. */
  over(how: 'stopped' | 'failed'): void;
  /** It should not have ended like this, or should have and did not. */
  wrong(error: Error): void;
}

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
  /** What another process finds that took the directory away from this life. */
  private successor: SimulatedStorage | undefined;
  /** A life that may end by itself, since its disk failed or is full. */
  private mayFail = false;
  private isStopping = false;
  /** A sync of this life failed: a later one may find that the page cache has let go of it. */
  hasFalsePages = false;
  private listener: LifeListener | undefined;
  private crashPoint: CrashPoint | undefined;
  private readonly pause: Pause;

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
    this.pause = new Pause(scheduler);
    const { random } = scheduler;
    this.storage = new SimulatedStorage({
      random: () => random.fraction(),
      strictDirectory: conditions.strictDirectory,
      evictChance: 0.5,
      left: (what) => {
        counts[leftCounts[what]] += 1;
        if (what === 'evicted') this.mayFail = true;
      },
      schedule: (run, operation) => {
        const latencyMs = this.latencyOf(operation);
        scheduler.after(latencyMs, () => this.pause.run(run));
        this.mayCrashDuring(operation, latencyMs);
      },
    });
  }

  start(listener: LifeListener): void {
    const { scheduler, conditions } = this;
    this.life += 1;
    this.listener = listener;
    this.isStopping = false;
    this.hasFalsePages = false;
    this.mayFail = this.isFull;
    this.beganMs = scheduler.nowMs;
    const { life } = this;
    const log = this.makeLog(this.storage, {
      ...this.logOptions(),
      reserve: conditions.reserve,
      fence: () => this.owns(life),
    });
    const broker = new Broker(log, this.runtimeOf(life), {
      settings: {
        ...defaultSettings,
        visibilityMs: conditions.visibilityMs,
        releaseAfterMs: conditions.releaseAfterMs,
        durability: conditions.durability,
      },
    });
    scheduler.note(`life ${life} starts`);
    const lived = broker.start().then((report) => {
      if (this.life === life) {
        this.noteStart(broker, report);
        listener.listening();
      }
      return broker.ended;
    });
    lived.then(
      (end) => {
        if (this.life === life) this.ended(end);
      },
      (error: Error) => {
        if (this.life !== life) return;
        this.counts.failuresInStart += 1;
        this.ended({ how: this.hasLostDirectory ? 'fenced' : 'failed', error });
      },
    );
  }

  private logOptions(): FileLogOptions {
    const { segmentBytes, tailCacheBytes, readCacheBytes } = this.conditions;
    const salt = () => this.scheduler.random.uint32();
    return { ...smallSizes, segmentBytes, tailCacheBytes, readCacheBytes, salt };
  }

  /** Such an operation fails, the next one or one soon after. */
  breakDisk(fault: DiskFault): void {
    const { scheduler, storage } = this;
    const { random } = scheduler;
    const skipped = random.pick([0, 0, 1, 3, 9]);
    strikeOnce(storage, fault, random, skipped, () => {
      scheduler.note(`life ${this.life} has a failed ${fault}`);
      this.counts[faultCounts[fault]] += 1;
      if (fault === 'sync') this.hasFalsePages = true;
      if (passingFaults.has(fault)) this.mayFail = true;
      else this.mustEnd(`a ${fault} failed`);
    });
  }

  /** What rot would do to the life that is about to start, which does not have it. */
  async judgeRot(): Promise<void> {
    const options = { ...this.logOptions(), reserve: false };
    const outcome = await judgeRot(
      this.storage,
      (storage, visit) => this.makeLog(storage, options).open(visit),
      this.scheduler.random,
    );
    this.scheduler.note(outcome);
    this.counts[outcome] += 1;
  }

  /** The process does not run for a while. Returns when it goes on. */
  pauseFor(ms: number): number {
    this.scheduler.note(`life ${this.life} is paused for ${ms} ms`);
    this.counts.pauses += 1;
    this.pause.begin(ms);
    return this.pause.untilMs;
  }

  /** When what is told to the broker now is heard. */
  get awakeMs(): number {
    return this.scheduler.nowMs + this.pause.leftMs;
  }

  /** The disk has room for so many bytes more, until it is emptied. */
  fillDisk(bytes: number): void {
    this.scheduler.note(`the disk is full but for ${bytes} bytes`);
    this.counts.fullDisks += 1;
    this.storage.capacity = this.storage.usedBytes + bytes;
    this.mayFail = true;
  }

  /** There is room again, and nothing fails any more. */
  mendDisk(): void {
    for (const storage of [this.storage, this.successor]) {
      if (storage === undefined) continue;
      storage.capacity = Number.MAX_SAFE_INTEGER;
      storage.fault = () => undefined;
    }
  }

  /** Another process has the directory now. Returns whether this one still had it. */
  loseDirectory(): boolean {
    if (this.successor !== undefined) return false;
    this.scheduler.note(`life ${this.life} has lost its directory`);
    this.counts.directoriesLost += 1;
    if (this.pause.leftMs > 0) this.counts.directoriesLostAsleep += 1;
    this.successor = this.storage.fork();
    return true;
  }

  get hasLostDirectory(): boolean {
    return this.successor !== undefined;
  }

  /** Whether the disk was full at any time, or seemed to be. */
  get wasFull(): boolean {
    return this.counts.fullDisks + this.counts.shortWrites > 0;
  }

  private get isFull(): boolean {
    return this.storage.capacity < Number.MAX_SAFE_INTEGER;
  }

  private owns(life: number): boolean {
    if (this.life !== life || this.successor === undefined) return true;
    this.mustEnd('its directory is lost');
    return false;
  }

  private mustEnd(why: string): void {
    const { scheduler, life, pause } = this;
    this.mayFail = true;
    scheduler.after(endMs + pause.leftMs, () => {
      if (this.life !== life) return;
      if (scheduler.nowMs < pause.untilMs + endMs) this.mustEnd(why);
      else this.listener!.wrong(new Violation(`it goes on, although ${why}`));
    });
  }

  private ended(end: BrokerEnd): void {
    if (end.how === 'stopped') {
      this.stopped();
      return;
    }
    const { counts, listener, scheduler } = this;
    const count = this.mayFail ? countOf(end) : undefined;
    if (count === undefined) {
      listener!.wrong(end.error);
      return;
    }
    scheduler.note(`life ${this.life} ends: ${end.how}`);
    counts[count] += 1;
    this.next('kill');
    listener!.over('failed');
  }

  private stopped(): void {
    const isCut = this.scheduler.random.chance(0.4);
    this.counts.cleanStops += 1;
    if (isCut) this.counts.powerCutsAfterStop += 1;
    this.next(isCut ? 'power' : 'kill');
    this.listener!.over('stopped');
  }

  /** A connection to the life that listens, or undefined. */
  connect(client: LinkEnd): Link | undefined {
    const { broker, life } = this;
    if (broker === undefined) return undefined;
    const ofThisLife =
      (act: (connection: Connection) => void) =>
      (connection: Connection): void => {
        this.pause.run(() => {
          if (this.life === life) act(connection);
        });
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
      pausedForMs: () => (this.life === life ? this.pause.leftMs : 0),
    });
    this.links.add(link);
    link.join(broker.connect(link));
    return link;
  }

  crash(how: 'kill' | 'power'): void {
    const { counts } = this;
    const isKill = how === 'kill';
    this.scheduler.note(`life ${this.life} ends: ${how}`);
    if (this.broker === undefined) counts[isKill ? 'killsInStart' : 'powerCutsInStart'] += 1;
    if (this.isStopping) counts.crashesInStop += 1;
    counts[isKill ? 'kills' : 'powerCuts'] += 1;
    this.next(how);
  }

  /** The process is gone; the storage is what the next one finds. */
  private next(how: 'kill' | 'power'): void {
    this.endLife();
    const found = this.successor ?? this.storage;
    // The directory of another process: what it has of this one is no business of the dead any more.
    if (found !== this.storage) this.storage.crash('kill');
    this.storage = found.crash(how);
    this.successor = undefined;
  }

  /** Crashes while some operation of the disk is under way, in a start or after it. */
  crashDuring(phase: Phase, crash: () => void): void {
    this.crashPoint = new CrashPoint(phase, this.scheduler.random, crash);
  }

  /** Asks for a clean stop. */
  stop(): void {
    const { broker, life } = this;
    if (broker === undefined) return;
    this.scheduler.note(`life ${life} is told to stop`);
    this.isStopping = true;
    this.pause.run(() => {
      if (this.life === life) void broker.stop();
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
    this.crashPoint = undefined;
    this.pause.end();
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
    return processRuntime(scheduler, this.pause, {
      isAlive: () => this.life === life,
      wallMs: () => Math.floor(wallStartMs + scheduler.nowMs + this.wallOffsetMs),
    });
  }

  private mayCrashDuring(operation: Operation, latencyMs: number): void {
    const { scheduler, crashPoint, life } = this;
    const phase = this.broker === undefined ? 'start' : 'serving';
    if (crashPoint === undefined || !crashPoint.isReached(operation, phase)) return;
    this.crashPoint = undefined;
    scheduler.after(latencyMs * scheduler.random.fraction(), () => {
      if (this.life !== life) return;
      this.counts[crashPoint.count] += 1;
      crashPoint.crash();
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
