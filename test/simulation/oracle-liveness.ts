/**
 * That what is due comes: a receive that waited for long says that nothing was ready meanwhile. So a delay, a lease or a session's grace that lasts for too long is seen. It says nothing
 * where others may have the messages, or where something hindered the broker.
 */
import {
  type History,
  isFleeting,
  isLater,
  isMaybeAcked,
  isMaybePurged,
  name,
  Violation,
} from './oracle-history.ts';
import type { Lease, Message, SessionFacts } from './oracle-records.ts';
import type { SettingsOracle } from './oracle-settings.ts';

/** A receive or a subscription. */
export interface Taker {
  readonly queues: readonly string[];
  /** Undefined: its leases are detached. */
  readonly session: SessionFacts | undefined;
  /** Undefined: the queue's. */
  readonly visibilityMs: number | undefined;
  /** Whom it was sent to last, and when. */
  life: number;
  sentMs: number;
}

/** Deliveries that nobody may have got: leases until then, in broker time. */
interface Stranded {
  readonly queue: string;
  readonly session: SessionFacts | undefined;
  readonly untilMs: number;
}

export class LivenessOracle {
  readonly counts = { longReceives: 0, dueChecks: 0 };
  private readonly history: History;
  private readonly settings: SettingsOracle;
  /** The broker may take so long, from due to delivered. */
  private readonly slackMs: number;
  private readonly takers = new Set<Taker>();
  private stranded: Stranded[] = [];
  private hinderedMs = 0;
  private isCalm = false;

  constructor(history: History, settings: SettingsOracle, slackMs: number) {
    this.history = history;
    this.settings = settings;
    this.slackMs = slackMs;
  }

  /** Something keeps the broker from delivering, until then. */
  hindered(untilMs: number): void {
    this.hinderedMs = Math.max(this.hinderedMs, untilMs);
  }

  /** Nothing runs from now until then: what was under way is as late. */
  paused(nowMs: number, untilMs: number): void {
    this.hindered(untilMs);
    const lateMs = untilMs - nowMs;
    this.stranded = this.stranded.map((stranded) => ({
      ...stranded,
      untilMs: stranded.untilMs + lateMs,
    }));
  }

  /** Nobody produces any more: what waits for a busy disk does not wait for long. */
  calm(nowMs: number): void {
    this.isCalm = true;
    this.hindered(nowMs);
  }

  asked(taker: Taker): void {
    this.takers.add(taker);
  }

  /** Nothing is under way to it any more. */
  answered(taker: Taker): void {
    this.takers.delete(taker);
  }

  /** Its connection broke, of which the broker hears at `heardMs` at the latest. */
  broken(taker: Taker, heardMs: number): void {
    const { clock } = this.history;
    this.takers.delete(taker);
    if (!clock.knows(taker.life)) return;
    const highMs = clock.high(taker.life, heardMs);
    for (const queue of taker.queues) {
      const visibilityMs =
        taker.visibilityMs ?? this.settings.visibilityMsMax(queue, taker.sentMs, heardMs);
      this.stranded.push({ queue, session: taker.session, untilMs: highMs + visibilityMs });
    }
  }

  /** The session has only what its client holds. */
  resumed(session: SessionFacts): void {
    this.stranded = this.stranded.filter((stranded) => stranded.session !== session);
  }

  /** A receive is answered: nothing was due long before that, while it waited. */
  came(taker: Taker, nowMs: number): void {
    const { history } = this;
    if (!this.isCalm || taker.sentMs <= this.hinderedMs) return;
    const { clock } = history;
    const endMs = clock.low(taker.life, nowMs) - this.slackMs;
    const askedMs = clock.high(taker.life, taker.sentMs);
    if (askedMs >= endMs) return;
    this.counts.longReceives += 1;
    for (const queue of taker.queues) {
      if (!this.isFree(queue, taker.sentMs, nowMs, endMs)) continue;
      for (const message of history.ofQueue(queue)) {
        if (isHere(message) && !this.mayBeDead(message)) this.checkDue(message, askedMs, endMs);
      }
    }
  }

  /** Whether nobody else can have its messages, and it was not paused. */
  private isFree(queue: string, sentMs: number, nowMs: number, endMs: number): boolean {
    for (const other of this.takers) if (other.queues.includes(queue)) return false;
    if (this.settings.mayBePaused(queue, sentMs, nowMs)) return false;
    return this.stranded.every(
      ({ queue: of, session, untilMs }) =>
        of !== queue || Math.min(untilMs, this.leasesEndMs(session)) < endMs,
    );
  }

  /** Also of deliveries that nobody got. */
  private mayBeDead({ queue }: Message): boolean {
    return this.history.settings.mortalQueues.includes(queue);
  }

  private checkDue(message: Message, askedMs: number, endMs: number): void {
    this.counts.dueChecks += 1;
    const dueMs = Math.max(message.dueHighMs, this.freeMs(message));
    if (dueMs < endMs) {
      const lateMs = endMs + this.slackMs - Math.max(dueMs, askedMs);
      throw new Violation(`nothing came for ${lateMs} ms, while ${name(message)} was due`);
    }
  }

  /** When no lease or delay after it holds the message any more, in broker time. */
  private freeMs({ leases }: Message): number {
    const last = leases.reduce<Lease | undefined>(
      (latest, lease) => (latest === undefined || isLater(lease, latest) ? lease : latest),
      undefined,
    );
    let freeMs = 0;
    for (const lease of leases) {
      if (lease !== last && !lease.isDoubtful) continue;
      freeMs = Math.max(freeMs, lease.againHighMs);
      if (lease.over !== undefined && !lease.isDoubtful) continue;
      freeMs = Math.max(freeMs, Math.min(lease.deadlineHighMs, this.leasesEndMs(lease.session)));
    }
    return freeMs;
  }

  /** When the leases of a session end at the latest, of which the client will never come back. */
  private leasesEndMs(session: SessionFacts | undefined): number {
    const { clock, settings } = this.history;
    const since = session?.goneSince;
    if (since === undefined || !clock.knows(since.life)) return Number.POSITIVE_INFINITY;
    return clock.high(since.life, since.ms) + settings.releaseAfterMs;
  }
}

/** Whether it is in its queue for certain, and nothing about it is open. */
function isHere(message: Message): boolean {
  if (message.confirmed === undefined || message.gone !== undefined) return false;
  // One of a group may wait for others of it.
  if (isFleeting(message) || message.group !== undefined) return false;
  if (isMaybePurged(message) || isMaybeAcked(message)) return false;
  return message.leases.every(({ open }) => open === undefined);
}
