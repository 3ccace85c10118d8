/**
 * The oracle: a history of what clients sent and were told, held against the promises of the
 * product. It knows nothing of the product's code. What was answered is certain, what was not is
 * open, and what was told at `write` is open again after a power cut.
 */
import { DeduplicationOracle } from './oracle-deduplication.ts';
import { DeliveryOracle } from './oracle-deliveries.ts';
import {
  History,
  isFleeting,
  isLess,
  isMaybeAcked,
  isMaybePurged,
  isShortLived,
  name,
  type OracleSettings,
  Violation,
} from './oracle-history.ts';
import { LimitsOracle } from './oracle-limits.ts';
import { LivenessOracle } from './oracle-liveness.ts';
import { checkShown, type LookFacts } from './oracle-looks.ts';
import type { Lease, Message, Purge, SessionFacts } from './oracle-records.ts';
import { SettingsOracle } from './oracle-settings.ts';
import { SettleOracle } from './oracle-settles.ts';
import { SteeringOracle } from './oracle-steering.ts';

export type OracleCounts = History['counts'] &
  SettingsOracle['counts'] &
  LivenessOracle['counts'] &
  LimitsOracle['counts'] &
  DeduplicationOracle['counts'] &
  SteeringOracle['counts'];

/** What was told to a process before it was paused, it hears so long after it goes on. */
const heardAgainMs = 200;

export interface ProduceFacts {
  readonly queue: string;
  readonly bodies: readonly string[];
  readonly priority: number;
  readonly delayMs?: number;
  readonly notBeforeMs?: number;
  readonly timeToLiveMs?: number | undefined;
  /** Whether it asked for no more than `write`. */
  readonly isWeak: boolean;
  /** One for each body, where any has one. */
  readonly deduplicationIds?: readonly (string | undefined)[] | undefined;
  readonly groups?: readonly (string | undefined)[] | undefined;
}

export class Oracle {
  readonly history: History;
  readonly deliveries: DeliveryOracle;
  readonly settles: SettleOracle;
  readonly settings: SettingsOracle;
  readonly liveness: LivenessOracle;
  readonly deduplication: DeduplicationOracle;
  readonly limits: LimitsOracle;
  readonly steering: SteeringOracle;
  private readonly purges = new Set<Purge>();
  /** Requests of several messages that are there whole or not at all. */
  private readonly wholes: (readonly Message[])[] = [];

  constructor(
    settings: OracleSettings,
    queueDefaults: ConstructorParameters<typeof SettingsOracle>[0],
  ) {
    this.history = new History(settings);
    this.settings = new SettingsOracle(queueDefaults);
    this.liveness = new LivenessOracle(this.history, this.settings, settings.slackMs);
    this.deliveries = new DeliveryOracle(this.history);
    this.settles = new SettleOracle(this.history);
    this.steering = new SteeringOracle(this.history);
    this.deduplication = new DeduplicationOracle(this.history, settings.windowsOf);
    this.limits = new LimitsOracle(this.history);
  }

  get counts(): OracleCounts {
    return {
      ...this.history.counts,
      ...this.settings.counts,
      ...this.liveness.counts,
      ...this.limits.counts,
      ...this.deduplication.counts,
      ...this.steering.counts,
    };
  }

  session(key: string): SessionFacts {
    const known = this.history.sessions.get(key);
    if (known !== undefined) return known;
    const leases = new Set<Lease>();
    const state = { isKnown: false, isLeaving: false, connection: undefined, awayMs: undefined };
    const session: SessionFacts = {
      key,
      ...state,
      goneSince: undefined,
      isGone: false,
      lostOfLife: 0,
      leases,
    };
    this.history.sessions.set(key, session);
    return session;
  }

  /** A hello was answered. */
  greeted(
    session: SessionFacts | undefined,
    connection: { readonly brokenMs: number | undefined },
    told: { life: number; sentMs: number; timeMs: number; resumed: boolean },
    nowMs: number,
  ): void {
    const { history } = this;
    history.clock.told(told.life, told.sentMs, nowMs, told.timeMs);
    if (session === undefined) return;
    history.hardened(told.sentMs);
    const awayMs = history.awaySince(session);
    const awayForMs = awayMs === undefined ? 0 : nowMs - awayMs;
    const mustBeKnown = isLess(awayForMs, history.settings.sessionForgetMs);
    if (!told.resumed && session.isKnown && !session.isLeaving && mustBeKnown) {
      throw new Violation(`session ${session.key} was forgotten after ${awayForMs} ms`);
    }
    if (told.resumed) history.counts.resumes += 1;
    if (!told.resumed || !history.isSafe(session, nowMs)) this.loseLeases(session, told.life - 1);
    session.isKnown = true;
    session.awayMs = undefined;
    session.connection = connection;
  }

  /** A resume was sent: what it does not list is given back. */
  resumed(session: SessionFacts, held: ReadonlySet<Lease>): void {
    for (const lease of session.leases) if (!held.has(lease)) lease.isMaybeOver = true;
  }

  /** The client knows of no connection any more. */
  away(session: SessionFacts, nowMs: number): void {
    session.awayMs = Math.min(nowMs, this.history.awaySince(session) ?? nowMs);
    session.connection = undefined;
  }

  /** Its client goes for ever; the broker hears of it at `heardMs`, or (undefined) by itself. */
  gone(session: SessionFacts, life: number | undefined, heardMs: number): void {
    session.isGone = true;
    if (life !== undefined) session.goneSince = { life, ms: heardMs };
  }

  /** The broker's process does not run until then, and hears of nothing. */
  paused(nowMs: number, untilMs: number): void {
    for (const session of this.history.sessions.values()) {
      const since = session.goneSince;
      if (since === undefined || since.ms < nowMs - heardAgainMs) continue;
      session.goneSince = { life: since.life, ms: untilMs + heardAgainMs };
    }
    this.liveness.paused(nowMs, untilMs);
  }

  leaving(session: SessionFacts): void {
    session.isLeaving = true;
  }

  /** Messages were looked at. */
  shown(facts: LookFacts, nowMs: number): void {
    checkShown(this.history, facts, nowMs);
  }

  produceSent(facts: ProduceFacts, life: number, nowMs: number): Message[] {
    const { history } = this;
    const lowMs = history.clock.low(life, nowMs);
    const { delayMs = 0, notBeforeMs = 0, timeToLiveMs = Number.POSITIVE_INFINITY } = facts;
    const messages = facts.bodies.map((body, at) => {
      const message: Message = {
        body,
        queue: facts.queue,
        priority: facts.priority,
        deduplicationId: facts.deduplicationIds?.[at],
        group: facts.groups?.[at],
        sentMs: nowMs,
        producedLowMs: lowMs,
        delayMs,
        notBeforeMs,
        timeToLiveMs,
        mayBeDropped: history.settings.limitsOf(facts.queue)?.dropsOldest === true,
        dueHighMs: Number.POSITIVE_INFINITY,
        isDelayed: delayMs > 0 || notBeforeMs > 0,
        id: undefined,
        idTold: undefined,
        confirmed: undefined,
        isRefused: false,
        gone: undefined,
        acksOpen: 0,
        maybeAckedMs: undefined,
        purgesOpen: 0,
        maybePurgedMs: undefined,
        purgedMs: undefined,
        isMaybeMoved: false,
        leases: [],
      };
      history.messages.set(body, message);
      history.ofQueue(facts.queue).add(message);
      this.meetPurges(message);
      this.deduplication.produceSent(message);
      return message;
    });
    if (this.isWhole(facts)) this.wholes.push(messages);
    return messages;
  }

  /** Sent again: it may be executed only now, in a life whose clock is behind. */
  produceResent(messages: readonly Message[], life: number, nowMs: number): void {
    const lowMs = this.history.clock.low(life, nowMs);
    for (const message of messages) {
      message.producedLowMs = Math.min(message.producedLowMs, lowMs);
    }
  }

  confirmed(
    messages: readonly Message[],
    ids: readonly number[],
    asked: { isWeak: boolean; sentMs: number },
    answer: { durability: number; life: number; duplicates?: readonly number[] | undefined },
    nowMs: number,
  ): void {
    const { history } = this;
    const [first] = messages as [Message];
    const isWeak = answer.durability === 1;
    if (isWeak && !asked.isWeak && !history.settings.isWeak(first.queue)) {
      throw new Violation(`${name(first)} was confirmed at write`);
    }
    if (ids.length !== messages.length) {
      throw new Violation(`${messages.length} messages got ${ids.length} IDs`);
    }
    if (!isWeak) history.hardened(asked.sentMs);
    history.checkOwner(answer.life, asked.sentMs);
    this.settings.produced(first.queue, asked.sentMs, nowMs);
    if (history.isUndone(answer.life, isWeak)) return;
    const told = { atMs: nowMs, isWeak };
    for (const [index, message] of messages.entries()) {
      if (answer.duplicates?.includes(index)) {
        this.deduplication.duplicate(message, ids[index]!, told);
        continue;
      }
      history.identify(message, ids[index]!, told);
      message.confirmed = told;
      const highMs = history.clock.high(answer.life, nowMs);
      message.dueHighMs = Math.max(highMs + message.delayMs, message.notBeforeMs);
      history.counts[isWeak ? 'confirmationsAtWrite' : 'confirmations'] += 1;
      this.deduplication.produced(message, answer.life, nowMs);
    }
  }

  refused(messages: readonly Message[], code: string, sentMs: number, nowMs: number): void {
    if (code === 'QUEUE_FULL') this.limits.refused(messages[0]!.queue, sentMs);
    if (code === 'PAUSED') this.settings.refusedAsPaused(messages[0]!.queue, sentMs, nowMs);
    for (const message of messages) {
      if (message.leases.length > 0) throw new Violation(`${name(message)} was refused`);
      message.isRefused = true;
      this.history.counts.refused += 1;
    }
  }

  /** No answer will come. */
  produceLost(messages: readonly Message[]): void {
    this.history.counts.unknown += messages.length;
  }

  purgeSent(queue: string): Purge {
    const purge: Purge = { queue, certain: new Set(), others: new Set() };
    for (const message of this.history.ofQueue(queue)) {
      const { confirmed } = message;
      if (message.gone !== undefined) continue;
      const mayBeElsewhere =
        this.history.settings.letters !== undefined &&
        this.history.settings.mortalQueues.includes(queue);
      const isCertain =
        confirmed !== undefined && !this.history.isUndoable(confirmed) && !mayBeElsewhere;
      (isCertain ? purge.certain : purge.others).add(message);
      message.purgesOpen += 1;
    }
    this.purges.add(purge);
    return purge;
  }

  /** What an operator is told is durable. */
  purged(purge: Purge, isDone: boolean, nowMs: number): void {
    for (const message of this.endPurge(purge)) {
      if (!isDone) continue;
      if (purge.certain.has(message)) message.purgedMs ??= nowMs;
      else message.maybePurgedMs = nowMs;
    }
    if (isDone) this.history.counts.purged += purge.certain.size;
  }

  /** No answer will come. It may have happened, and will not happen any more. */
  purgeLost(purge: Purge, nowMs: number): void {
    for (const message of this.endPurge(purge)) message.maybePurgedMs = nowMs;
  }

  /** The broker's process ended. */
  stopped(how: 'kill' | 'power' | 'stop', life: number, nowMs: number): void {
    const { history } = this;
    for (const session of history.sessions.values()) {
      if (!history.isSafe(session, nowMs)) this.loseLeases(session, life);
      session.awayMs = history.awaySince(session) ?? nowMs;
      session.connection = undefined;
    }
    if (how !== 'power') return;
    for (const message of history.messages.values()) this.undo(message, nowMs);
    history.powerCut(life);
  }

  /** A life began that was to accept connections: grace counts from there. */
  started(life: number, beganMs: number, nowMs: number): void {
    for (const session of this.history.sessions.values()) {
      if (session.awayMs !== undefined) session.awayMs = beganMs;
      if (session.isGone) session.goneSince = { life, ms: nowMs };
    }
  }

  /** Others take from the queues as well from now on. */
  manyConsumers(): void {
    this.history.isSingleConsumer = false;
  }

  /** Everything was drained: nothing that was confirmed may be missing. */
  finish(): void {
    for (const message of this.history.messages.values()) {
      const { confirmed, gone, leases } = message;
      if (confirmed === undefined) {
        if (leases.length > 0) this.history.counts.recovered += 1;
        continue;
      }
      if (gone !== undefined || message.purgedMs !== undefined) continue;
      if (isShortLived(message)) {
        this.history.counts.timedOut += 1;
        continue;
      }
      if (isMaybePurged(message) || isMaybeAcked(message)) {
        this.history.counts.undecided += 1;
        continue;
      }
      if (!message.mayBeDropped) throw new Violation(`${name(message)} was confirmed and is lost`);
      this.limits.missing(message);
    }
    for (const messages of this.wholes) this.finishWhole(messages);
  }

  /** Everything that is there was delivered by now. */
  private finishWhole(messages: readonly Message[]): void {
    if (messages.some((message) => message.confirmed !== undefined || isMaybePurged(message)))
      return;
    if (messages.some(isFleeting)) return;
    const missing = messages.find(({ leases }) => leases.length === 0);
    if (missing === undefined) this.history.counts.wholeRecovered += 1;
    else if (messages.some(({ leases }) => leases.length > 0)) {
      throw new Violation(`${name(missing)} is missing from what was produced with it`);
    }
  }

  /** What is told at `write` may be delivered in part and then be undone. */
  private isWhole({ queue, bodies, isWeak, deduplicationIds }: ProduceFacts): boolean {
    const { settings } = this.history;
    if (isWeak || deduplicationIds !== undefined || settings.isWeak(queue) || bodies.length < 2)
      return false;
    const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
    return bodies.length <= settings.wholeMessagesMax && bytes <= settings.wholeBytesMax;
  }

  private meetPurges(message: Message): void {
    for (const purge of this.purges) {
      if (purge.queue !== message.queue) continue;
      purge.others.add(message);
      message.purgesOpen += 1;
    }
  }

  /** Returns what it may have taken. */
  private endPurge(purge: Purge): Message[] {
    this.purges.delete(purge);
    const met = [...purge.certain, ...purge.others];
    for (const message of met) message.purgesOpen -= 1;
    return met;
  }

  private loseLeases(session: SessionFacts, life: number): void {
    session.lostOfLife = Math.max(session.lostOfLife, life);
    if (session.leases.size > 0) this.history.counts.sessionsLost += 1;
    for (const lease of session.leases) lease.isMaybeOver = true;
    session.leases.clear();
  }

  /** The power went: what was told at `write` and is not durable for certain may be undone. */
  private undo(message: Message, nowMs: number): void {
    const { history } = this;
    if (history.isUndoable(message.confirmed)) {
      message.confirmed = undefined;
      history.counts.undone += 1;
    }
    if (history.isUndoable(message.gone)) {
      message.gone = undefined;
      message.maybeAckedMs = nowMs;
      history.counts.undone += 1;
    }
    if (history.isUndoable(message.idTold)) {
      message.id = undefined;
      message.idTold = undefined;
    }
    for (const lease of message.leases) {
      const told = { atMs: lease.arrivedMs, isWeak: history.settings.isWeak(message.queue) };
      const facts = [told, lease.over, lease.extended];
      if (facts.some((fact) => history.isUndoable(fact))) lease.isDoubtful = true;
    }
  }
}
