/**
 * Deliveries as they arrive, held against what is known of the message: produced so, not
 * acknowledged before, nobody else's for now, counted up, not too early, and in its turn.
 */
import { checkGroup } from './oracle-groups.ts';
import {
  type History,
  isFleeting,
  isLater,
  isMaybeAcked,
  isMaybePurged,
  name,
  Violation,
} from './oracle-history.ts';
import type { DeliveryFacts, Lease, Message } from './oracle-records.ts';

export class DeliveryOracle {
  private readonly history: History;

  constructor(history: History) {
    this.history = history;
  }

  arrived(facts: DeliveryFacts, nowMs: number): Lease {
    const { history } = this;
    history.checkOwner(facts.life, facts.askedMs);
    const message = this.find(facts, nowMs);
    const lease: Lease = {
      message,
      queue: facts.queue,
      id: facts.id,
      life: facts.life,
      token: facts.token,
      deliveryCount: facts.deliveryCount,
      failureCount: facts.failureCount,
      session: facts.session,
      arrivedMs: nowMs,
      askedMs: facts.askedMs,
      deadlineLowMs: this.executedLow(facts, message) + facts.visibilityMs,
      deadlineHighMs: history.clock.high(facts.life, nowMs) + facts.visibilityMs,
      expiresMs: this.expiresMs(facts, message),
      over: undefined,
      againLowMs: 0,
      againHighMs: 0,
      extended: undefined,
      isMaybeOver: facts.life <= (facts.session?.lostOfLife ?? 0),
      isDoubtful: history.isUndone(facts.life, history.settings.isWeak(message.queue)),
      open: undefined,
    };
    this.checkToken(lease);
    this.checkGone(lease);
    for (const other of message.leases) this.checkPair(lease, other, nowMs);
    if (!lease.isDoubtful) isThere(message, facts.askedMs);
    message.leases.push(lease);
    checkGroup(history, lease);
    facts.session?.leases.add(lease);
    history.counts.deliveries += 1;
    if (message.leases.length > 1 || facts.deliveryCount > 1) history.counts.redeliveries += 1;
    return lease;
  }

  /** One frame of deliveries, in order, asked for at `askedMs`. */
  answered(askedMs: number, leases: readonly Lease[]): void {
    const last = leases.at(-1);
    if (last === undefined) return;
    for (let at = 1; at < leases.length; at += 1) {
      const [before, after] = [leases[at - 1]!, leases[at]!];
      if (isOfGroup(before) || isOfGroup(after)) continue;
      if (!isBefore(before.message, before.id, after)) throw outOfOrder(after, before.message);
    }
    // A group that has its turn may have come before.
    if (isOfGroup(last)) return;
    const given = new Set(leases.map((lease) => lease.message));
    for (const message of this.readySince(last.message.queue, askedMs)) {
      if (given.has(message) || !isBefore(message, message.id!, last)) continue;
      throw outOfOrder(last, message);
    }
  }

  /** A receive that does not wait got nothing. */
  noneLeft(queue: string, askedMs: number): void {
    for (const message of this.readySince(queue, askedMs)) {
      throw new Violation(`nothing came, while ${name(message)} was ready`);
    }
  }

  private *readySince(queue: string, ms: number): Generator<Message> {
    if (!this.history.isSingleConsumer) return;
    for (const message of this.history.ofQueue(queue)) {
      if (!this.wasReady(message, ms)) continue;
      this.history.counts.orderChecks += 1;
      yield message;
    }
  }

  /** Ready for certain from `ms` on, as long as only the one consumer of its queue takes it. */
  private wasReady(message: Message, ms: number): boolean {
    const { confirmed, leases } = message;
    if (confirmed === undefined || confirmed.isWeak || confirmed.atMs >= ms) return false;
    // It may be dead, also of deliveries that nobody got.
    if (isMortal(this.history, message) || isFleeting(message)) return false;
    if (message.group !== undefined) return false;
    if (message.isDelayed || isMaybePurged(message) || isMaybeAcked(message)) return false;
    if (message.gone !== undefined) return false;
    return leases.every(
      ({ over, isDoubtful }) => !isDoubtful && over !== undefined && over.atMs < ms,
    );
  }

  private find(facts: DeliveryFacts, nowMs: number): Message {
    const { history } = this;
    const message = history.messages.get(facts.body);
    if (message === undefined) {
      throw new Violation(`ID ${facts.id} has a body that nobody sent: ${facts.body.slice(0, 40)}`);
    }
    const isWeak = history.settings.isWeak(message.queue);
    if (!history.isUndone(facts.life, isWeak)) {
      history.identify(message, facts.id, { atMs: nowMs, isWeak });
    }
    const is = `${name(message)}, delivered with token ${facts.token},`;
    if (message.isRefused) throw new Violation(`${is} was refused`);
    if (!this.mayBeIn(message, facts.queue)) {
      throw new Violation(`${is} came from ${facts.queue}`);
    }
    if (message.priority !== facts.priority) throw new Violation(`${is} has another priority`);
    const nowHighMs = history.clock.high(facts.life, nowMs);
    if (nowHighMs < this.readyLowMs(message))
      throw new Violation(`${is} came before its delay was over`);
    const { producedMs } = facts;
    if (producedMs + 1 < message.producedLowMs || producedMs > nowHighMs) {
      throw new Violation(`${is} was produced at ${producedMs}, as told`);
    }
    if (history.clock.low(facts.life, facts.askedMs) > this.expiresMs(facts, message)) {
      throw new Violation(`${is} came when its time to live was over`);
    }
    if (facts.failureCount >= facts.deliveryCount) {
      throw new Violation(`${is} failed more often than it was delivered`);
    }
    return message;
  }

  private mayBeIn(message: Message, queue: string): boolean {
    if (message.queue === queue) return true;
    const isLetter = queue === this.history.settings.letters && isMortal(this.history, message);
    if (isLetter) this.history.counts.letters += 1;
    return isLetter;
  }

  /** A delivery is made after it was asked for and after the message was sent. */
  private executedLow(facts: DeliveryFacts, message: Message): number {
    return Math.max(this.history.clock.low(facts.life, facts.askedMs), this.readyLowMs(message));
  }

  /** Not delivered before that; one that was moved, or died of its time to live, does not wait. */
  private readyLowMs(message: Message): number {
    const { producedLowMs, delayMs, notBeforeMs, isMaybeMoved } = message;
    const isRedriven = isMortal(this.history, message) && isFleeting(message);
    if (isRedriven || isMaybeMoved) return producedLowMs;
    return Math.max(producedLowMs + delayMs, notBeforeMs);
  }

  /** One that died and was redriven has no time to live any more. */
  private expiresMs({ producedMs }: DeliveryFacts, message: Message): number {
    return isMortal(this.history, message) ? Infinity : producedMs + message.timeToLiveMs;
  }

  private checkToken(lease: Lease): void {
    const { tokens } = this.history;
    if (tokens.has(lease.token)) {
      throw new Violation(
        `token ${lease.token} was given in life ${tokens.get(lease.token)}, and now again for ` +
          name(lease.message),
      );
    }
    tokens.set(lease.token, lease.life);
  }

  private checkGone(lease: Lease): void {
    const { gone, purgedMs } = lease.message;
    const is = `${name(lease.message)}, delivered with token ${lease.token},`;
    if (gone !== undefined && isLater(lease, gone.lease)) {
      throw new Violation(`${is} was acknowledged by token ${gone.lease.token}`);
    }
    if (purgedMs !== undefined && lease.askedMs > purgedMs) {
      throw new Violation(`${is} was purged`);
    }
  }

  /** Each delivery in between ended at most in one failure, and the first one as it is known. */
  private checkFailures(first: Lease, second: Lease, is: string): void {
    // Redriven, it begins anew.
    if (isMortal(this.history, first.message)) return;
    const ended = second.deliveryCount - first.deliveryCount;
    const failed = second.failureCount - first.failureCount;
    const firstFailed = hasFailed(first);
    const least = firstFailed === true ? 1 : 0;
    const most = firstFailed === false ? ended - 1 : ended;
    if (failed < least || failed > most) {
      throw new Violation(`${is}, and of ${ended} deliveries ${failed} failed`);
    }
    if (least === most) this.history.counts.failureChecks += 1;
  }

  private checkPair(lease: Lease, other: Lease, nowMs: number): void {
    const [first, second] = isLater(lease, other) ? [other, lease] : [lease, other];
    const is = `${name(first.message)}: token ${second.token} after ${first.token}`;
    if (!first.isDoubtful) {
      if (second.deliveryCount <= first.deliveryCount) {
        throw new Violation(`${is}, but counted as delivery ${second.deliveryCount}`);
      }
      this.checkFailures(first, second, is);
    }
    const isEarly = this.history.clock.high(second.life, second.arrivedMs) < first.againLowMs;
    // One that died of its nack was not delayed.
    if (isEarly && !isMortal(this.history, first.message)) {
      throw new Violation(`${is}, before its delay was over`);
    }
    if (!this.history.isCertain(first, second.life, second.arrivedMs)) return;
    if (second === lease || this.history.isCertain(first, second.life, nowMs)) {
      throw new Violation(`${is}, whose lease was in force`);
    }
  }
}

function isMortal({ settings }: History, { queue }: Message): boolean {
  return settings.mortalQueues.includes(queue);
}

/** It was delivered, and not before: whatever may have taken it until then did not. */
function isThere(message: Message, sinceMs: number): void {
  const { maybeAckedMs, maybePurgedMs } = message;
  if (maybeAckedMs !== undefined && maybeAckedMs < sinceMs) message.maybeAckedMs = undefined;
  if (maybePurgedMs !== undefined && maybePurgedMs < sinceMs) message.maybePurgedMs = undefined;
}

/** Whether a lease that is over failed, as far as it is known. */
function hasFailed({ over, isMaybeOver, open, session }: Lease): boolean | undefined {
  if (over !== undefined) return over.kind === 'nack';
  if (isMaybeOver || open !== undefined || session?.isLeaving === true) return undefined;
  // It ran down, or its session was lost.
  return true;
}

function isOfGroup({ message }: Lease): boolean {
  return message.group !== undefined;
}

/** Whether a ready message has its turn before one that was delivered. */
function isBefore(message: Message, id: number, { message: other, id: otherId }: Lease): boolean {
  return message.priority > other.priority || (message.priority === other.priority && id < otherId);
}

function outOfOrder(lease: Lease, first: Message): Violation {
  return new Violation(`${name(lease.message)} was delivered, while ${name(first)} came first`);
}
