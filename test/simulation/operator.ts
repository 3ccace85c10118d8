/**
 * An operator: makes, configures, pauses, purges and deletes queues and templates for them, deletes
 * and moves messages, one request after the other, and asks for counts.
 */
import { limits as bounds } from '../../src/limits.ts';
import { ANSWER } from '../../src/protocol/operations.ts';
import type { Reply } from '../../src/protocol/reply.ts';
import { writeAdminister } from '../../src/protocol/requests.ts';
import { type Call, Client } from './client.ts';
import { letters } from './conditions.ts';
import type { Shown } from './oracle-looks.ts';
import type { QueueDescription, SettingsChange, TemplateDescription } from './oracle-settings.ts';
import type { Seen, Steering } from './oracle-steering.ts';
import type { World } from './world.ts';

const destructive = new Set(['queue.purge', 'queue.delete']);
const reading = new Set([
  'queues',
  'queue.get',
  'templates',
  'stats',
  'messages',
  'message',
  'why',
]);

export interface QueueCounts extends QueueDescription {
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly dead: number;
}

type Done = (reply: Reply, askedMs: number) => void;

interface Asked {
  readonly verb: string;
  readonly args: Record<string, unknown>;
  readonly done: Done;
  /** The messages that it deletes or moves. */
  readonly seen: readonly Seen[];
}

export class Operator {
  readonly client: Client;
  private readonly world: World;
  private readonly waiting: Asked[] = [];
  private isBusy = false;

  constructor(world: World, name: string) {
    this.world = world;
    this.client = new Client(world, name, true, { opened: () => this.opened(), held: () => [] });
  }

  /** Makes the queues that confirm at `write`, and those in which messages die. */
  makeQueues(): void {
    const { conditions } = this.world;
    const { weakQueues, mortalQueues, failuresMax, hasLetters, backoffMs } = conditions;
    const { deduplicationMs, limitedQueues, limits } = conditions;
    const mortal = {
      failuresMax,
      deduplicationMs,
      whenFailed: 'dead',
      ...(hasLetters && { deadQueue: letters }),
      ...(backoffMs > 0 && { backoffMs, backoff: 'exponential', backoffMsMax: 8 * backoffMs }),
      ...(conditions.keepsOverdue && { whenExpired: 'dead' }),
    };
    const { messagesMax, bytesMax, dropsOldest } = limits;
    const limited = { messagesMax, bytesMax, ...(dropsOldest && { whenFull: 'dropOldest' }) };
    for (const queue of new Set([...weakQueues, ...mortalQueues, ...limitedQueues])) {
      const settings = {
        ...(limitedQueues.includes(queue) && limited),
        ...(weakQueues.includes(queue) && { durability: 'write' }),
        ...(mortalQueues.includes(queue) && mortal),
      };
      this.ask('queue.create', { queue, settings });
    }
  }

  redrive(queue: string): void {
    if (this.waiting.some(({ verb }) => verb === 'queue.redrive')) return;
    const { conditions, random } = this.world;
    const to = conditions.hasLetters && random.chance(0.3) ? letters : undefined;
    this.ask('queue.redrive', { queue, to }, (reply) => {
      this.world.counts.redriven += (reply.value as { redriven: number }).redriven;
    });
  }

  /** Does something to some queue. */
  interfere(): void {
    if (this.waiting.length > 0) return;
    const { random, conditions } = this.world;
    const queue = random.pick(conditions.queues);
    const choice = random.integer(0, 13);
    if (choice > 11) this.changeTemplate(queue);
    else if (choice === 11) this.look();
    else if (choice === 10) this.redrive(queue);
    else if (choice < 3) this.ask('queue.purge', { queue });
    else if (choice < 5) this.ask('queue.delete', { queue });
    else if (choice < 7) {
      const visibilityMs = conditions.visibilityMs * random.pick([1, 2]);
      this.ask('queue.configure', { queue, settings: { visibilityMs } });
    } else if (conditions.isSingleConsumer) this.ask('queue.get', { queue });
    else {
      const what = random.pick(['produce', 'receive', 'both']);
      this.ask('queue.pause', { queue, what });
      this.world.after(random.integer(0, 600), () => this.ask('queue.resume', { queue }));
    }
  }

  /** One for all queues, or one for this queue, which may begin anew with it. */
  private changeTemplate(queue: string): void {
    const { random, conditions } = this.world;
    const pattern = random.pick(['queue-*', queue]);
    if (random.chance(0.3)) this.ask('template.delete', { pattern });
    else {
      const visibilityMs = conditions.visibilityMs * random.pick([1, 2, 3]);
      this.ask('template.set', { pattern, settings: { visibilityMs } });
    }
    if (random.chance(0.4)) this.ask('queue.delete', { queue });
  }

  /** Lets all queues go on. */
  resumeAll(): void {
    for (const queue of this.world.conditions.queues) this.ask('queue.resume', { queue });
  }

  /** Looks at the broker's figures, or at a queue. */
  private look(): void {
    const { random, conditions } = this.world;
    const queue = random.pick(conditions.queues);
    if (random.chance(0.2)) this.readTemplates();
    else if (random.chance(0.25)) this.ask('stats', { queues: false });
    else if (random.chance(0.3)) this.askWhy(queue);
    else this.browse(queue, random.integer(0, 2));
  }

  /** A page, and as many more as are wanted; then one message of the last page by itself. */
  private browse(queue: string, more: number, after?: string): void {
    const bodyBytes = bounds.bodyBytesMax;
    this.ask('messages', { queue, bodyBytes, after, limit: 10 }, ({ value }, askedMs) => {
      const { messages, next } = value as { messages: Shown[]; next: string | null };
      this.shown(queue, messages, askedMs);
      const last = messages.at(-1);
      if (next !== null && more > 0) this.browse(queue, more - 1, next);
      else if (last !== undefined) this.showOne(queue, last.id);
    });
  }

  /** Looks at messages, and deletes some or moves them to where dead letters go; as they were seen. */
  steerSome(): void {
    if (this.waiting.length > 0) return;
    const { random, conditions } = this.world;
    const { hasLetters, mortalQueues, queues } = conditions;
    const queue = random.pick(hasLetters && mortalQueues.length > 0 ? mortalQueues : queues);
    const state = random.pick([undefined, 'ready', 'ready', 'delayed', 'dead']);
    const args = { queue, state, bodyBytes: bounds.bodyBytesMax, limit: 10 };
    this.ask('messages', args, ({ value }, askedMs) => {
      const { messages } = value as { messages: Shown[] };
      this.shown(queue, messages, askedMs);
      this.steer(queue, messages);
    });
  }

  private steer(queue: string, messages: readonly Shown[]): void {
    const { world } = this;
    const { conditions, random } = world;
    const shown = messages.filter(({ body }) => body !== undefined && random.chance(0.5));
    if (shown.length === 0) return;
    const mayMove = conditions.hasLetters && conditions.mortalQueues.includes(queue);
    const isMove = mayMove && random.chance(0.7);
    const seen = shown.map(({ id, body, deliveryCount }) => {
      const message = world.oracle.history.messages.get(body!.toString())!;
      return { message, id, deliveryCount: random.chance(0.6) ? deliveryCount : undefined };
    });
    const args = {
      queue,
      ids: seen.map(({ id }) => id),
      states: shown.map(({ state }) => (random.chance(0.3) ? state : null)),
      deliveryCounts: seen.map(({ deliveryCount }) => deliveryCount),
      ...(isMove && { to: letters }),
    };
    this.ask(isMove ? 'message.move' : 'message.delete', args, undefined, seen);
  }

  private showOne(queue: string, id: number): void {
    this.ask('message', { queue, id }, ({ value }, askedMs) => {
      this.shown(queue, [value as Shown], askedMs);
    });
  }

  private shown(queue: string, messages: readonly Shown[], askedMs: number): void {
    const { world, client } = this;
    world.oracle.shown({ queue, messages, askedMs, life: client.life }, world.nowMs);
    world.counts.shown += messages.length;
  }

  private readTemplates(): void {
    this.ask('templates', {}, ({ value }) => {
      const { templates } = value as { templates: TemplateDescription[] };
      this.world.oracle.settings.templatesRead(templates);
    });
  }

  private askWhy(queue: string): void {
    this.ask('why', { queue }, (reply) => {
      this.world.counts.reasons += (reply.value as { reasons: object[] }).reasons.length;
    });
  }

  count(done: (counts: readonly QueueCounts[]) => void): void {
    this.ask('queues', { limit: 100 }, (reply) => {
      done((reply.value as { queues: QueueCounts[] }).queues);
    });
  }

  /** After each break, as after each restart, it looks at some queue. */
  private opened(): void {
    const { random, conditions } = this.world;
    this.ask('queue.get', { queue: random.pick(conditions.queues) });
    if (random.chance(0.5)) this.look();
  }

  private ask(
    verb: string,
    args: Record<string, unknown>,
    done: Done = () => {},
    seen: readonly Seen[] = [],
  ): void {
    this.waiting.push({ verb, args, done, seen });
    this.goOn();
  }

  private goOn(): void {
    const { client, world } = this;
    const { oracle } = world;
    const next = this.waiting[0];
    if (next === undefined || this.isBusy || !client.isOpen) return;
    const { verb, args } = next;
    const queue = args.queue as string;
    const isReading = reading.has(verb);
    const change = { verb, ...args } as unknown as SettingsChange;
    if (!isReading) oracle.settings.sent(change, world.nowMs);
    const purge = destructive.has(verb) ? oracle.purgeSent(queue) : undefined;
    const isMove = verb === 'message.move';
    const steering = oracle.steering.sent(isMove, next.seen, world.nowMs);
    const isDeleting = verb === 'queue.delete';
    if (isDeleting) oracle.deduplication.deletionSent(queue);
    this.isBusy = true;
    const call: Call = {
      isSequenced: !isReading,
      write: (writer, id, sequence) =>
        writeAdminister(writer, id, { verb, arguments: args, sequence }),
      answered: (reply, open) => {
        const code = reply.operation === ANSWER.ok ? undefined : reply.code;
        world.note(`operator: ${verb} ${queue ?? args.pattern} ${code ?? 'done'}`);
        const isGone = verb === 'message' && code === 'GONE';
        if (code !== undefined && !isGone) world.expectRefusal(reply);
        if (!isReading) oracle.settings.answered(change, code, world.nowMs);
        if (purge !== undefined) oracle.purged(purge, code === undefined, world.nowMs);
        if (isDeleting) oracle.deduplication.deletionOver(queue, world.nowMs);
        this.steered(steering, reply);
        world.counts[purge === undefined ? 'settings' : 'purges'] += 1;
        if (code === undefined) this.read(reply, open.sentMs);
        this.isBusy = false;
        this.waiting.shift();
        if (code === undefined) next.done(reply, open.sentMs);
        this.goOn();
      },
      // Asked again when the next connection is open; a purge may have happened.
      lost: () => {
        if (purge !== undefined) oracle.purgeLost(purge, world.nowMs);
        oracle.steering.lost(steering, world.nowMs);
        if (isDeleting) oracle.deduplication.deletionOver(queue, world.nowMs);
        this.isBusy = false;
        this.goOn();
      },
    };
    client.send(call);
  }

  private steered(steering: Steering, reply: Reply): void {
    const { oracle, nowMs } = this.world;
    if (reply.operation !== ANSWER.ok) {
      oracle.steering.undo(steering);
      return;
    }
    const { refused = [] } = reply.value as { refused?: { id: number; code: string }[] };
    const codes = new Map(refused.map(({ id, code }) => [id, code]));
    oracle.steering.answered(steering, codes, this.client.life, nowMs);
  }

  private read(reply: Reply, askedMs: number): void {
    const { oracle, nowMs } = this.world;
    const value = reply.value as QueueCounts & { queues?: QueueCounts[] };
    const described = value.queues ?? (value.settings === undefined ? [] : [value]);
    for (const queue of described) {
      oracle.settings.read(queue, askedMs, nowMs);
      oracle.limits.told(queue);
    }
  }
}
