/**
 * One seeded history: clients and a broker in a world with faults, then a time without faults in
 * which everything must come to rest. The oracle is asked all the way.
 */

import type { Reply } from '../../src/protocol/reply.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { type Conditions, drawConditions, letters, type Part, parts } from './conditions.ts';
import { Consumer } from './consumer.ts';
import { diskFaults } from './disk-faults.ts';
import { Host, type MakeLog, makeFileLog } from './host.ts';
import { emptyHostCounts, type HostCounts } from './host-counts.ts';
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
  sentTwice: number;
  retriesAnswered: number;
  retriesOfArrived: number;
  severalRuns: number;
  unsubscribes: number;
  cancels: number;
  pings: number;
  redriven: number;
  shown: number;
  reasons: number;
}

/** The reserve is made again in that time, once there is room. */
const mendedMs = 3000;

const passing = new Set([
  'DRAINING',
  'PAUSED',
  'QUEUE_FULL',
  'QUEUE_DELETED',
  'QUEUE_NOT_FOUND',
  'QUEUE_EXISTS',
  'TEMPLATE_NOT_FOUND',
  'CANCELLED',
]);

/** A history that is smaller than that of its seed. */
export interface Reduction {
  readonly without: readonly Part[];
  /** Other chances under the same conditions; 0: those of the seed. */
  readonly luck: number;
  /** After so many the faults end, and all must come to rest. */
  readonly steps: number;
}

export const wholeHistory: Reduction = { without: [], luck: 0, steps: Number.POSITIVE_INFINITY };

export interface WorldOptions {
  readonly makeLog?: MakeLog;
  readonly print?: boolean;
  readonly reduction?: Reduction;
}

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
  private readonly steps: number;
  private names = 0;
  private isChaos = true;
  private failure: unknown;

  constructor(seed: number, options: WorldOptions = {}) {
    const { without, luck, steps } = options.reduction ?? wholeHistory;
    const drawn = seededRandom(seed);
    const left = without.map((part) => parts[part]);
    const conditions: Conditions = Object.assign(drawConditions(drawn), ...left);
    this.random = luck === 0 ? drawn : seededRandom(seed + luck * 2 ** 32);
    this.steps = steps;
    this.conditions = conditions;
    this.scheduler = new Scheduler(this.random, options.print);
    this.counts = emptyWorldCounts();
    const isWeak = (queue: string) =>
      conditions.durability === 'write' || conditions.weakQueues.includes(queue);
    const settings = {
      releaseAfterMs: conditions.releaseAfterMs,
      sessionForgetMs: smallLimits.sessionForgetMs,
      slackMs: slackMsOf(conditions),
      isWeak,
      isSingleConsumer: conditions.isSingleConsumer,
      mortalQueues: conditions.mortalQueues,
      letters: conditions.hasLetters ? letters : undefined,
      windowsOf: (queue: string) => windowsOf(conditions, queue),
      limitsOf: (queue: string) =>
        conditions.limitedQueues.includes(queue) ? conditions.limits : undefined,
      // A frame of one message is never in slices.
      besidesMax: conditions.batchMax === 1 ? 0 : (conditions.producers + 4) * conditions.batchMax,
      wholeMessagesMax: smallLimits.turnMessagesMax,
      // A frame has more than its bodies.
      wholeBytesMax: smallLimits.turnBytesMax / 2,
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
    this.operator.makeQueues();
    for (let count = 0; count < conditions.producers; count += 1) this.addProducer();
    const consumers = conditions.consumers + (conditions.hasLetters ? 1 : 0);
    for (let count = 0; count < consumers; count += 1) this.addConsumer(count);
    this.armFaults();
    await this.go(() => this.events >= this.steps, conditions.chaosMs);
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

  /** When the broker hears of what is sent now. */
  get awakeMs(): number {
    return this.host.awakeMs;
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
    const isRight = passing.has(reply.code) || (reply.code === 'DISK_FULL' && this.host.wasFull);
    if (!isRight) throw new Violation(`refused: ${reply.code}, ${reply.message}`);
  }

  private async go(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const held = await this.scheduler.run(() => this.failure !== undefined || isDone(), limitMs);
    if (this.failure !== undefined) throw this.failure;
    return held;
  }

  private start(): void {
    const { host, random, conditions } = this;
    if (this.isChaos && random.chance(conditions.rotChance)) {
      host.judgeRot().catch((error: unknown) => {
        this.failure ??= error;
      });
    }
    host.start({
      listening: () => this.oracle.started(host.life, host.beganMs, this.nowMs),
      over: (how) => this.lifeIsOver(how === 'stopped' ? 'stop' : 'kill'),
      wrong: (error) => {
        this.failure ??= error;
      },
    });
    if (!this.isChaos) return;
    if (random.chance(conditions.faultInStartChance)) host.breakDisk(random.pick(diskFaults));
    if (random.chance(conditions.crashInStartChance)) this.strikeStart();
  }

  /** At some time after it began, or in the middle of something that the disk does. */
  private strikeStart(): void {
    const { host, random, conditions } = this;
    const { life } = host;
    const crash = () => {
      if (!this.isChaos || host.life !== life || host.broker !== undefined) return;
      this.crash(random.pick(['kill', 'power', 'power']));
    };
    if (random.chance(0.5)) host.crashDuring('start', crash);
    else this.after(random.fraction() * 20 * conditions.syncMs, crash);
  }

  private crash(how: 'kill' | 'power'): void {
    this.host.crash(how);
    this.lifeIsOver(how);
  }

  /** The host counts on: the life that is over is the one before. */
  private lifeIsOver(how: 'kill' | 'power' | 'stop'): void {
    const { host, oracle } = this;
    // What a failed sync left of what was told at `write` is what a power cut leaves.
    oracle.stopped(host.hasFalsePages ? 'power' : how, host.life - 1, this.nowMs);
    this.after(this.random.integer(0, 200), () => this.start());
  }

  /** At once, or in the middle of something that the disk does. */
  private strike(how: 'kill' | 'power'): void {
    const { host, random } = this;
    const crash = () => {
      if (this.isChaos && host.broker !== undefined) this.crash(how);
    };
    if (random.chance(0.4)) crash();
    else host.crashDuring('serving', crash);
  }

  /** Another broker takes the directory; this one goes on until it sees that, or is killed. */
  private loseDirectory(): void {
    const { host, oracle, random } = this;
    const { life } = host;
    if (host.broker === undefined) return;
    if (random.chance(0.3)) this.pause();
    if (!host.loseDirectory()) return;
    oracle.history.lostDirectory(life, this.nowMs);
    this.after(random.integer(200, 3000), () => {
      if (host.life === life) this.crash('kill');
    });
  }

  /** The process is stopped and goes on: nothing is delivered meanwhile. */
  private pause(): void {
    const { host, oracle, random } = this;
    if (host.broker === undefined) return;
    const untilMs = host.pauseFor(random.pick([20, 300, 1500, 3000]) * random.fraction());
    oracle.paused(this.nowMs, untilMs);
  }

  private fillDisk(): void {
    const { host, random, conditions } = this;
    const forMs = random.integer(50, 1500);
    host.fillDisk(random.integer(0, 2 * conditions.segmentBytes));
    this.oracle.liveness.hindered(this.nowMs + forMs + mendedMs);
    this.after(forMs, () => host.mendDisk());
  }

  /** Sometimes an operator asks for something while the broker stops. */
  private stop(): void {
    const { host, operator, conditions } = this;
    if (Number.isFinite(conditions.operatorMs)) operator.interfere();
    host.stop();
  }

  private addProducer(): void {
    this.producers.push(new Producer(this, `p${this.names++}`));
  }

  /** In its place among the consumers: with one for each queue it takes the queue of its number. */
  private addConsumer(place: number): void {
    const { random, conditions } = this;
    const { queues, isSingleConsumer } = conditions;
    const some = isSingleConsumer ? [queues[place]!] : random.shuffle(queues).slice(0, 8);
    const own = place === conditions.consumers ? [letters] : some;
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
    this.often(conditions.stopMs, () => this.stop());
    this.often(conditions.diskFaultMs, () => this.host.breakDisk(random.pick(diskFaults)));
    this.often(conditions.fullDiskMs, () => this.fillDisk());
    this.often(conditions.fenceMs, () => this.loseDirectory());
    this.often(conditions.pauseMs, () => this.pause());
    this.often(conditions.wallJumpMs, () => this.host.jumpWall(random.integer(-3600e3, 3600e3)));
    this.often(conditions.operatorMs, () => this.operator.interfere());
    this.often(conditions.steerMs, () => this.operator.steerSome());
    this.often(conditions.cutOffMs, () => {
      counts.cutOffs += 1;
      client().cutOff();
    });
    this.often(conditions.stallMs, () => {
      counts.stalls += 1;
      const forMs = random.integer(10, 2000);
      this.oracle.liveness.hindered(this.nowMs + forMs);
      client().stall(forMs);
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

  /** No faults any more: what is open is answered, everything is drained, the log shrinks. */
  private async rest(): Promise<void> {
    const { host } = this;
    this.isChaos = false;
    this.note('rest');
    host.mendDisk();
    if (host.hasLostDirectory) this.crash('kill');
    this.oracle.manyConsumers();
    for (const producer of this.producers) producer.stop();
    for (const consumer of this.consumers) consumer.stop();
    this.operator.resumeAll();
    const hasNoneOpen = () => this.producers.every(({ client }) => client.openCalls === 0);
    if (!(await this.go(hasNoneOpen, restMs))) throw new Violation('a produce got no answer');
    this.oracle.liveness.calm(this.nowMs);
    const { queues, hasLetters } = this.conditions;
    for (const queue of hasLetters ? [...queues, letters] : queues) {
      new Consumer(this, `drain-${queue}`, {
        queues: [queue],
        subscribes: false,
        detached: false,
        isDraining: true,
      });
    }
    await this.drained();
    const isSmall = () => this.host.broker !== undefined && this.host.segments <= 2;
    if (!(await this.go(isSmall, restMs))) {
      throw new Violation(`${this.host.segments} segments are left`);
    }
    this.oracle.liveness.hindered(this.nowMs + restMs);
    await this.produceAgain();
    await this.drained();
  }

  private async drained(): Promise<void> {
    let counts: readonly QueueCounts[] | undefined;
    const isEmpty = () => counts?.every((queue) => liveOf(queue) === 0) ?? false;
    const look = (): void => {
      this.operator.count((found) => {
        counts = found;
        for (const { name, dead } of found) if (dead > 0) this.operator.redrive(name);
        if (!isEmpty()) this.after(50, look);
      });
    };
    look();
    if (!(await this.go(isEmpty, restMs))) {
      throw new Violation(`not drained: ${JSON.stringify(counts)}`);
    }
  }

  /** Whatever the disk went through, every queue takes a message again, as soon as it can. */
  private async produceAgain(): Promise<void> {
    const waiting = new Set(this.conditions.queues);
    const producer = new Producer(this, 'last');
    producer.stop();
    await this.go(() => producer.client.isOpen, restMs);
    const send = (queue: string): void =>
      producer.produce(queue, (isConfirmed) => {
        if (isConfirmed) waiting.delete(queue);
        else this.after(100, () => send(queue));
      });
    for (const queue of waiting) send(queue);
    if (!(await this.go(() => waiting.size === 0, restMs))) {
      throw new Violation(`refused for ever: ${[...waiting]}`);
    }
  }
}

/** A queue that is made again, or by its first message, has the usual one. */
function windowsOf({ mortalQueues, deduplicationMs }: Conditions, queue: string) {
  const usualMs = smallLimits.deduplicationMsDefault;
  const ownMs = mortalQueues.includes(queue) ? deduplicationMs : usualMs;
  return { leastMs: Math.min(ownMs, usualMs), mostMs: Math.max(ownMs, usualMs) };
}

/** Some operations of the disk, one after the other, and the way to the client in pieces. */
function slackMsOf({ slowChance, syncMs, readMs, latencyMs }: Conditions): number {
  const slowness = slowChance > 0 ? 30 : 1;
  return 50 + 4 * slowness * 1.8 * (syncMs + readMs) + 30 * latencyMs;
}

function liveOf({ ready, inFlight, delayed, dead }: QueueCounts): number {
  return ready + inFlight + delayed + dead;
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
    sentTwice: 0,
    retriesAnswered: 0,
    retriesOfArrived: 0,
    severalRuns: 0,
    unsubscribes: 0,
    cancels: 0,
    pings: 0,
    redriven: 0,
    shown: 0,
    reasons: 0,
  };
}
