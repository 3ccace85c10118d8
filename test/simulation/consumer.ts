/**
 * A consumer: asks for messages one answer at a time or subscribes, works a while, and then
 * acknowledges, gives back, asks for longer, or forgets, alone or many at once, on the way of the
 * next receive or by itself.
 */
import { limits } from '../../src/limits.ts';
import { ANSWER } from '../../src/protocol/operations.ts';
import type { Reply } from '../../src/protocol/reply.ts';
import {
  writeAck,
  writeAckCurrent,
  writeCancel,
  writeCredit,
  writeExtend,
  writeNack,
  writeReceive,
  writeRelease,
  writeSubscribe,
  writeUnsubscribe,
} from '../../src/protocol/requests.ts';
import { type Call, Client } from './client.ts';
import { Violation } from './oracle-history.ts';
import type { Taker } from './oracle-liveness.ts';
import type { Lease, Settle, SettleKind } from './oracle-records.ts';
import { groupedAs, groupsOf, groupsWith } from './receipt-groups.ts';
import type { World } from './world.ts';

const creditMax = 10;

export interface ConsumerOptions {
  readonly queues: readonly string[];
  readonly subscribes: boolean;
  readonly detached: boolean;
  /** Acknowledges everything at once, and never asks for longer than needed. */
  readonly isDraining: boolean;
}

export class Consumer {
  readonly client: Client;
  private readonly world: World;
  private readonly options: ConsumerOptions;
  private readonly held = new Set<Lease>();
  /** To be acknowledged with the next receive. */
  private readonly finished: Lease[] = [];
  private subscription: { readonly id: number; readonly taker: Taker } | undefined;
  /** Credit given and not used up, and when it was sent: a delivery is not made before. */
  private grants: { readonly sentMs: number; messages: number }[] = [];
  private subscribedMs = 0;
  private isWaiting = false;
  private isStopped = false;

  constructor(world: World, name: string, options: ConsumerOptions) {
    this.world = world;
    this.options = options;
    const hasSession = !options.detached || world.random.chance(0.5);
    this.client = new Client(world, name, hasSession, {
      opened: () => this.ask(),
      held: () => [...this.held].filter((lease) => lease.session !== undefined),
    });
  }

  /** Asks for nothing more. */
  stop(): void {
    this.isStopped = true;
    if (this.subscription !== undefined && this.client.isOpen) this.unsubscribe(this.subscription);
  }

  private ask(): void {
    if (this.isStopped || !this.client.isOpen) return;
    if (this.options.subscribes) this.subscribe();
    else this.receive();
  }

  private receive(): void {
    const { world, client, options } = this;
    if (this.isWaiting) return;
    if (!client.mayNumber) {
      this.askSoon();
      return;
    }
    this.isWaiting = true;
    const { random } = world;
    const acks = this.finished
      .splice(0, limits.receiveAcksMax)
      .filter(({ open }) => open === undefined);
    const visibilityMs = this.visibilityMs();
    const fields = {
      queues: world.conditions.isSingleConsumer ? options.queues : random.shuffle(options.queues),
      messagesMax: options.isDraining ? 30 : random.pick([1, 3, 30]),
      bytesMax: random.pick([0, 0, 500]),
      waitMs: options.isDraining ? 2000 : random.pick([0, 50, 700]),
      visibilityMs,
      detached: options.detached,
      acks: acks.length === 0 ? undefined : groupsOf(acks),
    };
    const settles = this.begin('ack', acks, 0);
    const groups = groupedAs(acks, settles);
    const taker = this.taker(fields.queues, visibilityMs);
    const call: Call = {
      isSequenced: acks.length > 0,
      write: (writer, id, sequence) => writeReceive(writer, id, { ...fields, sequence }),
      answered: (reply, open) => {
        this.isWaiting = false;
        world.oracle.liveness.answered(taker);
        if (reply.operation === ANSWER.deliveries) world.oracle.liveness.came(taker, world.nowMs);
        this.acknowledged(reply, groups);
        this.received(reply, { visibilityMs, atMs: open.sentMs });
        const isEmpty = reply.operation === ANSWER.deliveries && reply.deliveries.count === 0;
        if (isEmpty && fields.waitMs === 0) {
          world.oracle.deliveries.noneLeft(fields.queues[0]!, open.sentMs);
        }
        this.askSoon();
      },
      resent: () => {
        this.resent(settles);
        world.oracle.liveness.broken(taker, world.nowMs);
        taker.life = client.life;
        taker.sentMs = world.nowMs;
        world.oracle.liveness.asked(taker);
      },
      lost: () => {
        this.isWaiting = false;
        world.oracle.liveness.broken(taker, client.heardGoneMs);
        this.lost(settles);
      },
    };
    const { id } = client.send(call);
    if (fields.waitMs > 0 && random.chance(0.1)) this.cancelLater(id);
  }

  /** It may have its answer by then, or the connection may be another one. */
  private cancelLater(target: number): void {
    const { world, client } = this;
    world.after(world.random.integer(0, 100), () => {
      if (!client.isOpen || !client.isWaitingFor(target)) return;
      client.send({
        isSequenced: false,
        write: (writer, id) => writeCancel(writer, id, target),
        answered: (reply) => {
          if (reply.operation !== ANSWER.ok) throw new Violation(`no cancel: ${reply.code}`);
          world.counts.cancels += 1;
        },
        lost: () => {},
      });
    });
  }

  private taker(queues: readonly string[], visibilityMs: number | undefined): Taker {
    const { world, client, options } = this;
    const session = options.detached ? undefined : client.session;
    const taker = { queues, session, visibilityMs, life: client.life, sentMs: world.nowMs };
    world.oracle.liveness.asked(taker);
    return taker;
  }

  private unsubscribe({ id, taker }: { id: number; taker: Taker }): void {
    const { world, client } = this;
    const unsubscription: Call = {
      isSequenced: false,
      write: (writer, own) => writeUnsubscribe(writer, own, id),
      answered: (reply) => {
        if (reply.operation !== ANSWER.ok) throw new Violation(`no unsubscribe: ${reply.code}`);
        world.counts.unsubscribes += 1;
        client.end(id);
        world.oracle.liveness.answered(taker);
        this.subscription = undefined;
      },
      lost: () => {},
    };
    client.send(unsubscription);
  }

  private subscribe(): void {
    const { world, client, options } = this;
    const visibilityMs = this.visibilityMs();
    this.subscribedMs = world.nowMs;
    this.grants = [{ sentMs: world.nowMs, messages: creditMax }];
    const fields = {
      queues: options.queues,
      creditMessages: creditMax,
      creditBytes: world.random.pick([0, 3000]),
      visibilityMs,
      detached: options.detached,
    };
    const taker = this.taker(options.queues, visibilityMs);
    const call: Call = {
      isSequenced: false,
      isSubscription: true,
      write: (writer, id) => writeSubscribe(writer, id, fields),
      answered: (reply) => {
        if (reply.operation === ANSWER.deliveries) this.pushed(reply, visibilityMs);
        else if (reply.operation !== ANSWER.ok) this.ended(reply, taker);
      },
      lost: () => {
        this.subscription = undefined;
        world.oracle.liveness.broken(taker, client.heardGoneMs);
      },
    };
    this.subscription = { id: client.send(call).id, taker };
  }

  private ended(reply: Reply, taker: Taker): void {
    this.subscription = undefined;
    this.world.oracle.liveness.answered(taker);
    this.world.expectRefusal(reply);
    this.askSoon();
  }

  private pushed(reply: Reply, visibilityMs: number | undefined): void {
    const { count } = reply.deliveries;
    const bytes = this.received(reply, { visibilityMs, atMs: this.useCredit(count) });
    const { subscription, client, world } = this;
    if (subscription === undefined || this.isStopped) return;
    this.grants.push({ sentMs: world.nowMs, messages: count });
    client.sendPlain((writer) => writeCredit(writer, subscription.id, count, bytes));
  }

  /** Takes messages from what was granted first. Returns when the last of them was granted. */
  private useCredit(count: number): number {
    let left = count;
    let sentMs = 0;
    // Deliveries of several levels overtake each other: who used which credit is not known.
    if (this.isMixed) return this.subscribedMs;
    while (left > 0) {
      const grant = this.grants[0];
      if (grant === undefined) throw new Violation('more was pushed than there was credit for');
      const used = Math.min(left, grant.messages);
      grant.messages -= used;
      left -= used;
      sentMs = grant.sentMs;
      if (grant.messages === 0) this.grants.shift();
    }
    return sentMs;
  }

  private get isMixed(): boolean {
    const { weakQueues } = this.world.conditions;
    return this.options.queues.some((queue) => weakQueues.includes(queue));
  }

  private askSoon(): void {
    const { world } = this;
    if (this.isStopped) return;
    world.after(world.random.integer(1, 10), () => this.ask());
  }

  private visibilityMs(): number | undefined {
    const { random, conditions } = this.world;
    if (this.options.isDraining) return 5000;
    return random.chance(0.5) ? undefined : conditions.visibilityMs * random.pick([0.5, 1, 3]);
  }

  /** Returns the bytes of the bodies. */
  private received(
    reply: Reply,
    asked: { visibilityMs: number | undefined; atMs: number },
  ): number {
    const { world, client } = this;
    if (reply.operation !== ANSWER.deliveries) {
      world.expectRefusal(reply);
      return 0;
    }
    const { deliveries, visibilityMs } = reply;
    const leases: Lease[] = [];
    let bytes = 0;
    if (deliveries.count > 0) {
      const failureCount = Math.max(...deliveries.failureCounts.subarray(0, deliveries.count));
      const told = { visibilityMs, failureCount };
      world.oracle.settings.delivered(reply.queue!, asked, told, world.nowMs);
    }
    for (let at = 0; at < deliveries.count; at += 1) {
      const body = deliveries.body(at).toString();
      bytes += body.length;
      const facts = {
        life: client.life,
        queue: reply.queue!,
        id: deliveries.ids[at]!,
        token: deliveries.tokens[at]!,
        deliveryCount: deliveries.deliveryCounts[at]!,
        failureCount: deliveries.failureCounts[at]!,
        producedMs: deliveries.producedMs[at]!,
        priority: deliveries.priorities[at]!,
        body,
        visibilityMs,
        session: this.options.detached ? undefined : client.session,
        askedMs: asked.atMs,
      };
      world.note(`${client.name} gets ${facts.id}-${facts.token}, ${facts.deliveryCount}`);
      leases.push(world.oracle.deliveries.arrived(facts, world.nowMs));
    }
    world.oracle.deliveries.answered(asked.atMs, leases);
    for (const lease of leases) this.held.add(lease);
    if (leases.length > 0) this.work(leases);
    return bytes;
  }

  private work(leases: readonly Lease[]): void {
    const { world } = this;
    const { random, conditions } = world;
    if (this.options.isDraining) {
      this.settle('ack', leases, 0);
      return;
    }
    const together = random.chance(0.5);
    for (const group of together ? [leases] : leases.map((lease) => [lease])) {
      world.after(conditions.workMs * 2 * random.fraction(), () => this.finish(group));
    }
  }

  private finish(leases: readonly Lease[]): void {
    const { random, conditions } = this.world;
    const choice = random.fraction();
    if (!random.chance(conditions.failChance)) this.acknowledge(leases);
    else if (choice < 0.3) this.settle('nack', leases, random.pick([0, 0, 30, 300]));
    else if (choice < 0.5) this.settle('release', leases, 0);
    else if (choice < 0.8) this.extend(leases);
    // Else it is forgotten and runs down.
  }

  private acknowledge(leases: readonly Lease[]): void {
    if (this.options.subscribes || this.world.random.chance(0.6)) this.settle('ack', leases, 0);
    else this.finished.push(...leases);
  }

  private extend(leases: readonly Lease[]): void {
    const { world } = this;
    const ms = world.conditions.visibilityMs * world.random.pick([0.5, 2]);
    this.settle('extend', leases, ms);
    world.after(ms * 0.8, () => this.acknowledge(leases.filter((lease) => this.held.has(lease))));
  }

  private settle(kind: SettleKind, all: readonly Lease[], ms: number): void {
    const { client } = this;
    const leases = all.filter((lease) => lease.open === undefined);
    if (leases.length === 0 || !client.isOpen || !client.mayNumber) return;
    const isDetached = leases.every(({ session }) => session === undefined);
    const isById = kind === 'ack' && isDetached && this.world.random.chance(0.3);
    for (const { queue, receipts, of } of groupsWith(leases)) {
      const settles = this.begin(kind, of, ms, isById);
      const call: Call = {
        isSequenced: true,
        write: (writer, id, sequence) => {
          const fields = { queue, receipts, sequence };
          const ids = receipts.map((receipt) => receipt.id);
          if (isById) writeAckCurrent(writer, id, { queue, ids, sequence });
          else if (kind === 'ack') writeAck(writer, id, fields);
          else if (kind === 'nack')
            writeNack(writer, id, { ...fields, delayMs: ms, reason: `${ms}` });
          else if (kind === 'release') writeRelease(writer, id, fields);
          else writeExtend(writer, id, { ...fields, visibilityMs: ms });
        },
        answered: (reply) => this.settled(reply, settles),
        resent: () => this.resent(settles),
        lost: () => this.lost(settles),
      };
      client.send(call);
    }
  }

  private begin(kind: SettleKind, leases: readonly Lease[], ms: number, isById = false): Settle[] {
    const { world, client } = this;
    const { settles } = world.oracle;
    return leases.map((lease) => {
      return settles.sent(kind, lease, ms, world.nowMs, client.life, isById);
    });
  }

  private resent(settles: readonly Settle[]): void {
    const { world, client } = this;
    for (const settle of settles) world.oracle.settles.resent(settle, client.life, world.nowMs);
  }

  private lost(settles: readonly Settle[]): void {
    const { oracle, nowMs } = this.world;
    for (const settle of settles) oracle.settles.lost(settle, nowMs);
  }

  private settled(reply: Reply, settles: readonly Settle[]): void {
    const { world } = this;
    if (reply.operation === ANSWER.error) {
      world.expectRefusal(reply);
      for (const settle of settles) world.oracle.settles.undo(settle);
      return;
    }
    this.concluded(settles, reply.codes, reply.durability);
  }

  private acknowledged(reply: Reply, groups: readonly (readonly Settle[])[]): void {
    if (reply.operation === ANSWER.error) {
      // A receive that was cancelled or ended has acknowledged; one that was refused has not.
      this.lost(groups.flat());
      return;
    }
    for (const [at, settles] of groups.entries()) {
      this.concluded(settles, reply.groupCodes?.[at], undefined);
    }
  }

  private concluded(
    settles: readonly Settle[],
    codes: readonly (string | undefined)[] | undefined,
    durability: number | undefined,
  ): void {
    const { world, client } = this;
    for (const [at, settle] of settles.entries()) {
      const code = codes?.[at];
      const { settles: oracle } = world.oracle;
      if (code !== undefined || settle.kind !== 'extend') this.held.delete(settle.lease);
      world.note(`${client.name} ${settle.kind} ${settle.lease.id} ${code ?? 'done'}`);
      if (code === undefined) oracle.done(settle, durability, client.life, world.nowMs);
      else oracle.refused(settle, code, client.life, world.nowMs);
    }
  }
}
