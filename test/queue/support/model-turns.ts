/**
 * Message groups in the model: of each the first message that is not dead while none is in flight,
 * and since when it could be delivered. Imports nothing from `src/`.
 */
import type { Model, ModelMessage } from './model.ts';

interface Turn {
  readonly since: number;
  /** Its head went by itself: nobody knows whether one behind it held it up for a moment. */
  readonly isLoose: boolean;
  readonly head: ModelMessage;
}

/** Whether nothing but others before it keeps a message. */
export function isReady({ state, expiresMs }: ModelMessage, now: number): boolean {
  return state === 'ready' && now < expiresMs;
}

/** Whether it holds up those behind it: not dead, and not overdue where it could be delivered. */
function isWaiting(message: ModelMessage, now: number): boolean {
  return message.state === 'ready' ? isReady(message, now) : message.state !== 'dead';
}

function isOverdue(message: ModelMessage, now: number): boolean {
  return message.state === 'ready' && !isReady(message, now);
}

function heldIn({ queues }: Model, head: ModelMessage): boolean {
  return [...queues.values()].some(({ messages }) => messages.includes(head));
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
        const isThere = before !== undefined && messages.includes(before.head);
        const isKept = isThere && isWaiting(before.head, now);
        const keeps = isKept ? isReady(before.head, now) : this.wereReady.has(head);
        const since = before !== undefined && keeps ? before.since : this.next;
        const isLoose = before !== undefined && (before.isLoose || !isKept);
        turns.set(key, { since, isLoose, head });
      }
    }
    for (const [key, turn] of this.turns) {
      if (turns.has(key) || !isOverdue(turn.head, now)) continue;
      // It is to be ended still, and until then whoever comes behind it may have its turn.
      if (heldIn(model, turn.head)) turns.set(key, { ...turn, isLoose: true });
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
      const { group } = message;
      if (group === undefined || !isWaiting(message, now)) continue;
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
    const turnOf = ({ group }: ModelMessage) => this.turns.get(`${name} ${group}`);
    const sinceOf = (head: ModelMessage) => turnOf(head)?.since ?? this.next;
    const isLoose = (head: ModelMessage) => turnOf(head)?.isLoose === true;
    const first = Math.min(...heads.filter((head) => !isLoose(head)).map(sinceOf));
    return heads.filter((head) => isLoose(head) || sinceOf(head) === first);
  }
}
