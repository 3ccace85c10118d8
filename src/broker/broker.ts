/**
 * The broker: rules and log, and the turns in which it works. A turn executes what came in, does
 * what time does, serves who waits, and lets the log write; answers leave when the log says how far
 * it is. It knows no socket and no process: connections are given a transport, the world a
 * `Runtime`.
 */
import type { BlockDamagedError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Log, LogListener } from '../log/log.ts';
import { dispatch, removeTaker } from '../queue/deliver.ts';
import { expire, nextDueMs } from '../queue/expire.ts';
import { forgetDuplicates } from '../queue/produce-once.ts';
import type { Queue } from '../queue/queue.ts';
import { endReplay } from '../queue/replay.ts';
import { draining } from './admission.ts';
import { BrokerTime } from './broker-time.ts';
import { Compaction } from './compaction.ts';
import { Connection, type Transport } from './connection.ts';
import { Core } from './core.ts';
import { leave, unblock } from './execute-session.ts';
import { Fetches } from './fetches.ts';
import { Intake } from './intake.ts';
import { look } from './liveness.ts';
import { Looks } from './looks.ts';
import { Reads } from './reads.ts';
import { RecordReader } from './record-reader.ts';
import { Rot, type RotFound } from './rot.ts';
import type { Runtime } from './runtime.ts';
import type { BrokerSettings } from './settings.ts';
import { type StartReport, startReportOf } from './start-report.ts';

/** How often connections are looked at, and whether to compact is asked at least. */
const sweepMs = 1000;
/** A read for which no file descriptor was left is tried again after this. */
const descriptorRetryMs = 100;
/** Whether to compact is asked at most this often. */
const compactionCheckMs = 100;

export interface BrokerOptions {
  readonly settings: BrokerSettings;
  readonly rotFound?: RotFound;
}

export type BrokerEnd =
  | { readonly how: 'stopped' }
  | { readonly how: 'fenced' | 'failed'; readonly error: Error };

export class Broker {
  /** Resolves when it is over, however it ended. Never rejects. */
  readonly ended: Promise<BrokerEnd>;
  private readonly core: Core;
  private readonly log: Log;
  private readonly runtime: Runtime;
  private readonly intake: Intake;
  private readonly fetches: Fetches;
  private readonly rot: Rot;
  private readonly compaction: Compaction;
  private resolveEnded!: (end: BrokerEnd) => void;
  private hasEnded = false;
  /** How the log ended, if it did so by itself. */
  private logEnd: Exclude<BrokerEnd, { how: 'stopped' }> | undefined;

  private turnWaiters: (() => void)[] = [];
  private isTurnDue = false;
  private cancelTimer: (() => void) | undefined;
  private timerDueMs = Number.POSITIVE_INFINITY;
  private sweepDueMs = 0;
  private compactionDueMs = 0;
  private drained: (() => void) | undefined;

  constructor(log: Log, runtime: Runtime, options: BrokerOptions) {
    this.log = log;
    this.runtime = runtime;
    const reads = new Reads(log, (error) => this.rot.found(error), this.later);
    this.fetches = new Fetches(log, reads, {
      mayGoOn: (queue) => this.serveAgain(queue),
      failed: this.failed,
    });
    this.core = new Core(log, options.settings, this.fetches);
    this.intake = new Intake(this.core);
    const nextTurn = () => this.nextTurn();
    this.rot = new Rot(this.core, nextTurn, options.rotFound ?? (() => {}));
    this.compaction = new Compaction(this.core, this.rot, reads, nextTurn, this.failed);
    this.core.looks = new Looks(this.core, reads, nextTurn, this.failed);
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
  }

  /**
   * Replays the log and makes ready for connections. On return the start itself is durable. Throws
   * what the log's `open` throws, how the log ended if it did so meanwhile, and `ClockError`.
   */
  async start(): Promise<StartReport> {
    const { core, log, runtime } = this;
    const { state } = core;
    const beganMs = runtime.monotonicMs();
    const reader = new RecordReader(state);
    const opened = await log.open((...record) => reader.apply(...record));
    core.time = new BrokerTime(runtime, opened.stamp.timeMs);
    const nowMs = core.time.now();
    endReplay(state, nowMs);
    const highest = Math.max(state.nextId, opened.stamp.nextId);
    state.nextId = opened.epoch === 1 ? highest : highest + limits.messageIdJump;
    state.nextToken = runtime.random48();
    core.startedMs = nowMs;
    core.startPosition = log.appended;
    const tookMs = Math.round(runtime.monotonicMs() - beganMs);
    const report = startReportOf(opened, state, tookMs);
    core.startReport = report;
    log.listen(this.listener);
    this.readSpace();
    core.journal.started(state.nextToken);
    core.mark(nowMs);
    log.commit();
    await this.whenSynced();
    if (this.logEnd !== undefined) throw this.logEnd.error;
    this.sweepDueMs = nowMs + sweepMs;
    this.scheduleTurn();
    return report;
  }

  /** A new connection. Its `receive` is told by whoever owns the transport. */
  connect(transport: Transport): Connection {
    const connection = new Connection(transport, this.core.time.now());
    this.core.connections.add(connection);
    return connection;
  }

  /** Bytes came. They are executed at the end of this turn of the event loop. */
  receive(connection: Connection, bytes: Buffer): void {
    if (connection.isClosing || connection.isClosed || this.hasEnded) return;
    connection.pingsMissed = 0;
    this.intake.take(connection, bytes);
    this.scheduleTurn();
  }

  /** The other side took what was sent. */
  sent(connection: Connection): void {
    connection.unreadSinceMs = undefined;
    this.goOnIfPossible(connection);
  }

  /** The transport is gone. */
  disconnect(connection: Connection): void {
    if (connection.isClosed) return;
    connection.isClosed = true;
    this.intake.forget(connection);
    this.core.connections.delete(connection);
    this.core.gate.forget(connection);
    if (this.hasEnded) return;
    const nowMs = this.core.time.now();
    leave(this.core, connection, nowMs);
    this.core.mark(nowMs);
    this.scheduleTurn();
  }

  /**
   * Stops: nothing new is executed, what was executed becomes durable and is told, the log is
   * closed. Leases stay as they are.
   */
  async stop(): Promise<void> {
    const { core } = this;
    if (this.hasEnded || core.admission.isDraining) return;
    core.admission.isDraining = true;
    for (const taker of [...core.state.takers.all()]) {
      removeTaker(core.state, taker);
      core.outlet.end(taker, 'DRAINING');
    }
    core.mark(core.time.now());
    this.scheduleTurn();
    await this.whenToldAll();
    if (this.hasEnded) return;
    this.tellDraining();
    // No turn comes any more: nothing is appended while the log closes.
    this.hasEnded = true;
    this.cancelTimer?.();
    for (const connection of [...core.connections]) connection.transport.end();
    try {
      await this.log.close();
      this.resolveEnded(this.logEnd ?? { how: 'stopped' });
    } catch (error) {
      this.resolveEnded({ how: 'failed', error: error as Error });
    }
  }

  /** Whoever is connected is told why the connection ends. */
  private tellDraining(): void {
    const { core } = this;
    for (const connection of core.connections) {
      if (!connection.isClosing) core.gate.refuse(connection, 0, draining());
    }
    core.mark(core.time.now());
    this.release();
  }

  private readonly failed = (error: unknown): void => {
    this.finish({ how: 'failed', error: error as Error });
  };

  private rotted(error: BlockDamagedError): void {
    this.rot.found(error).catch(this.failed);
  }

  private readonly listener: LogListener = {
    progressed: () => this.progressed(),
    spaceChanged: () => this.readSpace(),
    damaged: (error) => this.rotted(error),
    ended: (how, error) => {
      this.logEnd = { how, error };
      this.finish(this.logEnd);
    },
  };

  private finish(end: BrokerEnd): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.cancelTimer?.();
    for (const connection of this.core.connections) connection.transport.end();
    this.resolveEnded(end);
    this.drained?.();
  }

  private scheduleTurn(): void {
    if (this.isTurnDue || this.hasEnded) return;
    this.isTurnDue = true;
    this.runtime.defer(() => this.turn());
  }

  private nextTurn(): Promise<void> {
    this.scheduleTurn();
    return new Promise((resolve) => {
      this.turnWaiters.push(resolve);
    });
  }

  private readonly later = (): Promise<void> =>
    new Promise((resolve) => {
      this.runtime.after(descriptorRetryMs, resolve);
    });

  private turn(): void {
    this.isTurnDue = false;
    if (this.hasEnded) return;
    const { core } = this;
    const { state } = core;
    const nowMs = core.time.now();
    let isMore = this.intake.execute(nowMs);
    if (this.mayExpire && nextDueMs(state) <= nowMs) isMore = expire(state, nowMs) || isMore;
    if (!core.admission.isOverloaded) isMore = dispatch(state, nowMs) || isMore;
    this.fetches.wake();
    core.mark(nowMs);
    this.log.commit();
    // Else the log is at work and will say how far it is.
    if (this.log.synced === this.log.appended) this.release();
    // Nobody knows whether it ever goes on: a stop does not wait for it.
    if (core.admission.isDraining && this.log.stalled) this.log.close().catch(this.failed);
    this.sweep(nowMs);
    const waiters = this.turnWaiters;
    this.turnWaiters = [];
    for (const resolve of waiters) resolve();
    if (isMore) this.scheduleTurn();
    this.armTimer(nowMs);
  }

  /**
   * On a full disk what is left of the reserve is for acks and compaction; freeing what was purged
   * writes nothing, and compaction waits for it.
   */
  private get mayExpire(): boolean {
    return this.core.admission.reserveHalves > 0 || this.core.state.isFreeing;
  }

  private progressed(): void {
    const wasOverloaded = this.core.admission.isOverloaded;
    this.release();
    if (!this.intake.isEmpty || wasOverloaded || this.core.state.changed.size > 0) {
      this.scheduleTurn();
    }
    this.drained?.();
    const nowMs = this.core.time.now();
    if (nowMs >= this.compactionDueMs) this.checkCompaction(nowMs);
  }

  /** Lets go what may leave. */
  private release(): void {
    this.core.gate.release(this.log.written, this.log.synced, this.released);
  }

  private readonly released = (connection: Connection): void => {
    if (connection.heldBytes === 0 && connection.isClosing) connection.transport.end();
    else this.goOnIfPossible(connection);
  };

  private goOnIfPossible(connection: Connection): void {
    if (!connection.canTake) return;
    if (connection.isBlocked) {
      unblock(this.core, connection);
      this.scheduleTurn();
    }
    if (this.intake.has(connection)) this.scheduleTurn();
  }

  private serveAgain(queue: Queue): void {
    queue.isFetching = false;
    this.core.state.changed.add(queue);
    this.scheduleTurn();
  }

  private readSpace(): void {
    const before = this.core.admission.reserveHalves;
    this.core.admission.reserveHalves = this.log.space().reserveHalves;
    if (before === 0) {
      for (const connection of this.core.connections) this.goOnIfPossible(connection);
    }
    this.compactionDueMs = 0;
    this.scheduleTurn();
  }

  private checkCompaction(nowMs: number): void {
    this.compactionDueMs = nowMs + compactionCheckMs;
    if (!this.hasEnded) this.compaction.startIfDue();
  }

  /** Looks after connections that say nothing, and asks whether to compact. */
  private sweep(nowMs: number): void {
    if (nowMs < this.sweepDueMs) return;
    this.sweepDueMs = nowMs + sweepMs;
    this.checkCompaction(nowMs);
    forgetDuplicates(this.core.state, nowMs);
    for (const connection of this.core.connections) look(this.core, connection, nowMs);
    this.core.mark(nowMs);
    this.release();
  }

  private armTimer(nowMs: number): void {
    const dueMs = Math.min(nextDueMs(this.core.state), this.sweepDueMs);
    if (dueMs >= this.timerDueMs && this.cancelTimer !== undefined) return;
    this.cancelTimer?.();
    const waitMs = Math.min(Math.max(1, dueMs - nowMs), limits.timerMsMax);
    this.timerDueMs = nowMs + waitMs;
    this.cancelTimer = this.runtime.after(waitMs, () => {
      this.cancelTimer = undefined;
      this.timerDueMs = Number.POSITIVE_INFINITY;
      this.scheduleTurn();
    });
  }

  private async whenSynced(): Promise<void> {
    while (this.log.synced < this.log.appended && !this.hasEnded) {
      await new Promise<void>((resolve) => {
        this.drained = resolve;
      });
    }
    this.drained = undefined;
  }

  private async whenToldAll(): Promise<void> {
    await this.nextTurn();
    await this.whenSynced();
    this.release();
  }
}
