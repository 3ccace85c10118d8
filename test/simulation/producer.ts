/**
 * A producer: sends messages, alone and in batches, now and later, to all queues, with some
 * requests open at a time. Each body is told from all others.
 */
import { ANSWER, DURABILITY } from '../../src/protocol/operations.ts';
import type { Reply } from '../../src/protocol/reply.ts';
import { writeProduce } from '../../src/protocol/requests.ts';
import { type Call, Client, type OpenCall } from './client.ts';
import type { Message } from './oracle-records.ts';
import type { World } from './world.ts';

const openMax = 8;
/** Longer than any history, also where clocks jump. */
const longLifeMs = 30 * 86_400_000;

export class Producer {
  readonly client: Client;
  private readonly world: World;
  private isStopped = false;
  private next = 1;

  constructor(world: World, name: string) {
    this.world = world;
    const hasSession = !world.random.chance(0.2);
    this.client = new Client(world, name, hasSession, { opened: () => {}, held: () => [] });
    this.goOn();
  }

  /** Sends nothing new. */
  stop(): void {
    this.isStopped = true;
  }

  private goOn(): void {
    const { world, client } = this;
    world.after(world.conditions.produceMs * 2 * world.random.fraction(), () => {
      if (this.isStopped || client.isOver) return;
      if (client.isOpen && client.openCalls < openMax && client.mayNumber) this.produce();
      this.goOn();
    });
  }

  /** To a random queue, unless one is given. */
  produce(given?: string, told = (_isConfirmed: boolean): void => {}): void {
    const { world, client } = this;
    const { random, conditions } = world;
    const count = random.chance(0.7) ? 1 : random.integer(1, conditions.batchMax);
    const times = this.times();
    const queue = given ?? random.pick(conditions.queues);
    const groups = this.groups(queue, count);
    const facts = {
      ...times,
      queue,
      bodies: Array.from({ length: count }, () => this.body(count)),
      priority: groups === undefined ? random.integer(0, conditions.priorities - 1) : 0,
      isWeak: random.chance(conditions.weakProduceChance),
      deduplicationIds: this.deduplicationIds(count),
      groups,
    };
    const messages = world.oracle.produceSent(facts, client.life, world.nowMs);
    const fields = {
      queue: facts.queue,
      priority: facts.priority,
      ...times,
      durability: facts.isWeak ? DURABILITY.write : DURABILITY.queue,
      messages: facts.bodies.map((body, at) => ({
        body: Buffer.from(body),
        deduplicationId: facts.deduplicationIds?.[at],
        group: groups?.[at],
      })),
    };
    const isTwice = client.session !== undefined && random.chance(conditions.twiceChance);
    let hasTold = false;
    const call: Call = {
      isSequenced: true,
      write: (writer, id, sequence) => writeProduce(writer, id, { ...fields, sequence }),
      answered: (reply, open) => {
        // One of the two may be refused, and the other not.
        if (isTwice && reply.operation === ANSWER.error) world.oracle.produceLost(messages);
        else this.answered(reply, open, messages, facts.isWeak);
        if (!hasTold) told(reply.operation !== ANSWER.error);
        hasTold = true;
      },
      resent: () => world.oracle.produceResent(messages, client.life, world.nowMs),
      lost: () => world.oracle.produceLost(messages),
    };
    const open = client.send(call);
    if (!isTwice) return;
    world.counts.sentTwice += 1;
    client.sendAgain(open);
  }

  /** Few enough that many come again, from this producer and from others. */
  private deduplicationIds(count: number): (string | undefined)[] | undefined {
    const { random, conditions } = this.world;
    if (!random.chance(conditions.onceChance)) return undefined;
    return Array.from({ length: count }, () =>
      random.chance(0.7) ? `order ${random.integer(1, 40)}` : undefined,
    );
  }

  /** A queue that drops the oldest takes none. */
  private groups(queue: string, count: number): (string | undefined)[] | undefined {
    const { random, conditions } = this.world;
    const { limits, limitedQueues, groupChance } = conditions;
    const mayDrop = limits.dropsOldest && limitedQueues.includes(queue);
    if (mayDrop || !random.chance(groupChance)) return undefined;
    return Array.from({ length: count }, () => random.pick(['east', 'west', 'north', undefined]));
  }

  private times() {
    const { client, world } = this;
    const { random, conditions } = world;
    const life = random.pick([random.integer(1, 200), random.integer(1, 2000), longLifeMs]);
    const timeToLiveMs = random.chance(conditions.lifeChance) ? life : undefined;
    if (random.chance(conditions.notBeforeChance)) {
      const lowMs = world.oracle.history.clock.low(client.life, world.nowMs);
      return { timeToLiveMs, notBeforeMs: Math.round(lowMs) + random.integer(1, 800) };
    }
    const isDelayed = random.chance(conditions.delayChance);
    return { timeToLiveMs, ...(isDelayed && { delayMs: random.integer(1, 800) }) };
  }

  private body(count: number): string {
    const { random, conditions } = this.world;
    const start = `${this.client.name}.${this.next++}:`;
    const bytesMax = count === 1 ? conditions.bodyBytesMax : conditions.bodyBytesMax / 4;
    return start.padEnd(random.integer(start.length, Math.max(start.length, bytesMax)), 'x');
  }

  private answered(
    reply: Reply,
    open: OpenCall,
    messages: readonly Message[],
    isWeak: boolean,
  ): void {
    const { world } = this;
    if (reply.operation === ANSWER.error) {
      world.note(`${this.client.name} is refused: ${reply.code}`);
      world.expectRefusal(reply);
      world.oracle.refused(messages, reply.code, open.sentMs, world.nowMs);
      return;
    }
    if (open.timesSent > 1 && messages[0]!.id !== undefined) world.counts.retriesOfArrived += 1;
    const { durability, duplicates } = reply;
    const ids = idsOf(reply.runs);
    const asked = { isWeak, sentMs: open.sentMs };
    if (reply.runs.length > 2 && duplicates === undefined) world.counts.severalRuns += 1;
    world.note(`${this.client.name} has ${ids.length} confirmed from ${ids[0]}`);
    const answer = { durability, duplicates, life: this.client.life };
    world.oracle.confirmed(messages, ids, asked, answer, world.nowMs);
  }
}

function idsOf(runs: readonly number[]): number[] {
  const ids: number[] = [];
  for (let at = 0; at < runs.length; at += 2) {
    for (let number = 0; number < runs[at + 1]!; number += 1) ids.push(runs[at]! + number);
  }
  return ids;
}
