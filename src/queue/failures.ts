/**
 * The last failures of messages: lists in columns of numbers, the newest first, with names and
 * texts kept once each. A list is named by its newest entry; 0 is the empty list.
 */
import { limits } from '../limits.ts';
import { grown } from './chunk.ts';
import type { DiedReason } from './journal.ts';
import { Texts } from './texts.ts';

export interface Failure {
  /** Broker time; 0: not known, since an old record told of it. */
  readonly atMs: number;
  readonly reason: DiedReason;
  /** The client's name; empty for a detached lease. */
  readonly consumer: string;
  /** What the consumer said. */
  readonly text: string;
}

export class Failures {
  private times = new Float64Array(16);
  private reasons = new Uint8Array(16);
  private consumers = new Uint32Array(16);
  private texts = new Uint32Array(16);
  /** The next older entry, or the next free one. */
  private nexts = new Uint32Array(16);
  private readonly words = new Texts();
  private firstFree = 0;
  /** Entries in use or free; 0 means none. */
  private count = 1;
  private used = 0;

  get size(): number {
    return this.used;
  }

  /** Texts that are kept. */
  get textCount(): number {
    return this.words.size;
  }

  /** Puts an entry before a list, without what is beyond the last 16. Returns the new list. */
  add(list: number, { atMs, reason, consumer, text }: Failure): number {
    const entry = this.takeEntry();
    this.times[entry] = atMs;
    this.reasons[entry] = reason;
    this.consumers[entry] = this.words.take(consumer);
    this.texts[entry] = this.words.take(text);
    this.nexts[entry] = list;
    this.cut(entry);
    return entry;
  }

  /** Forgets a whole list. */
  remove(list: number): void {
    for (let entry = list; entry !== 0; ) {
      const next = this.nexts[entry]!;
      this.words.give(this.consumers[entry]!);
      this.words.give(this.texts[entry]!);
      this.nexts[entry] = this.firstFree;
      this.firstFree = entry;
      this.used -= 1;
      entry = next;
    }
  }

  /** The entries of a list, the oldest first. */
  of(list: number): readonly Failure[] {
    if (list === 0) return none;
    const found: Failure[] = [];
    for (let entry = list; entry !== 0; entry = this.nexts[entry]!) {
      found.push({
        atMs: this.times[entry]!,
        reason: this.reasons[entry] as DiedReason,
        consumer: this.words.get(this.consumers[entry]!),
        text: this.words.get(this.texts[entry]!),
      });
    }
    return found.reverse();
  }

  private cut(list: number): void {
    let last = list;
    for (let kept = 1; kept < limits.failuresKeptMax && last !== 0; kept += 1) {
      last = this.nexts[last]!;
    }
    if (last === 0) return;
    this.remove(this.nexts[last]!);
    this.nexts[last] = 0;
  }

  private takeEntry(): number {
    this.used += 1;
    if (this.firstFree !== 0) {
      const entry = this.firstFree;
      this.firstFree = this.nexts[entry]!;
      return entry;
    }
    if (this.count === this.times.length) this.resize(this.count * 2);
    this.count += 1;
    return this.count - 1;
  }

  private resize(length: number): void {
    this.times = grown(this.times, new Float64Array(length));
    this.reasons = grown(this.reasons, new Uint8Array(length));
    this.consumers = grown(this.consumers, new Uint32Array(length));
    this.texts = grown(this.texts, new Uint32Array(length));
    this.nexts = grown(this.nexts, new Uint32Array(length));
  }
}

const none: readonly Failure[] = Object.freeze([]);
