/**
 * What the broker promises about queues, leases, sessions and order, written as naively as can be:
 * arrays and Maps, every question answered by looking at everything. Imports nothing from `src/`.
 */
import * as assert from 'uvu/assert';
import { bestOf, type ModelSettings } from './model-templates.ts';
import { isReady, ModelTurns, toldState } from './model-turns.ts';
import type { ReceiptCode } from './rig.ts';

export interface ModelMessage {
  readonly id: number;
  readonly priority: number;
  readonly producedMs: number;
  readonly body: Buffer;
  readonly group: string | undefined;
  state: 'ready' | 'in flight' | 'delayed' | 'dead';
  /** Of the lease or delay. */
  dueMs: number;
  /** Not delivered from then on; infinity: no time to live. */
  expiresMs: number;
  token: number;
  /** Whose lease; undefined: nobody's, or detached. */
  session: string | undefined;
  deliveryCount: number;
  failureCount: number;
  /** The last ones. */
  failures: ModelFailure[];
}

export interface ModelFailure {
  readonly atMs: number;
  readonly reason: Way | 'timedOut';
  readonly consumer: string;
  readonly text: string;
}

/** How a delivery ends without an ack. */
export type Way = 'nacked' | 'released' | 'expired' | 'sessionLost';

interface End {
  readonly way: Way;
  readonly now: number;
  /** Undefined: as the queue says. */
  readonly delayMs?: number | undefined;
  readonly text?: string | undefined;
}

export interface ModelQueue {
  messages: ModelMessage[];
  visibilityMs: number;
  pausesProduce: boolean;
  pausesReceive: boolean;
  /** With so many failures a message is not delivered any more. */
  failuresMax: number;
  discards: boolean;
  /** Where what failed too often goes. */
  deadQueue: string | undefined;
  /** 0: none. */
  backoffMs: number;
  backoff: 'fixed' | 'linear' | 'exponential';
  backoffMsMax: number;
  /** Of what is produced without one. */
  timeToLiveMs: number;
  /** Past its time to live a message is dead, or goes. */
  keepsOverdue: boolean;
  deduplicationMs: number;
  /** Of what waits or is in flight; infinity: no limit. */
  messagesMax: number;
  bytesMax: number;
  /** Above that the oldest go, or what comes is refused. */
  dropsOldest: boolean;
  known: { key: string; id: number; untilMs: number }[];
  readonly counters: Record<Counter, number>;
}

export type Counter =
  | 'produced'
  | 'delivered'
  | 'acked'
  | 'nacked'
  | 'released'
  | 'extended'
  | 'expired'
  | 'sessionLost'
  | 'purged'
  | 'died'
  | 'discarded'
  | 'redriven'
  | 'moved'
  | 'deleted'
  | 'duplicates'
  | 'timedOut'
  | 'dropped';

/** A message as an operator saw it; undefined: nothing is said of that. */
export interface Seen {
  readonly id: number;
  readonly state: ModelMessage['state'] | 'held' | undefined;
  readonly deliveryCount: number | undefined;
}

export type SteerCode = 'ok' | 'GONE' | 'CHANGED';

export interface ModelTimes {
  readonly group?: string | undefined;
  readonly delayMs?: number;
  readonly notBeforeMs?: number;
  readonly timeToLiveMs?: number;
}

interface ModelSession {
  isConnected: boolean;
  disconnectedMs: number;
}

export interface ModelTaker {
  readonly queues: readonly string[];
  readonly session: string | undefined;
  readonly isSubscription: boolean;
  readonly visibilityMs: number;
  /** Infinity for a receive: it waits no more. */
  untilMs: number;
  messages: number;
  bytes: number;
}

type Receipt = readonly [id: number, token: number];

export const releaseAfterMs = 5_000;
const forgetMs = 600_000;
const failuresKept = 16;
const visibilityMsDefault = 30_000;
const deduplicationMsDefault = 300_000;

export function zeros(): Record<Counter, number> {
  return {
    produced: 0,
    delivered: 0,
    acked: 0,
    nacked: 0,
    released: 0,
    extended: 0,
    expired: 0,
    sessionLost: 0,
    purged: 0,
    died: 0,
    discarded: 0,
    redriven: 0,
    moved: 0,
    deleted: 0,
    duplicates: 0,
    timedOut: 0,
    dropped: 0,
  };
}

export class Model {
  readonly queues = new Map<string, ModelQueue>();
  readonly sessions = new Map<string, ModelSession>();
  readonly takers = new Map<number, ModelTaker>();
  readonly templates = new Map<string, ModelSettings>();
  nextId = 1;
  readonly turns = new ModelTurns();
  private readonly tokensSeen = new Set<number>();
  private readonly nameOf: (key: string) => string;
  private readonly spread: (most: number, id: number, deliveryCount: number) => number;

  /** The name of a session's client; and where in the upper half of `most` a wait lies. */
  constructor(nameOf: Model['nameOf'], spread: Model['spread']) {
    this.nameOf = nameOf;
    this.spread = spread;
  }

  queue(name: string): ModelQueue {
    const known = this.queues.get(name);
    if (known !== undefined) return known;
    const queue: ModelQueue = {
      messages: [],
      visibilityMs: visibilityMsDefault,
      pausesProduce: false,
      pausesReceive: false,
      failuresMax: Number.POSITIVE_INFINITY,
      discards: false,
      deadQueue: undefined,
      backoffMs: 0,
      backoff: 'fixed',
      backoffMsMax: Number.POSITIVE_INFINITY,
      timeToLiveMs: Number.POSITIVE_INFINITY,
      keepsOverdue: false,
      deduplicationMs: deduplicationMsDefault,
      messagesMax: Number.POSITIVE_INFINITY,
      bytesMax: Number.POSITIVE_INFINITY,
      dropsOldest: false,
      known: [],
      counters: zeros(),
    };
    this.queues.set(name, queue);
    const { deadQueue, ...settings } = bestOf(this.templates, name) ?? queue;
    Object.assign(queue, settings);
    if (deadQueue === undefined || this.leadsTo(deadQueue, name)) return queue;
    queue.deadQueue = deadQueue;
    this.queue(deadQueue);
    return queue;
  }

  /** Over however many queues, or round and round. */
  private leadsTo(from: string, name: string): boolean {
    const passed = [name];
    for (let at: string | undefined = from; at !== undefined; at = this.queues.get(at)?.deadQueue) {
      if (passed.includes(at)) return true;
      passed.push(at);
    }
    return false;
  }

  /** Returns the first ID, or the code of the refusal. */
  produce(
    name: string,
    bodies: readonly Buffer[],
    priority: number,
    times: ModelTimes,
    now: number,
  ) {
    const queue = this.queue(name);
    if (queue.pausesProduce) return 'PAUSED';
    const isLimited = queue.messagesMax < Infinity || queue.bytesMax < Infinity;
    if (isLimited && queue.dropsOldest && times.group !== undefined) return 'BAD_REQUEST';
    return makeRoom(queue, bodies) ? this.add(queue, bodies, priority, times, now) : 'QUEUE_FULL';
  }

  private add(
    queue: ModelQueue,
    bodies: readonly Buffer[],
    priority: number,
    { delayMs = 0, notBeforeMs = 0, timeToLiveMs, group }: ModelTimes,
    now: number,
  ): number {
    const dueMs = Math.max(now + delayMs, notBeforeMs);
    const first = this.nextId;
    for (const body of bodies) {
      queue.messages.push({
        id: this.nextId,
        priority,
        producedMs: now,
        body,
        group,
        state: dueMs > now ? 'delayed' : 'ready',
        dueMs,
        expiresMs: now + (timeToLiveMs ?? queue.timeToLiveMs),
        token: 0,
        session: undefined,
        deliveryCount: 0,
        failureCount: 0,
        failures: [],
      });
      this.nextId += 1;
    }
    queue.counters.produced += bodies.length;
    return first;
  }

  /** Messages with deduplication IDs: each one's ID, and whether it is a duplicate; or a refusal. */
  produceOnce(
    name: string,
    bodies: readonly Buffer[],
    keys: readonly (string | undefined)[],
    now: number,
  ) {
    const queue = this.queue(name);
    if (queue.pausesProduce) return 'PAUSED';
    const find = (key: string | undefined) =>
      queue.known.findLast((entry) => entry.key === key && entry.untilMs > now);
    const isNew = (key: string | undefined, at: number) =>
      key === undefined || (find(key) === undefined && keys.indexOf(key) === at);
    const fresh = bodies.filter((_, at) => isNew(keys[at], at));
    if (!makeRoom(queue, fresh)) return 'QUEUE_FULL';
    return bodies.map((body, at): [number, boolean] => {
      const key = keys[at];
      const known = find(key);
      queue.counters.duplicates += known === undefined ? 0 : 1;
      if (known !== undefined) return [known.id, true];
      const id = this.add(queue, [body], 0, {}, now);
      if (key !== undefined) queue.known.push({ key, id, untilMs: now + queue.deduplicationMs });
      return [id, false];
    });
  }

  /** Those without a group that may go now, in the order in which they go. */
  private readyIn(name: string, now: number): ModelMessage[] {
    const messages = this.queues.get(name)?.messages ?? [];
    const ready = messages.filter((one) => one.group === undefined && isReady(one, now));
    return ready.sort((a, b) => b.priority - a.priority || a.id - b.id);
  }

  hasFor(name: string, now: number): boolean {
    if (this.queues.get(name)?.pausesReceive !== false) return false;
    return this.readyIn(name, now).length > 0 || this.turns.headsIn(this, name, now).length > 0;
  }

  /** Whether this message may be the next one. Of groups that got their turns at once, any may. */
  private mayBeNext(name: string, message: ModelMessage, now: number): boolean {
    const [plain] = this.readyIn(name, now);
    const heads = this.turns.firstIn(this, name, now);
    if (message === plain) {
      // One that is overdue may stand in the line of turns still, and hide those behind it.
      const isHidden = this.queue(name).messages.some(
        (one) => one.group !== undefined && one.state === 'ready' && !isReady(one, now),
      );
      const isFirst = heads.length === 0 || heads.some(({ id }) => id > message.id);
      return message.priority > 0 || isFirst || isHidden;
    }
    if (!heads.includes(message)) return false;
    return plain === undefined || (plain.priority === 0 && message.id < plain.id);
  }

  /** Those that the rules found to be past their time while they delivered. */
  overdue(name: string, ids: readonly number[], isKept: boolean, now: number): void {
    const queue = this.queue(name);
    assert.is(isKept, queue.keepsOverdue);
    for (const id of ids) {
      const message = queue.messages.find((candidate) => candidate.id === id);
      assert.ok(message !== undefined && message.state === 'ready' && now >= message.expiresMs);
      timeOut(queue, message!, now);
    }
  }

  /** Hands out the first messages of a queue, under the tokens that the broker chose. */
  deliver(
    handle: number,
    name: string,
    receipts: readonly { readonly id: number; readonly token: number }[],
    now: number,
  ): ModelMessage[] {
    const taker = this.takers.get(handle)!;
    const queue = this.queue(name);
    const count = receipts.length;
    assert.ok(count > 0 && count <= Math.min(taker.messages, 512));
    const messages = receipts.map(({ id, token }) => this.handOut(name, taker, id, token, now));
    const bytes = messages.reduce((sum, { body }) => sum + body.length, 0);
    assert.ok(messages.length === 1 || bytes <= Math.min(taker.bytes, 256 * 1024));
    assert.not(queue.pausesReceive);
    queue.counters.delivered += messages.length;
    if (taker.isSubscription) {
      taker.messages -= messages.length;
      taker.bytes -= bytes;
    } else {
      this.takers.delete(handle);
    }
    return messages;
  }

  private handOut(
    name: string,
    taker: ModelTaker,
    id: number,
    token: number,
    now: number,
  ): ModelMessage {
    const queue = this.queue(name);
    const message = queue.messages.find((candidate) => candidate.id === id)!;
    assert.ok(message !== undefined && this.mayBeNext(name, message, now), `${id} is not next`);
    assert.not(this.tokensSeen.has(token), 'a token came twice');
    this.tokensSeen.add(token);
    message.state = 'in flight';
    message.token = token;
    message.session = taker.session;
    message.dueMs = now + (taker.visibilityMs || queue.visibilityMs);
    message.deliveryCount += 1;
    this.turns.update(this, now);
    return message;
  }

  settle(
    what: 'ack' | 'nack' | 'release' | 'extend' | 'ackCurrent',
    name: string,
    session: string | undefined,
    receipts: readonly Receipt[],
    ms: number | undefined,
    now: number,
    text = '',
  ): ReceiptCode[] {
    return receipts.map(([id, token]) => {
      const queue = this.queues.get(name);
      const message = queue?.messages.find((candidate) => candidate.id === id);
      if (queue === undefined || message === undefined) return 'GONE';
      if (now >= message.expiresMs) {
        timeOut(queue, message, now);
        if (!queue.keepsOverdue) return 'GONE';
        return what === 'ackCurrent' ? 'NOT_LEASED' : 'STALE_RECEIPT';
      }
      const isMine = message.session === undefined || message.session === session;
      const isLapsed = message.state === 'in flight' && now >= message.dueMs;
      if (isLapsed) {
        this.comeBack(queue, message, { way: 'expired', now });
        const isThere = queue.messages.includes(message);
        if (!isThere) return what === 'ackCurrent' ? 'NOT_LEASED' : 'STALE_RECEIPT';
      }
      const isInForce = message.state === 'in flight';
      if (what === 'ackCurrent') {
        if (!isInForce || message.session !== undefined) return 'NOT_LEASED';
      } else if (!isInForce || !isMine || message.token !== token) return 'STALE_RECEIPT';
      if (what === 'ack' || what === 'ackCurrent') {
        queue.messages = queue.messages.filter((other) => other !== message);
        queue.counters.acked += 1;
      } else if (what === 'nack') {
        this.comeBack(queue, message, { way: 'nacked', now, delayMs: ms, text });
      } else if (what === 'release') {
        this.comeBack(queue, message, { way: 'released', now });
      } else {
        queue.counters.extended += 1;
        message.dueMs = now + (ms || queue.visibilityMs);
      }
      return undefined;
    });
  }

  /** Everything that is due happens. Returns the takers that wait no more. */
  sweep(now: number): number[] {
    for (const queue of this.queues.values()) {
      for (const message of [...queue.messages]) {
        if (now >= message.expiresMs) {
          timeOut(queue, message, now);
          continue;
        }
        if (message.state === 'ready' || message.state === 'dead') continue;
        if (now < message.dueMs) continue;
        if (message.state === 'in flight') this.comeBack(queue, message, { way: 'expired', now });
        else message.state = 'ready';
      }
    }
    const late = [...this.takers].filter(([, { untilMs }]) => untilMs <= now);
    for (const [, taker] of late) taker.untilMs = Number.POSITIVE_INFINITY;
    for (const [key, session] of this.sessions) {
      if (session.isConnected) continue;
      if (now >= session.disconnectedMs + releaseAfterMs) this.returnAll(key, 'sessionLost', now);
      if (now >= session.disconnectedMs + forgetMs) this.sessions.delete(key);
    }
    return late.map(([handle]) => handle);
  }

  /** Returns whether the session was known. */
  connect(key: string): boolean {
    const isKnown = this.sessions.has(key);
    this.sessions.set(key, { isConnected: true, disconnectedMs: 0 });
    return isKnown;
  }

  /** Gives back what the client does not hold. */
  resume(key: string, held: ReadonlyMap<string, ReadonlyMap<number, number>>, now: number): void {
    this.returnAll(
      key,
      'released',
      now,
      (name, { id, token }) => held.get(name)?.get(id) === token,
    );
  }

  disconnect(key: string, now: number): void {
    this.sessions.set(key, { isConnected: false, disconnectedMs: now });
  }

  bye(key: string, now: number): void {
    this.returnAll(key, 'released', now);
    this.sessions.delete(key);
  }

  purge(name: string): number {
    const queue = this.queue(name);
    const count = queue.messages.length;
    queue.messages = [];
    queue.counters.purged += count;
    return count;
  }

  /** Dead messages among these, or all, to be ready in `to`. Returns how many. */
  redrive(name: string, to: string, ids: readonly number[] | undefined): number {
    const queue = this.queue(name);
    const dead = queue.messages.filter(({ state }) => state === 'dead');
    const wanted = dead.filter(({ id }) => ids === undefined || ids.includes(id));
    for (const message of wanted) this.move(name, to, message);
    queue.counters.redriven += wanted.length;
    return wanted.length;
  }

  /** Deletes messages, or moves them to a queue where one is named. */
  steer(name: string, to: string | undefined, seen: readonly Seen[], now: number): SteerCode[] {
    const queue = this.queue(name);
    return seen.map(({ id, state, deliveryCount }) => {
      const message = queue.messages.find((candidate) => candidate.id === id);
      if (message !== undefined && now >= message.expiresMs) timeOut(queue, message, now);
      if (message === undefined || !queue.messages.includes(message)) return 'GONE';
      const told = toldState(queue.messages, message);
      if (state !== undefined && state !== told) return 'CHANGED';
      if (deliveryCount !== undefined && deliveryCount !== message.deliveryCount) return 'CHANGED';
      if (to === undefined) {
        queue.messages = queue.messages.filter((other) => other !== message);
        queue.counters.deleted += 1;
        return 'ok';
      }
      if (message.state === 'in flight') return 'CHANGED';
      this.move(name, to, message);
      queue.counters.moved += 1;
      return 'ok';
    });
  }

  /** Returns how many messages went, and the takers that ended. */
  delete(name: string): { count: number; ended: number[] } {
    const count = this.queue(name).messages.length;
    this.queues.delete(name);
    const ended = [...this.takers].filter(([, { queues }]) => queues.includes(name));
    for (const [handle] of ended) this.takers.delete(handle);
    return { count, ended: ended.map(([handle]) => handle) };
  }

  /** The broker starts again: leases and sessions are still there, connections are not. */
  restart(now: number): void {
    this.takers.clear();
    for (const key of this.sessions.keys()) this.disconnect(key, now);
    for (const queue of this.queues.values()) Object.assign(queue.counters, zeros());
  }

  private returnAll(
    key: string,
    way: Way,
    now: number,
    keeps: (name: string, message: ModelMessage) => boolean = () => false,
  ): void {
    for (const [name, queue] of this.queues) {
      for (const message of [...queue.messages]) {
        if (message.session !== key || keeps(name, message)) continue;
        this.comeBack(queue, message, { way, now });
      }
    }
  }

  private comeBack(queue: ModelQueue, message: ModelMessage, end: End): void {
    const { way, now, text = '' } = end;
    queue.counters[way] += 1;
    const consumer = message.session === undefined ? '' : this.nameOf(message.session);
    message.state = 'ready';
    message.session = undefined;
    if (way === 'released') return;
    message.failureCount += 1;
    const failure = { atMs: now, reason: way, consumer, text };
    message.failures = [...message.failures, failure].slice(-failuresKept);
    if (message.failureCount >= queue.failuresMax) {
      this.die(queue, message);
      return;
    }
    const delayMs = end.delayMs ?? this.backOff(queue, message);
    if (delayMs === 0) return;
    message.state = 'delayed';
    message.dueMs = now + delayMs;
  }

  private die(queue: ModelQueue, message: ModelMessage): void {
    const name = [...this.queues].find(([, other]) => other === queue)![0];
    const target = queue.deadQueue;
    if (queue.discards) {
      queue.messages = queue.messages.filter((other) => other !== message);
      queue.counters.discarded += 1;
    } else if (target !== undefined && this.queues.has(target)) {
      this.move(name, target, message);
      queue.counters.moved += 1;
    } else {
      Object.assign(message, { state: 'dead', expiresMs: Number.POSITIVE_INFINITY });
      queue.counters.died += 1;
    }
  }

  private move(from: string, to: string, message: ModelMessage): void {
    const expiresMs = Number.POSITIVE_INFINITY;
    Object.assign(message, { state: 'ready', failureCount: 0, expiresMs });
    const queue = this.queue(from);
    queue.messages = queue.messages.filter((other) => other !== message);
    this.queue(to).messages.push(message);
  }

  private backOff(queue: ModelQueue, { id, failureCount, deliveryCount }: ModelMessage): number {
    const { backoff, backoffMs, backoffMsMax } = queue;
    if (backoff === 'fixed') return Math.min(backoffMs, backoffMsMax);
    if (backoff === 'linear') return Math.min(backoffMs * failureCount, backoffMsMax);
    let most = backoffMs;
    for (let failure = 1; failure < failureCount && most < backoffMsMax; failure += 1) most *= 2;
    most = Math.min(most, backoffMsMax);
    return most === 0 ? 0 : this.spread(most, id, deliveryCount);
  }
}

/** Lets the oldest of the lowest priority go where that helps. Returns whether there is room. */
function makeRoom(queue: ModelQueue, bodies: readonly Buffer[]): boolean {
  if (bodies.length === 0) return true;
  const bytesOf = (all: readonly Buffer[]) => all.reduce((sum, { length }) => sum + length, 0);
  const fits = (messages: readonly ModelMessage[]) =>
    messages.length + bodies.length <= queue.messagesMax &&
    bytesOf(messages.map(({ body }) => body)) + bytesOf(bodies) <= queue.bytesMax;
  let counted = queue.messages.filter(({ state }) => state !== 'dead');
  if (fits(counted)) return true;
  const hasGroups = queue.messages.some(({ group }) => group !== undefined);
  if (!queue.dropsOldest || hasGroups) return false;
  if (!fits(counted.filter(({ state }) => state === 'in flight'))) return false;
  const waiting = counted.filter(({ state }) => state !== 'in flight');
  waiting.sort((a, b) => a.priority - b.priority || a.id - b.id);
  while (!fits(counted)) {
    const oldest = waiting.shift()!;
    counted = counted.filter((message) => message !== oldest);
    queue.messages = queue.messages.filter((message) => message !== oldest);
    queue.counters.dropped += 1;
  }
  return true;
}

function timeOut(queue: ModelQueue, message: ModelMessage, atMs: number): void {
  const way = { atMs, reason: 'timedOut' as const, consumer: '', text: '' };
  message.failures = [...message.failures, way].slice(-failuresKept);
  message.state = 'dead';
  message.session = undefined;
  message.expiresMs = Number.POSITIVE_INFINITY;
  queue.counters.timedOut += 1;
  if (!queue.keepsOverdue) queue.messages = queue.messages.filter((other) => other !== message);
}
