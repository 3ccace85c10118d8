/**
 * What all parts of the oracle share: messages and sessions, the broker's time as far as it is
 * known, what a power cut may undo, and whether a lease is in force for certain.
 */
import { OracleClock } from './oracle-clock.ts';
import type { Limits } from './oracle-limits.ts';
import {
  emptyOracleCounts,
  type Lease,
  type Message,
  type SessionFacts,
  type Settle,
  type Told,
} from './oracle-records.ts';

export interface OracleSettings {
  readonly releaseAfterMs: number;
  readonly sessionForgetMs: number;
  /** From due to delivered, where nothing hinders. */
  readonly slackMs: number;
  /** Whether confirmations of this queue may be at `write`. */
  readonly isWeak: (queue: string) => boolean;
  readonly isSingleConsumer: boolean;
  /** In which a message may be dead at any time, and be redriven. */
  readonly mortalQueues: readonly string[];
  /** Where their messages may go then. */
  readonly letters: string | undefined;
  /** How long a queue knows a deduplication ID. */
  readonly windowsOf: (queue: string) => { readonly leastMs: number; readonly mostMs: number };
  /** Undefined: none. */
  readonly limitsOf: (queue: string) => Limits | undefined;
  /** So many more a queue may hold, of frames in slices. */
  readonly besidesMax: number;
  /** What is produced in one request is there whole or not at all up to so much of it. */
  readonly wholeMessagesMax: number;
  readonly wholeBytesMax: number;
}

/** No history is as long. */
const fleetingMs = 86_400_000;

/** A promise that was not kept. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export class History {
  readonly settings: OracleSettings;
  readonly clock = new OracleClock();
  readonly counts = emptyOracleCounts();
  readonly messages = new Map<string, Message>();
  readonly byQueue = new Map<string, Set<Message>>();
  readonly byId = new Map<number, Message>();
  /** Every token ever told, and by which life. */
  readonly tokens = new Map<number, number>();
  readonly sessions = new Map<string, SessionFacts>();
  /** What was told at `write` up to this time is durable by now. */
  private hardenedMs = -1;
  private cutLife = -1;
  private readonly lostMs = new Map<number, number>();
  /** Whether each queue has one consumer: then order can be checked. */
  isSingleConsumer: boolean;

  constructor(settings: OracleSettings) {
    this.settings = settings;
    this.isSingleConsumer = settings.isSingleConsumer;
  }

  /** An answer at `fsync` to what was sent then: all that was told before is durable too. */
  hardened(sentMs: number): void {
    this.hardenedMs = Math.max(this.hardenedMs, sentMs);
  }

  /** The power went in that life. What it told at `write` may also arrive later. */
  powerCut(life: number): void {
    this.cutLife = life;
  }

  /** Another process has the directory of that life from now on: it may confirm nothing any more. */
  lostDirectory(life: number, nowMs: number): void {
    this.lostMs.set(life, nowMs);
  }

  hasLostDirectory(life: number): boolean {
    return this.lostMs.has(life);
  }

  /** A life did what was asked for then. */
  checkOwner(life: number, sentMs: number): void {
    const lostMs = this.lostMs.get(life);
    if (lostMs === undefined || sentMs <= lostMs) return;
    throw new Violation(`life ${life} went on at ${sentMs}, without its directory since ${lostMs}`);
  }

  /** Whether what a life tells now may have been undone already. */
  isUndone(life: number, isWeak: boolean): boolean {
    return isWeak && life <= this.cutLife;
  }

  /** Whether a power cut now may undo it. */
  isUndoable(told: Told | undefined): boolean {
    return told?.isWeak === true && told.atMs > this.hardenedMs;
  }

  ofQueue(queue: string): Set<Message> {
    const known = this.byQueue.get(queue) ?? new Set<Message>();
    this.byQueue.set(queue, known);
    return known;
  }

  /** A message and its ID belong together, for ever. */
  identify(message: Message, id: number, told: Told): void {
    const known = this.byId.get(id);
    if (known !== undefined && known !== message) {
      throw new Violation(`ID ${id} is that of ${name(known)} and of ${name(message)}`);
    }
    if (message.id !== undefined && message.id !== id) {
      throw new Violation(`${name(message)} has the IDs ${message.id} and ${id}: a duplicate`);
    }
    this.byId.set(id, message);
    message.id = id;
    message.idTold ??= told;
  }

  /** Since when the broker may know of no connection of the session. */
  awaySince(session: SessionFacts): number | undefined {
    return session.awayMs ?? session.connection?.brokenMs;
  }

  /** Whether the broker cannot have taken the session's leases away. */
  isSafe(session: SessionFacts, nowMs: number): boolean {
    if (session.isLeaving) return false;
    const awayMs = this.awaySince(session);
    return awayMs === undefined || isLess(nowMs - awayMs, this.settings.releaseAfterMs);
  }

  /** Whether the message of a lease may be in another queue now. */
  mayHaveMoved({ message, queue }: Lease): boolean {
    const { letters, mortalQueues } = this.settings;
    return letters !== undefined && queue !== letters && mortalQueues.includes(message.queue);
  }

  /** Whether its time to live may be over. */
  isMaybeOverdue({ producedLowMs, timeToLiveMs }: Message, life: number, nowMs: number): boolean {
    return this.clock.high(life, nowMs) >= producedLowMs + timeToLiveMs;
  }

  /** Whether a lease is in force for certain at `nowMs` in `life`; `open` is the request asked about. */
  isCertain(lease: Lease, life: number, nowMs: number, open?: Settle): boolean {
    if (lease.isDoubtful || lease.isMaybeOver || lease.over !== undefined) return false;
    const other = lease.open === open ? undefined : lease.open;
    if (other?.kind === 'nack' || other?.kind === 'release') return false;
    if (isMaybePurged(lease.message) || this.isMaybeOverdue(lease.message, life, nowMs))
      return false;
    const lowMs = open === undefined ? lease.deadlineLowMs : open.lowBefore;
    if (this.clock.high(life, nowMs) >= lowMs) return false;
    return lease.session === undefined || this.isSafe(lease.session, nowMs);
  }
}

/** Whether it may end by itself: by its time to live, or to make room for newer ones. */
export function isFleeting(message: Message): boolean {
  return message.mayBeDropped || isShortLived(message);
}

export function isShortLived({ timeToLiveMs }: Message): boolean {
  return timeToLiveMs < fleetingMs;
}

/** Whether a purge or a deletion may have taken it, or has. */
export function isMaybePurged({ purgesOpen, maybePurgedMs, purgedMs }: Message): boolean {
  return purgesOpen > 0 || maybePurgedMs !== undefined || purgedMs !== undefined;
}

/** Whether an ack of unknown outcome may have taken it. */
export function isMaybeAcked({ acksOpen, maybeAckedMs }: Message): boolean {
  return acksOpen > 0 || maybeAckedMs !== undefined;
}

/** Less for certain, by a clock that runs up to one in a thousand faster. */
export function isLess(elapsedMs: number, limitMs: number): boolean {
  return elapsedMs * 1.0011 + 3 < limitMs;
}

/** Whether one delivery of a message was made after another. */
export function isLater(one: Lease, other: Lease): boolean {
  return one.life > other.life || (one.life === other.life && one.token > other.token);
}

export function name(message: Message): string {
  return `message ${message.body.slice(0, 24)} (ID ${message.id}) of ${message.queue}`;
}
