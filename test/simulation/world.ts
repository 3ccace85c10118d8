/**
 * One seeded history: clients and a broker in a world with faults, then a time without faults in
 * which everything must come to rest. The oracle is asked all the way.
 */

import type { Reply } from '../../src/protocol/reply.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { type Conditions, drawConditions } from './conditions.ts';
import { Consumer } from './consumer.ts';
import { emptyHostCounts, Host, type HostCounts, type MakeLog, makeFileLog } from './host.ts';
import type { Link, LinkEnd } from './link.ts';
import { Operator, type QueueCounts } from './operator.ts';
import { Oracle, type OracleCounts } from './oracle.ts';
import { Violation } from './oracle-history.ts';
import { Producer } from './producer.ts';
import { Scheduler } from './scheduler.ts';
import { smallLimits } from './small-limits.ts';

/** Everything must have come to rest after so much virtual time without faults. */
const restMs = 120_000;

export interface WorldCounts {
  cutOffs: number;
  vanished: number;
  stalls: number;
  takeovers: number;
  byes: number;
  purges: number;
  settings: number;
  retries: number;
  retriesAnswered: number;
  retriesOfArrived: number;
  severalRuns: number;
}

const passing = new Set(['DRAINING', 'PAUSED', 'QUEUE_DELETED', 'QUEUE_NOT_FOUND', 'QUEUE_EXISTS']);

export type Counts = WorldCounts & HostCounts & OracleCounts;

export class World {
  readonly random: Random;
  readonly conditions: Conditions;
  readonly oracle: Oracle;
  readonly counts: WorldCounts;
  private readonly scheduler: Scheduler;
  private readonly host: Host;
  private readonly operator: Operator;
  private producers: Producer[] = [];
  private consumers: Consumer[] = [];
  private names = 0;
  private isChaos = true;
  private failure: unknown;

  constructor(seed: number, options: { makeLog?: MakeLog; print?: boolean } = {}) {
    this.random = seededRandom(seed);
    const conditions = drawConditions(this.random);
    this.conditions = conditions;
    this.scheduler = new Scheduler(this.random, options.print);
    this.counts = emptyWorldCounts();
    const isWeak = (queue: string) =>
      conditions.durability === 'write' || conditions.weakQueues.includes(queue);
    const settings = {
      releaseAfterMs: conditions.releaseAfterMs,
      sessionForgetMs: smallLimits.sessionForgetMs,
      isWeak,
      isSingleConsumer: conditions.isSingleConsumer,
    };
    this.oracle = new Oracle(settings, conditions);
    const makeLog = options.makeLog ?? makeFileLog;
    this.host = new Host(this.scheduler, conditions, emptyHostCounts(), makeLog);
    this.operator = new Operator(this, 'operator');
  }

  /** Throws a `Violation`, or what else went wrong. Returns how often what happened. */
  async run(): Promise<Counts> {
    const { conditions } = this;
    this.note(JSON.stringify(conditions));
    this.start();
    this.operator.makeWeakQueues();
    for (let count = 0; count < conditions.producers; count += 1) this.addProducer();
    for (let count = 0; count < conditions.consumers; count += 1) this.addConsumer(count);
    this.armFaults();
    await this.go(() => false, conditions.chaosMs);
    await this.rest();
    this.oracle.finish();
    this.host.check();
    this.host.end();
    return { ...this.counts, ...this.host.counts, ...this.oracle.counts };
  }

  get hash(): number {
    return this.scheduler.hash;
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  get events(): number {
    return this.scheduler.events;
  }

  note(line: string): void {
    this.scheduler.note(line);
  }

  after(ms: number, act: () => void): void {
    this.scheduler.after(ms, act);
  }

  connect(client: LinkEnd): Link | undefined {
    return this.host.connect(client);
  }

  /** A request was refused; only some reasons are right ones. */
  expectRefusal(reply: Reply): void {
    if (!passing.has(reply.code)) throw new Violation(`refused: ${reply.code}, ${reply.message}`);
  }

  private async go(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const held = await this.scheduler.run(() => this.failure !== undefined || isDone(), limitMs);
    if (this.failure !== undefined) throw this.failure;
    return held;
  }

  private start(): void {
    const { host, random, conditions } = this;
    host.start(
      () => this.oracle.started(host.beganMs),
      (error) => {
        this.failure ??= error;
      },
    );
    if (!this.isChaos || !random.chance(conditions.crashInStartChance)) return;
    const { life } = host;
    this.after(random.fraction() * 20 * conditions.syncMs, () => {
      if (this.isChaos && host.life === life && host.broker === undefined) this.crash('power');
    });
  }

  private crash(how: 'kill' | 'power'): void {
    const { life } = this.host;
    this.host.crash(how);
    this.oracle.stopped(how, life, this.nowMs);
    this.after(this.random.integer(0, 200), () => this.start());
  }

  /** At once, or in the middle of something that the disk does. */
  private strike(how: 'kill' | 'power'): void {
    const { host, random } = this;
    const crash = () => {
      if (this.isChaos && host.broker !== undefined) this.crash(how);
    };
    if (random.chance(0.4)) crash();
    else host.during(random.pick(['sync', 'sync', 'sync', 'syncDir', 'unlink', 'rename']), crash);
  }

  private stop(): void {
    const { life } = this.host;
    this.host.stop(() => {
      this.oracle.stopped('stop', life, this.nowMs);
      this.after(this.random.integer(0, 200), () => this.start());
    });
  }

  private addProducer(): void {
    this.producers.push(new Producer(this, `p${this.names++}`));
  }

  /** In its place among the consumers: with one for each queue it takes the queue of its number. */
  private addConsumer(place: number): void {
    const { random, conditions } = this;
    const { queues, isSingleConsumer } = conditions;
    const own = isSingleConsumer ? [queues[place]!] : random.shuffle(queues).slice(0, 8);
    this.consumers[place] = new Consumer(this, `c${this.names++}`, {
      queues: own,
      subscribes: random.chance(conditions.subscribeChance),
      detached: !isSingleConsumer && random.chance(conditions.detachedChance),
      isDraining: false,
    });
  }

  private armFaults(): void {
    const { conditions, random, counts } = this;
    const client = () => random.pick([...this.producers, ...this.consumers]).client;
    this.often(conditions.killMs, () => this.strike('kill'));
    this.often(conditions.powerMs, () => this.strike('power'));
    this.often(conditions.stopMs, () => this.ifUp(() => this.stop()));
    this.often(conditions.wallJumpMs, () => this.host.jumpWall(random.integer(-3600e3, 3600e3)));
    this.often(conditions.operatorMs, () => this.operator.interfere());
    this.often(conditions.cutOffMs, () => {
      counts.cutOffs += 1;
      client().cutOff();
    });
    this.often(conditions.stallMs, () => {
      counts.stalls += 1;
      client().stall(random.integer(10, 2000));
    });
    this.often(conditions.takeoverMs, () => client().takeOver());
    this.often(conditions.vanishMs, () => {
      counts.vanished += 1;
      this.replace((old) => old.vanish(random.chance(0.5)));
    });
    this.often(conditions.byeMs, () => {
      counts.byes += 1;
      this.replace((old) => old.bye());
    });
    this.often(150, () => this.host.check());
  }

  /** Ends a producer or a consumer and lets another take its place. */
  private replace(end: (old: Producer['client']) => void): void {
    const { random, conditions } = this;
    if (random.chance(0.4) || conditions.isSingleConsumer) {
      const place = random.integer(0, this.producers.length - 1);
      end(this.producers[place]!.client);
      this.producers.splice(place, 1);
      this.addProducer();
    } else {
      const place = random.integer(0, this.consumers.length - 1);
      end(this.consumers[place]!.client);
      this.addConsumer(place);
    }
  }

  /** Again and again while there is chaos, on average so often. */
  private often(meanMs: number, act: () => void): void {
    if (!Number.isFinite(meanMs)) return;
    this.after(meanMs * 2 * this.random.fraction(), () => {
      if (!this.isChaos) return;
      act();
      this.often(meanMs, act);
    });
  }

  private ifUp(act: () => void): void {
    if (this.host.broker !== undefined) act();
  }

  /** No faults any more: what is open is answered, everything is drained, the log shrinks. */
  private async rest(): Promise<void> {
    this.isChaos = false;
    this.note('rest');
    this.oracle.manyConsumers();
    for (const producer of this.producers) producer.stop();
    for (const consumer of this.consumers) consumer.stop();
    this.operator.resumeAll();
    const hasNoneOpen = () => this.producers.every(({ client }) => client.openCalls === 0);
    if (!(await this.go(hasNoneOpen, restMs))) throw new Violation('a produce got no answer');
    for (const queue of this.conditions.queues) {
      new Consumer(this, `drain-${queue}`, {
        queues: [queue],
        subscribes: false,
        detached: false,
        isDraining: true,
      });
    }
    let counts: readonly QueueCounts[] | undefined;
    const look = (): void => {
      this.operator.count((found) => {
        counts = found;
        this.after(50, look);
      });
    };
    look();
    const isEmpty = () => counts?.every((queue) => liveOf(queue) === 0) ?? false;
    if (!(await this.go(isEmpty, restMs))) {
      throw new Violation(`not drained: ${JSON.stringify(counts)}`);
    }
    const isSmall = () => this.host.broker !== undefined && this.host.segments <= 2;
    if (!(await this.go(isSmall, restMs))) {
      throw new Violation(`${this.host.segments} segments are left`);
    }
  }
}

function liveOf({ ready, inFlight, delayed }: QueueCounts): number {
  return ready + inFlight + delayed;
}

function emptyWorldCounts(): WorldCounts {
  return {
    cutOffs: 0,
    vanished: 0,
    stalls: 0,
    takeovers: 0,
    byes: 0,
    purges: 0,
    settings: 0,
    retries: 0,
    retriesAnswered: 0,
    retriesOfArrived: 0,
    severalRuns: 0,
  };
}
