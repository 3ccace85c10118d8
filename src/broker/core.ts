/**
 * What all parts of the broker share: the state of the rules, the log, the journal between them,
 * and the gate through which answers go. Rules and log are changed together: whatever was executed
 * is marked, and what was said about it is held until the log has reached the mark.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Log } from '../log/log.ts';
import { writeEnded, writeError, writeNoDeliveries } from '../protocol/answers.ts';
import { DURABILITY } from '../protocol/operations.ts';
import { Request } from '../protocol/request.ts';
import { Walker } from '../protocol/walker.ts';
import type { Bodies, Outlet } from '../queue/journal.ts';
import type { Durability, Queue } from '../queue/queue.ts';
import { State } from '../queue/state.ts';
import type { Taker } from '../queue/taker.ts';
import { acknowledgedBy } from './acknowledged.ts';
import type { BrokerTime } from './broker-time.ts';
import type { Connection } from './connection.ts';
import { writeBatch } from './delivery.ts';
import type { HeldOutput } from './held-output.ts';
import { RecordJournal } from './record-journal.ts';
import type { BrokerSettings } from './settings.ts';

export const retryAfterMs = 1000;

/** Why what is asked now is refused, and why connections end. */
export function draining(): WonderqError {
  return new WonderqError('DRAINING', undefined, { retryAfterMs });
}

function diskFull(): WonderqError {
  return new WonderqError('DISK_FULL', undefined, { retryAfterMs });
}

interface Frame {
  buffer: Buffer;
  start: number;
  end: number;
}

export class Core implements Outlet {
  readonly log: Log;
  readonly journal: RecordJournal;
  readonly state: State;
  readonly settings: BrokerSettings;
  /** Set once the log is replayed. */
  time!: BrokerTime;
  /** Reused for every frame. */
  readonly request: Request;
  readonly walker = new Walker();
  /** Where the frame lies that was parsed last. */
  readonly frame: Frame = { buffer: Buffer.alloc(0), start: 0, end: 0 };
  readonly connections = new Set<Connection>();
  /** Those that hold something back. */
  readonly holding = new Set<Connection>();
  private readonly touched: Connection[] = [];
  heldBytes = 0;
  /** What is left of the log's reserve: below 2 the disk is full. */
  reserveHalves: 0 | 1 | 2 = 2;
  isDraining = false;
  startedMs = 0;
  startReport: object = {};
  segmentBytes: number = limits.segmentBytes;
  compactedSegments = 0;
  compactedBytes = 0;
  /** Found since the start. */
  damagedBlocks = 0;

  constructor(log: Log, settings: BrokerSettings, bodies: Bodies) {
    this.log = log;
    this.settings = settings;
    this.request = new Request(settings);
    this.journal = new RecordJournal(log);
    this.state = new State(settings, this.journal, this, bodies);
  }

  /** At which level is told what is about a queue. One that is gone may have had any. */
  levelOf(queue: Queue | undefined): Durability {
    if (queue === undefined) return 'fsync';
    return queue.settings.durability ?? this.settings.durability;
  }

  /** The strictest level of what a receive is told: of its queues, and of what it acknowledged. */
  private levelOfEmpty(taker: Taker): Durability {
    if (acknowledgedBy(taker)?.level === 'fsync') return 'fsync';
    return taker.queues.every((queue) => this.levelOf(queue) === 'write') ? 'write' : 'fsync';
  }

  /** Where to write what a connection is told; it is held back from the next mark on. */
  output(connection: Connection, level: Durability): HeldOutput {
    const output = connection.output(level);
    if (!output.isTouched) {
      output.isTouched = true;
      this.touched.push(connection);
    }
    return output;
  }

  /**
   * What was executed since the last mark is one group: written together, and told when durable.
   */
  mark(nowMs: number): void {
    this.log.mark({ timeMs: nowMs, nextId: this.state.nextId });
    const position = this.log.appended;
    for (const connection of this.touched) {
      connection.hold(position);
      this.countHeld(connection);
      this.holding.add(connection);
    }
    this.touched.length = 0;
  }

  /** Takes note of what a connection holds now. */
  countHeld(connection: Connection): void {
    const { heldBytes } = connection;
    this.heldBytes += heldBytes - connection.countedBytes;
    connection.countedBytes = heldBytes;
  }

  /**
   * The answer just written is one to a sequenced request: the session has it open until it left.
   */
  countSequenced(connection: Connection, output: HeldOutput, request: Request): void {
    if (request.sequence === 0) return;
    connection.openSequenced += 1;
    output.countSequenced();
  }

  /**
   * What a refusal says of the state (such a queue exists, is paused, was deleted) must not be
   * undone by a power cut. One that passes says nothing of it, and need not wait for the sync.
   */
  fail(connection: Connection, id: number, error: WonderqError): void {
    const output = this.output(connection, error.passes ? 'write' : 'fsync');
    writeError(output.writer, id, error);
    if (error.closes) connection.isClosing = true;
  }

  /** Refuses what needs the disk, before anything of it is executed. */
  refuseWhatNeedsSpace(): void {
    this.refuseWhatChanges();
    if (this.reserveHalves < 2) throw diskFull();
  }

  /** Refuses what is delivered later, while nothing is. */
  refuseDeliveries(): void {
    if (this.isDraining) throw draining();
    if (this.reserveHalves === 0) throw diskFull();
  }

  /** Refuses what changes anything. */
  refuseWhatChanges(): void {
    if (this.isDraining) throw draining();
    if (this.log.stalled) throw new WonderqError('UNAVAILABLE', undefined, { retryAfterMs });
  }

  /** Too much is on its way to the disk or to slow readers: nothing new is read or executed. */
  get isOverloaded(): boolean {
    const unsynced = this.log.appended - this.log.synced;
    return unsynced > limits.unsyncedBytesMax - this.log.batchBytesMax || this.isHoldingTooMuch;
  }

  private get isHoldingTooMuch(): boolean {
    return this.heldBytes > limits.heldBytesMax;
  }

  canDeliver(taker: Taker): boolean {
    const connection = taker.connection as Connection;
    if (connection.canTake && this.reserveHalves > 0 && !this.isDraining) return true;
    connection.isBlocked = true;
    return false;
  }

  deliver(taker: Taker, queue: Queue): void {
    const connection = taker.connection as Connection;
    if (taker.kind === 'receive') connection.takers.delete(taker.requestId);
    const level = acknowledgedBy(taker)?.level === 'fsync' ? 'fsync' : this.levelOf(queue);
    const output = this.output(connection, level);
    writeBatch(this.log, output, taker, queue, this.state.batch);
    if (taker.isSequenced) output.countSequenced();
  }

  answerEmpty(taker: Taker): void {
    const connection = taker.connection as Connection;
    connection.takers.delete(taker.requestId);
    const output = this.output(connection, this.levelOfEmpty(taker));
    writeNoDeliveries(output.writer, taker.requestId, acknowledgedBy(taker)?.codes);
    if (taker.isSequenced) output.countSequenced();
  }

  end(taker: Taker, code: 'QUEUE_DELETED' | 'CANCELLED' | 'DRAINING'): void {
    const connection = taker.connection as Connection;
    connection.takers.delete(taker.requestId);
    // Behind the deliveries of a subscription, whatever their level.
    const output = this.output(connection, 'fsync');
    const error = new WonderqError(code);
    if (taker.kind === 'receive') writeError(output.writer, taker.requestId, error);
    else writeEnded(output.writer, taker.requestId, error);
    if (taker.isSequenced) output.countSequenced();
  }
}

export function durabilityNumber(level: Durability): 1 | 2 {
  return level === 'write' ? DURABILITY.write : DURABILITY.fsync;
}
