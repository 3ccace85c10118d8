/**
 * Messages that an operator was shown, held against what is known of them: sent so, durable from
 * then on, not acknowledged or purged before, and in the order of delivery.
 */
import { type History, name, Violation } from './oracle-history.ts';

export interface Shown {
  readonly id: number;
  readonly priority: number;
  readonly state: string;
  readonly deliveryCount: number;
  /** Not of one whose bytes rotted. */
  readonly body?: Buffer;
}

export interface LookFacts {
  readonly queue: string;
  readonly messages: readonly Shown[];
  readonly askedMs: number;
  readonly life: number;
}

export function checkShown(history: History, facts: LookFacts, nowMs: number): void {
  const { messages } = facts;
  for (const [at, after] of messages.entries()) {
    const before = messages[at - 1];
    if (before !== undefined && !isBefore(before, after)) {
      throw new Violation(`ID ${after.id} was shown behind ${before.id}`);
    }
    if (after.body !== undefined) checkOne(history, facts, after, nowMs);
  }
}

function checkOne(history: History, facts: LookFacts, shown: Shown, nowMs: number): void {
  const message = history.messages.get(shown.body!.toString());
  if (message === undefined) throw new Violation(`ID ${shown.id} is shown with a body of nobody`);
  const is = `${name(message)}, which is shown in ${facts.queue},`;
  if (message.isRefused) throw new Violation(`${is} was refused`);
  if (message.priority !== shown.priority) throw new Violation(`${is} has another priority`);
  // Whatever its level: what is shown is on the disk.
  history.identify(message, shown.id, { atMs: nowMs, isWeak: false });
  // One that lost its directory does not know what the next one does.
  if (history.hasLostDirectory(facts.life)) return;
  const { gone, purgedMs } = message;
  if (gone !== undefined && gone.atMs < facts.askedMs)
    throw new Violation(`${is} was acknowledged`);
  if (purgedMs !== undefined && purgedMs < facts.askedMs) throw new Violation(`${is} was purged`);
}

function isBefore(one: Shown, other: Shown): boolean {
  return one.priority > other.priority || (one.priority === other.priority && one.id < other.id);
}
