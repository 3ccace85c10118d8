/**
 * Deduplication IDs: a second message with one that its queue knows for certain is not produced, and
 * is told the first one's ID; one whose window is over for certain is.
 */
import { type History, name, Violation } from './oracle-history.ts';
import type { Message, Told } from './oracle-records.ts';

export interface Windows {
  readonly leastMs: number;
  readonly mostMs: number;
}

export class DeduplicationOracle {
  readonly counts = { duplicates: 0, duplicatesOfUnknown: 0, windowsOver: 0, windowsKept: 0 };
  private readonly history: History;
  private readonly windowsOf: (queue: string) => Windows;
  /** By queue and deduplication ID, in the order in which they were sent. */
  private readonly sent = new Map<string, Message[]>();
  /** In broker time: produced by then. */
  private readonly producedHighMs = new Map<Message, number>();
  /** By the message ID that a duplicate was told, where nobody knows yet whose it is. */
  private readonly keyOfId = new Map<number, string>();
  /** When a queue may have been deleted last. */
  private readonly deletedMs = new Map<string, number>();

  constructor(history: History, windowsOf: (queue: string) => Windows) {
    this.history = history;
    this.windowsOf = windowsOf;
  }

  produceSent(message: Message): void {
    const key = keyOf(message);
    if (key === undefined) return;
    const known = this.sent.get(key) ?? [];
    this.sent.set(key, known);
    known.push(message);
  }

  /** From now on it may happen, at any time. */
  deletionSent(queue: string): void {
    this.deletedMs.set(queue, Number.POSITIVE_INFINITY);
  }

  /** It has happened by now, or never will. */
  deletionOver(queue: string, nowMs: number): void {
    this.deletedMs.set(queue, nowMs);
  }

  /** It was produced, and is no duplicate. */
  produced(message: Message, life: number, nowMs: number): void {
    const key = keyOf(message);
    if (key === undefined) return;
    const told = this.keyOfId.get(message.id!);
    if (told !== undefined && told !== key) throw new Violation(`${name(message)} is ${told}`);
    const highMs = this.history.clock.high(life, nowMs);
    this.producedHighMs.set(message, Math.min(highMs, this.producedHighMs.get(message) ?? highMs));
    for (const other of this.sent.get(key)!) {
      if (other === message || other.confirmed === undefined) continue;
      if (other.confirmed.atMs > message.sentMs || this.isMaybeForgotten(other)) continue;
      const endMs = other.producedLowMs + this.windowsOf(message.queue).leastMs;
      if (highMs >= endMs) this.counts.windowsOver += 1;
      else throw new Violation(`${name(message)} was produced, as ${name(other)} before it`);
    }
  }

  /** It was not produced, since the message with that ID was before it. */
  duplicate(message: Message, id: number, told: Told): void {
    const key = keyOf(message);
    if (key === undefined) throw new Violation(`${name(message)} is nobody's duplicate`);
    if (message.leases.length > 0) throw new Violation(`${name(message)} was told a duplicate`);
    // What was told at `write` may be undone, and the request executed again.
    if (!told.isWeak) message.isRefused = true;
    this.counts.duplicates += 1;
    const first = this.history.byId.get(id) ?? this.onlyCandidate(message, key);
    if (first === undefined) {
      this.keyOfId.set(id, key);
      this.counts.duplicatesOfUnknown += 1;
      return;
    }
    if (keyOf(first) !== key || first === message) {
      throw new Violation(`${name(message)} is told ${id}, the ID of ${name(first)}`);
    }
    const highMs = this.producedHighMs.get(first);
    const { mostMs } = this.windowsOf(message.queue);
    if (highMs !== undefined && message.producedLowMs > highMs + mostMs) {
      throw new Violation(`${name(message)} is a duplicate of ${name(first)}, which is forgotten`);
    }
    this.counts.windowsKept += 1;
    this.history.identify(first, id, told);
    // The answer says of the first one too how durable it is.
    if (first.confirmed === undefined || first.confirmed.isWeak) first.confirmed = told;
  }

  /** Of those that were sent before it, the one that can have been produced. */
  private onlyCandidate(message: Message, key: string): Message | undefined {
    const others = this.sent.get(key)!.filter((other) => other !== message && !other.isRefused);
    const unknown = others.filter(({ id }) => id === undefined);
    return unknown.length === 1 ? unknown[0] : undefined;
  }

  private isMaybeForgotten({ queue, sentMs }: Message): boolean {
    return (this.deletedMs.get(queue) ?? -1) >= sentMs;
  }
}

function keyOf({ queue, deduplicationId }: Message): string | undefined {
  return deduplicationId === undefined ? undefined : `${queue} ${deduplicationId}`;
}
