/**
 * Limits of queues: nothing is refused as full, or goes to make room, in a queue that cannot have
 * been full, and no queue ever tells of more than it may hold.
 */
import { type History, name, Violation } from './oracle-history.ts';
import type { Message } from './oracle-records.ts';

export interface Limits {
  readonly messagesMax: number;
  readonly bytesMax: number;
  /** To make room for newer ones; else what comes is refused. */
  readonly dropsOldest: boolean;
}

export interface Held {
  readonly name: string;
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly settings: { readonly messagesMax: number | null };
}

/** What encoding adds to a body, at most. */
const headBytesMax = 16;

export class LimitsOracle {
  readonly counts = { refusedAsFull: 0, dropped: 0, limitsHeld: 0 };
  private readonly history: History;

  constructor(history: History) {
    this.history = history;
  }

  refused(queue: string, sentMs: number): void {
    this.counts.refusedAsFull += 1;
    if (!this.mayBeFull(queue, sentMs)) throw new Violation(`${queue} was refused as full`);
  }

  /** A message that was confirmed is not there, and nobody took it. */
  missing(message: Message): void {
    this.counts.dropped += 1;
    if (this.mayBeFull(message.queue, message.sentMs)) return;
    throw new Violation(`${name(message)} is lost, and its queue never was full`);
  }

  /** Frames that are executed in slices, side by side, were each let in by themselves. */
  told({ name: queue, ready, inFlight, delayed, settings }: Held): void {
    const { messagesMax } = settings;
    if (messagesMax === null) return;
    this.counts.limitsHeld += 1;
    const held = ready + inFlight + delayed;
    const most = messagesMax + this.history.settings.besidesMax;
    if (held > most) throw new Violation(`${queue} has ${held} messages, and may have ${most}`);
  }

  /** Whether a produce since then can have met a limit: all are there that may be. */
  private mayBeFull(queue: string, sinceMs: number): boolean {
    const limits = this.history.settings.limitsOf(queue);
    if (limits === undefined) return false;
    let messages = 0;
    let bytes = 0;
    for (const message of this.history.messages.values()) {
      if (message.queue !== queue || message.isRefused || wasGone(message, sinceMs)) continue;
      messages += 1;
      bytes += message.body.length + headBytesMax;
    }
    return messages > limits.messagesMax || bytes > limits.bytesMax;
  }
}

function wasGone({ gone, purgedMs }: Message, sinceMs: number): boolean {
  const isAcked = gone !== undefined && !gone.isWeak && gone.atMs < sinceMs;
  return isAcked || (purgedMs !== undefined && purgedMs < sinceMs);
}
