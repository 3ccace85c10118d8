/**
 * Message groups in the model: of each the first message that is not dead while none is in flight,
 * and since when it could be delivered. Imports nothing from `src/`.
 */
import type { Model, ModelMessage } from './model.ts';

interface Turn {
  readonly since: number;
  readonly head: ModelMessage;
}

/** Whether nothing but others before it keeps a message. */
export function isReady({ state, expiresMs }: ModelMessage, now: number): boolean {
  return state === 'ready' && now < expiresMs;
}

/** One that waits behind another one of its group is held. */
export function toldState(
  messages: readonly ModelMessage[],
  { state, group, id }: ModelMessage,
): ModelMessage['state'] | 'held' {
  if (state !== 'ready' || group === undefined) return state;
  const isBehind = messages.some(
    (other) =>
      other.group === group &&
      (other.state === 'in flight' || (other.state !== 'dead' && other.id < id)),
  );
  return isBehind ? 'held' : 'ready';
}

export class ModelTurns {
  private turns = new Map<string, Turn>();
  private next = 1;
  /** Which were ready when it was looked last. */
  private wereReady = new Set<ModelMessage>();

  /** After each command: who could be delivered before keeps its turn, all others get the same one. */
  update(model: Model, now: number): void {
    const turns = new Map<string, Turn>();
    for (const [name, { messages }] of model.queues) {
      for (const head of this.headsIn(model, name, now)) {
        const key = `${name} ${head.group}`;
        const before = this.turns.get(key);
        // It came before the others, or it is the next one of those that were ready.
        const isJoined =
          before !== undefined && messages.includes(before.head) && isReady(before.head, now);
        const keeps = isJoined || this.wereReady.has(head);
        const since = before !== undefined && keeps ? before.since : this.next;
        turns.set(key, { since, head });
      }
    }
    this.turns = turns;
    this.next += 1;
    this.wereReady = new Set();
    for (const { messages } of model.queues.values()) {
      for (const message of messages) if (isReady(message, now)) this.wereReady.add(message);
    }
  }

  /** All begin at once. */
  reset(): void {
    this.turns.clear();
  }

  /** The heads of all groups that may be delivered. */
  headsIn(model: Model, name: string, now: number): ModelMessage[] {
    const heads = new Map<string, ModelMessage>();
    for (const message of model.queues.get(name)?.messages ?? []) {
      const { group, state } = message;
      const isOverdue = state === 'ready' && !isReady(message, now);
      if (group === undefined || state === 'dead' || isOverdue) continue;
      const known = heads.get(group);
      if (known === undefined || message.id < known.id) heads.set(group, message);
    }
    const out = new Set<string | undefined>();
    for (const { group, state } of model.queues.get(name)?.messages ?? []) {
      if (state === 'in flight') out.add(group);
    }
    return [...heads.values()].filter(
      (message) => isReady(message, now) && !out.has(message.group),
    );
  }

  /** Those of them whose turn it is; one that became ready only since the last command is last. */
  firstIn(model: Model, name: string, now: number): ModelMessage[] {
    const heads = this.headsIn(model, name, now);
    const sinceOf = ({ group }: ModelMessage) =>
      this.turns.get(`${name} ${group}`)?.since ?? this.next;
    const first = Math.min(...heads.map(sinceOf));
    return heads.filter((head) => sinceOf(head) === first);
  }
}
