/**
 * An operator: makes, configures, pauses, purges and deletes queues, one request after the other,
 * and asks for their counts.
 */
import { ANSWER } from '../../src/protocol/operations.ts';
import type { Reply } from '../../src/protocol/reply.ts';
import { writeAdminister } from '../../src/protocol/requests.ts';
import { type Call, Client } from './client.ts';
import type { World } from './world.ts';

export interface QueueCounts {
  readonly name: string;
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
}

type Done = (reply: Reply) => void;

export class Operator {
  readonly client: Client;
  private readonly world: World;
  private readonly waiting: { verb: string; args: Record<string, unknown>; done: Done }[] = [];
  private isBusy = false;

  constructor(world: World, name: string) {
    this.world = world;
    this.client = new Client(world, name, true, { opened: () => this.goOn(), held: () => [] });
  }

  /** Makes the queues that confirm at `write`. */
  makeWeakQueues(): void {
    for (const queue of this.world.conditions.weakQueues) {
      this.ask('queue.create', { queue, settings: { durability: 'write' } });
    }
  }

  /** Does something to some queue. */
  interfere(): void {
    if (this.waiting.length > 0) return;
    const { random, conditions } = this.world;
    const queue = random.pick(conditions.queues);
    const choice = random.integer(0, 9);
    if (choice < 3) this.destroy('queue.purge', queue);
    else if (choice < 5) this.destroy('queue.delete', queue);
    else if (choice < 7) {
      const visibilityMs = conditions.visibilityMs * random.pick([1, 2]);
      this.ask('queue.configure', { queue, settings: { visibilityMs } });
    } else if (conditions.isSingleConsumer) this.ask('queue.get', { queue });
    else {
      const what = random.pick(['produce', 'receive', 'both']);
      this.ask('queue.pause', { queue, what });
      this.ask('queue.resume', { queue });
    }
  }

  /** Lets all queues go on. */
  resumeAll(): void {
    for (const queue of this.world.conditions.queues) this.ask('queue.resume', { queue });
  }

  count(done: (counts: readonly QueueCounts[]) => void): void {
    this.ask('queues', { limit: 100 }, (reply) => {
      done((reply.value as { queues: QueueCounts[] }).queues);
    });
  }

  private destroy(verb: 'queue.purge' | 'queue.delete', queue: string): void {
    this.ask(verb, { queue });
  }

  private ask(verb: string, args: Record<string, unknown>, done: Done = () => {}): void {
    this.waiting.push({ verb, args, done });
    this.goOn();
  }

  private goOn(): void {
    const { client, world } = this;
    const next = this.waiting[0];
    if (next === undefined || this.isBusy || !client.isOpen) return;
    const { verb, args } = next;
    const isDestructive = verb === 'queue.purge' || verb === 'queue.delete';
    const purge = isDestructive
      ? world.oracle.purgeSent(args.queue as string, world.nowMs)
      : undefined;
    this.isBusy = true;
    const call: Call = {
      isSequenced: verb !== 'queues' && verb !== 'queue.get',
      write: (writer, id, sequence) =>
        writeAdminister(writer, id, { verb, arguments: args, sequence }),
      answered: (reply) => {
        const isDone = reply.operation === ANSWER.ok;
        world.note(`operator: ${verb} ${args.queue} ${isDone ? 'done' : reply.code}`);
        if (!isDone) world.expectRefusal(reply);
        const isWeak = world.conditions.durability === 'write';
        if (purge !== undefined)
          world.oracle.purged(purge, isDone, isWeak, client.life, world.nowMs);
        world.counts[isDestructive ? 'purges' : 'settings'] += 1;
        this.isBusy = false;
        this.waiting.shift();
        if (isDone) next.done(reply);
        this.goOn();
      },
      // Asked again when the next connection is open; a purge may have happened.
      lost: () => {
        this.isBusy = false;
        this.goOn();
      },
    };
    client.send(call);
  }
}
