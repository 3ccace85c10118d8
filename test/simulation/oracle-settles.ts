/**
 * Acks, nacks, releases and extends: what their answers claim, held against what is known of the
 * lease. An answer that is missing leaves its outcome open.
 */
import {
  type History,
  isLater,
  isMaybeAcked,
  isMaybePurged,
  name,
  Violation,
} from './oracle-history.ts';
import type { Lease, Message, Settle, SettleKind, Told } from './oracle-records.ts';

export class SettleOracle {
  private readonly history: History;

  constructor(history: History) {
    this.history = history;
  }

  sent(
    kind: SettleKind,
    lease: Lease,
    ms: number,
    nowMs: number,
    life: number,
    isById = false,
  ): Settle {
    const { message } = lease;
    const settle: Settle = {
      kind,
      isById,
      lease,
      sentMs: nowMs,
      lowMs: this.history.clock.low(life, nowMs),
      ms,
      wasGone: isGone(message),
      wasOver: lease.over !== undefined,
      lowBefore: lease.deadlineLowMs,
      highBefore: lease.deadlineHighMs,
    };
    lease.open = settle;
    if (kind === 'ack') message.acksOpen += 1;
    if (kind === 'nack') lease.againHighMs = Number.POSITIVE_INFINITY;
    if (kind === 'extend') {
      lease.deadlineLowMs = Math.min(lease.deadlineLowMs, settle.lowMs + ms);
      lease.deadlineHighMs = Number.POSITIVE_INFINITY;
    }
    return settle;
  }

  /**
   * Sent again: it may be executed only now, in a life whose clock is behind, and after a power cut
   * that undid what went before it.
   */
  resent(settle: Settle, life: number, nowMs: number): void {
    const { lease, kind, ms } = settle;
    settle.wasGone &&= isGone(lease.message);
    settle.wasOver &&= lease.over !== undefined;
    settle.lowMs = Math.min(settle.lowMs, this.history.clock.low(life, nowMs));
    if (kind !== 'extend') return;
    lease.deadlineLowMs = Math.min(lease.deadlineLowMs, settle.lowMs + ms);
  }

  /** It took effect. */
  done(settle: Settle, durability: number | undefined, life: number, nowMs: number): void {
    const { history } = this;
    const { lease, kind } = settle;
    const { message } = lease;
    const isWeak =
      durability === undefined ? history.settings.isWeak(message.queue) : durability === 1;
    if (!isWeak) history.hardened(settle.sentMs);
    else if (!history.settings.isWeak(message.queue)) {
      throw new Violation(`${kind} of ${name(message)} was confirmed at write`);
    }
    history.checkOwner(life, settle.sentMs);
    const isOther = settle.isById && !history.isCertain(lease, life, nowMs, settle);
    if (!isOther) this.checkDone(settle);
    lease.open = undefined;
    if (isOther) {
      lease.isMaybeOver = true;
      this.isUnknown(message, nowMs);
      return;
    }
    if (history.isUndone(life, isWeak)) {
      lease.isDoubtful = true;
      if (kind === 'ack') this.isUnknown(message, nowMs);
      return;
    }
    const told = { atMs: nowMs, isWeak };
    if (kind === 'ack' && life > lease.life) history.counts.acksAfterRestart += 1;
    if (kind === 'ack') this.acked(settle, told);
    else if (kind === 'extend') this.extended(settle, told, life);
    else this.givenBack(settle, told, life);
  }

  /** It was refused with a code for this receipt. */
  refused(settle: Settle, code: string, life: number, nowMs: number): void {
    const { history } = this;
    const { lease } = settle;
    const { message } = lease;
    const is = `${settle.kind} of ${name(message)} with token ${lease.token}: ${code},`;
    this.undo(settle);
    if (code === (settle.isById ? 'NOT_LEASED' : 'STALE_RECEIPT')) {
      history.counts.staleReceipts += 1;
      if (settle.wasGone) throw new Violation(`${is} but the message was gone`);
      if (history.isCertain(lease, life, nowMs, settle)) {
        throw new Violation(`${is} but the lease was in force`);
      }
    } else if (code === 'GONE') {
      history.counts.goneReceipts += 1;
      const mayBeGone =
        message.gone !== undefined || isMaybeAcked(message) || history.mayHaveMoved(lease);
      const isMaybeOverdue = history.isMaybeOverdue(message, life, nowMs);
      const isMaybeDropped = message.mayBeDropped && !history.isCertain(lease, life, nowMs, settle);
      if (!mayBeGone && isMaybeOverdue) history.counts.goneInTime += 1;
      else if (isMaybeDropped) return;
      else if (!mayBeGone && !isMaybePurged(message) && !lease.isDoubtful) {
        throw new Violation(`${is} but nobody took it away`);
      }
    } else {
      throw new Violation(`${is} which is no code for a receipt`);
    }
  }

  /** The request was refused as a whole: nothing of it took effect. */
  undo(settle: Settle): void {
    const { lease, kind } = settle;
    lease.open = undefined;
    lease.deadlineLowMs = settle.lowBefore;
    lease.deadlineHighMs = settle.highBefore;
    lease.againHighMs = 0;
    if (kind === 'ack') lease.message.acksOpen -= 1;
  }

  /** No answer will come: it may have taken effect or not. */
  lost({ kind, lease }: Settle, nowMs: number): void {
    lease.isMaybeOver = true;
    if (kind === 'ack') this.isUnknown(lease.message, nowMs);
  }

  private isUnknown(message: Message, nowMs: number): void {
    message.acksOpen -= 1;
    message.maybeAckedMs = nowMs;
  }

  private checkDone(settle: Settle): void {
    const { lease, kind } = settle;
    const { message } = lease;
    const is = `${kind} of ${name(message)} with token ${lease.token} was accepted,`;
    if (lease.isDoubtful) return;
    if (settle.wasGone) throw new Violation(`${is} but the message was gone`);
    if (settle.wasOver) throw new Violation(`${is} but the lease had been given up`);
    if (settle.lowMs > settle.highBefore) {
      throw new Violation(`${is} but the lease had run down`);
    }
    if (settle.lowMs > lease.expiresMs) {
      throw new Violation(`${is} but its time to live was over`);
    }
    const later = message.leases.find((other) => isLater(other, lease) && !other.isDoubtful);
    if (later === undefined) return;
    if (kind === 'ack' || later.arrivedMs < settle.sentMs) {
      throw new Violation(`${is} but token ${later.token} is the later one`);
    }
  }

  private acked(settle: Settle, told: Told): void {
    const { message } = settle.lease;
    if (message.gone !== undefined) throw new Violation(`${name(message)} was acked twice`);
    message.acksOpen -= 1;
    message.gone = { ...told, lease: settle.lease };
    if (!told.isWeak) this.history.ofQueue(message.queue).delete(message);
    this.history.counts.acks += 1;
  }

  private givenBack(settle: Settle, told: Told, life: number): void {
    const { lease, kind, ms } = settle;
    lease.over = { ...told, kind };
    this.history.counts[kind === 'nack' ? 'nacks' : 'releases'] += 1;
    lease.againHighMs = this.history.clock.high(life, told.atMs) + ms;
    if (kind !== 'nack' || ms === 0) return;
    lease.message.isDelayed = true;
    if (!told.isWeak) {
      lease.againLowMs = settle.lowMs + ms;
    }
  }

  private extended(settle: Settle, told: Told, life: number): void {
    const { lease, ms } = settle;
    const { clock } = this.history;
    lease.deadlineLowMs = settle.lowMs + ms;
    lease.deadlineHighMs = clock.high(life, told.atMs) + ms;
    lease.extended = told;
    this.history.counts.extends += 1;
  }
}

function isGone({ gone, purgedMs }: Message): boolean {
  return gone !== undefined || purgedMs !== undefined;
}
