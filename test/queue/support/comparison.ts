/**
 * The rules and the model side by side: every request is made of both and the outcomes compared; what
 * the rules hand out is checked against what the model allows, at the moment when it is handed out.
 */

import * as assert from 'uvu/assert';
import { WonderqError } from '../../../src/errors.ts';
import { backOffMs } from '../../../src/queue/back-off.ts';
import {
  connectSession,
  disconnectSession,
  endSession,
  resumeSession,
} from '../../../src/queue/connect.ts';
import { joinLine } from '../../../src/queue/deliver.ts';
import { expire } from '../../../src/queue/expire.ts';
import { checkInvariants } from '../../../src/queue/invariants.ts';
import { DIED_EXPIRED, SETTLED_EXPIRED } from '../../../src/queue/journal.ts';
import { deleteQueue, purge } from '../../../src/queue/purge.ts';
import type { Queue, QueueSettings } from '../../../src/queue/queue.ts';
import { deadIds, redrive } from '../../../src/queue/redrive.ts';
import type { Session } from '../../../src/queue/session.ts';
import { deleteMessages, type Meant, moveMessages } from '../../../src/queue/steer.ts';
import type { Taker } from '../../../src/queue/taker.ts';
import { deleteTemplate, setTemplate } from '../../../src/queue/template.ts';
import {
  Model,
  type ModelMessage,
  type ModelQueue,
  type ModelTimes,
  releaseAfterMs,
  type Seen,
  type SteerCode,
} from './model.ts';
import { bestOf, type ModelSettings } from './model-templates.ts';
import { messagesOf } from './replayed.ts';
import {
  type Connection,
  type Delivered,
  producedBy,
  type Receipt,
  Rig,
  type TakeOptions,
} from './rig.ts';

/** A client's connection; without a key it has no session. */
export interface Client {
  readonly key: string | undefined;
  readonly session: Session | undefined;
  readonly connection: Connection;
}

/** A receipt that was handed out once, valid or not by now. */
export interface Handed {
  readonly queue: string;
  readonly receipt: Receipt;
  readonly key: string | undefined;
}

const waysByNumber = ['', 'nacked', 'released', 'expired', 'sessionLost', 'timedOut'];
const statesByNumber = ['gone', 'ready', 'in flight', 'delayed', 'unreadable', 'dead', 'held'];

export class Comparison {
  readonly rig = new Rig({ releaseAfterMs });
  model = new Model((key) => `of ${key}`, spread);
  clients: Client[] = [{ key: undefined, session: undefined, connection: { isBlocked: false } }];
  takers = new Map<number, Taker>();
  handed: Handed[] = [];
  readonly reached = new Map<string, number>();
  private isDispatching = false;

  constructor() {
    this.rig.onDelivered = (delivered) => this.checkDelivered(delivered);
    this.rig.onEmpty = (taker) => this.checkEmpty(taker);
  }

  note(path: string): void {
    this.reached.set(path, (this.reached.get(path) ?? 0) + 1);
  }

  produce(name: string, bodies: readonly Buffer[], priority: number, times: ModelTimes): void {
    const { rig, model } = this;
    this.noteTemplate(name);
    const expected = model.produce(name, bodies, priority, times, rig.nowMs);
    const actual = refusal(() => rig.produce(name, bodies, priority, times.delayMs, times));
    assert.is(actual, expected);
    this.noteFull(name, expected);
  }

  /** What limits did so far. */
  private noteFull(name: string, outcome: unknown): void {
    if (outcome === 'QUEUE_FULL') this.note('refused as full');
    if (this.model.queue(name).counters.dropped > 0) this.note('dropped');
  }

  produceOnce(
    name: string,
    bodies: readonly Buffer[],
    keys: readonly (string | undefined)[],
  ): void {
    const { rig, model } = this;
    const expected = model.produceOnce(name, bodies, keys, rig.nowMs);
    const actual = refusal(() => producedBy(rig.produceOnce(name, bodies, keys)));
    assert.equal(actual, expected);
    this.noteFull(name, expected);
    if (typeof expected === 'string') return;
    for (const [, isDuplicate] of expected)
      this.note(isDuplicate ? 'duplicate' : 'first of its ID');
  }

  take(client: Client, kind: 'receive' | 'subscribe', names: string[], options: TakeOptions): void {
    const { rig, model } = this;
    const isDetached = options.session === undefined;
    const taker = rig[kind](names, { ...options, connection: client.connection });
    this.takers.set(taker.requestId, taker);
    model.takers.set(taker.requestId, {
      queues: names,
      session: isDetached ? undefined : client.key,
      isSubscription: kind === 'subscribe',
      visibilityMs: options.visibilityMs ?? 0,
      untilMs: kind === 'subscribe' || !options.waitMs ? Infinity : rig.nowMs + options.waitMs,
      messages: taker.messages,
      bytes: taker.bytes,
    });
  }

  credit(handle: number, messages: number, bytes: number): void {
    const taker = this.takers.get(handle)!;
    const expected = this.model.takers.get(handle)!;
    taker.messages += messages;
    taker.bytes += bytes;
    expected.messages += messages;
    expected.bytes += bytes;
    joinLine(this.rig.state, taker);
  }

  leave(handle: number): void {
    this.rig.leave(this.takers.get(handle)!);
    this.takers.delete(handle);
    this.model.takers.delete(handle);
  }

  settle(
    what: 'ack' | 'nack' | 'release' | 'extend' | 'ackCurrent',
    name: string,
    client: Client,
    receipts: Receipt[],
    ms: number | undefined,
    text?: string,
  ): void {
    const { rig, model } = this;
    const { session, key } = client;
    const expected = model.settle(what, name, key, receipts, ms, rig.nowMs, text);
    let actual = expected;
    if (what === 'ack') actual = rig.ack(name, receipts, session);
    if (what === 'ackCurrent')
      actual = rig.ackCurrent(
        name,
        receipts.map(([id]) => id),
      );
    if (what === 'nack') actual = rig.nack(name, receipts, ms, session, text);
    if (what === 'release') actual = rig.release(name, receipts, session);
    if (what === 'extend') actual = rig.extend(name, receipts, ms ?? 0, session);
    assert.equal(actual, expected, `${what} of ${JSON.stringify(receipts)} in ${name}`);
    for (const code of expected) this.note(`${what} ${code ?? 'done'}`);
  }

  connect(key: string): Client {
    const before = this.clients.find((client) => client.key === key);
    if (before !== undefined) this.removeClient(before);
    const connection = { isBlocked: false };
    const { session, resumed } = connectSession(this.rig.state, key, `of ${key}`, connection);
    assert.is(resumed, this.model.connect(key));
    this.note(resumed ? 'resumed' : 'opened');
    const client = { key, session, connection };
    this.clients.push(client);
    return client;
  }

  resume(client: Client, held: ReadonlyMap<string, ReadonlyMap<number, number>>): void {
    resumeSession(this.rig.state, client.session!, held, this.rig.nowMs);
    this.model.resume(client.key!, held, this.rig.nowMs);
  }

  disconnect(client: Client): void {
    this.removeClient(client);
    disconnectSession(this.rig.state, client.session!, this.rig.nowMs);
    this.model.disconnect(client.key!, this.rig.nowMs);
  }

  bye(client: Client): void {
    this.removeClient(client);
    endSession(this.rig.state, client.session!, this.rig.nowMs);
    this.model.bye(client.key!, this.rig.nowMs);
  }

  purge(name: string): void {
    const queue = this.rig.state.existing(name);
    assert.is(queue !== undefined, this.model.queues.has(name));
    if (queue !== undefined) assert.is(purge(this.rig.state, queue), this.model.purge(name));
  }

  delete(name: string): void {
    const queue = this.rig.state.existing(name);
    if (queue === undefined) return;
    this.rig.ended.length = 0;
    const { count, ended } = this.model.delete(name);
    assert.is(deleteQueue(this.rig.state, queue), count);
    assert.equal(this.rig.ended.map(({ taker }) => taker.requestId).sort(byNumber), ended);
    for (const handle of ended) this.takers.delete(handle);
  }

  redrive(name: string, toName: string, ids?: readonly number[]): void {
    const { state } = this.rig;
    const queue = state.existing(name);
    const to = state.existing(toName);
    if (queue === undefined || to === undefined) return;
    const expected = this.model.redrive(name, toName, ids);
    assert.is(redrive(state, queue, to, ids ?? deadIds(queue, 1_000), 'ops').count, expected);
    if (expected > 0) this.note('redriven');
  }

  /** Deletes messages as they were seen, or moves them to another queue. */
  steer(name: string, toName: string | undefined, seen: readonly Seen[]): void {
    const { state, nowMs } = this.rig;
    const queue = state.existing(name);
    const to = toName === undefined ? undefined : state.existing(toName);
    if (queue === undefined || (toName !== undefined && to === undefined)) return;
    const expected = this.model.steer(name, toName, seen, nowMs);
    const meant = {
      ids: seen.map(({ id }) => id),
      states: seen.map((one) => one.state && statesByNumber.indexOf(one.state)),
      deliveryCounts: seen.map(({ deliveryCount }) => deliveryCount),
    } as Meant;
    const { count, refused } =
      to === undefined
        ? deleteMessages(state, queue, meant, 'ops', nowMs)
        : moveMessages(state, queue, to, meant, 'ops', nowMs);
    const codes: SteerCode[] = seen.map(() => 'ok');
    for (const { index, code } of refused) codes[index] = code as SteerCode;
    assert.equal(codes, expected);
    assert.is(count, expected.filter((code) => code === 'ok').length);
    for (const code of codes) this.note(`${to === undefined ? 'delete' : 'move'} ${code}`);
  }

  /** Sets what is paused, and settings, as `queue.configure` would. */
  configure(name: string, wanted: Omit<ModelQueue, 'messages' | 'counters' | 'known'>): void {
    const { state, recorder } = this.rig;
    const queue = state.existing(name);
    if (queue === undefined) return;
    const { pausesProduce, pausesReceive } = wanted;
    if (pausesProduce) queue.paused = pausesReceive ? 'both' : 'produce';
    else queue.paused = pausesReceive ? 'receive' : 'none';
    queue.settings = settingsOf(wanted);
    queue.position = recorder.queueSet(queue);
    state.changed.add(queue);
    Object.assign(this.model.queue(name), wanted);
  }

  setTemplate(pattern: string, wanted: ModelSettings): void {
    this.model.templates.set(pattern, wanted);
    const fitting = [...this.model.queues.keys()].filter((name) =>
      bestOf(new Map([[pattern, true]]), name),
    );
    assert.is(setTemplate(this.rig.state, pattern, settingsOf(wanted)), fitting.length);
  }

  deleteTemplate(pattern: string): void {
    const isThere = this.model.templates.delete(pattern);
    assert.is(deleteTemplate(this.rig.state, pattern), isThere);
  }

  private noteTemplate(name: string): void {
    const { templates, queues } = this.model;
    if (!queues.has(name) && bestOf(templates, name) !== undefined) this.note('made by a template');
  }

  /** One slice of what is due. */
  expire(): void {
    const { rig, model } = this;
    const isFreeing = rig.state.isFreeing;
    rig.empties.length = 0;
    const isMore = expire(rig.state, rig.nowMs);
    const late = isFreeing ? [] : model.sweep(rig.nowMs);
    assert.is(isMore, isFreeing);
    // They have their answer with the next dispatch, unless something is on its way to them.
    assert.is(rig.empties.length, 0);
    if (late.length > 0) this.note('gave up waiting');
  }

  expireAll(): void {
    while (this.rig.state.isFreeing) this.expire();
    this.expire();
  }

  dispatch(): void {
    this.isDispatching = true;
    const { length } = this.rig.recorder.facts;
    this.rig.dispatch();
    this.isDispatching = false;
    this.followOverdue(length);
    for (const [handle, { queues, messages, bytes, isSubscription }] of this.model.takers) {
      const taker = this.takers.get(handle)!;
      assert.equal([taker.messages, taker.bytes], [messages, bytes]);
      if (messages <= 0 || bytes <= 0 || !this.rig.canDeliver(taker)) continue;
      const starved = queues.find((name) => this.hasFor(name));
      assert.is(starved, undefined, `${handle} waits though ${starved} has messages`);
      const isWaiting = isSubscription || this.model.takers.get(handle)!.untilMs < Infinity;
      assert.ok(
        isWaiting || queues.some((name) => this.isFetching(name)),
        'an empty answer is due',
      );
    }
  }

  /** What was past its time when it was to be delivered ended there. */
  private followOverdue(from: number): void {
    const { state, recorder, nowMs } = this.rig;
    for (const fact of recorder.facts.slice(from)) {
      if (fact.kind !== 'settled' && fact.kind !== 'died') continue;
      const isKept = fact.kind === 'died';
      const reason = fact.kind === 'died' ? fact.how.reason : fact.reason;
      assert.is(reason, isKept ? DIED_EXPIRED : SETTLED_EXPIRED);
      this.model.overdue(state.queuesByNumber.get(fact.number)!.name, fact.ids, isKept, nowMs);
      this.note(isKept ? 'dead at delivery' : 'expired at delivery');
    }
  }

  restart(): void {
    this.rig.restart();
    this.model.restart(this.rig.nowMs);
    this.model.nextId = this.rig.state.nextId;
    this.model.turns.reset();
    this.takers.clear();
    this.clients = this.clients.filter(({ key }) => key === undefined);
  }

  /** Compares all messages and counts. */
  compare(): void {
    const { state, recorder } = this.rig;
    checkInvariants(state);
    let bytes = 0;
    for (const lane of state.retired) {
      for (const chunk of lane.chunks) bytes += lengthOfLive(chunk);
    }
    assert.equal([...state.queuesByNumber.values()].map(({ name }) => name).sort(), [
      ...[...this.model.queues.keys()].sort(),
    ]);
    for (const [name, { messages, counters, known }] of this.model.queues) {
      const queue = state.required(name);
      bytes += queue.bytes;
      assert.equal(queue.counters, counters);
      assert.is(queue.settings.deadQueue, this.model.queue(name).deadQueue);
      const count = (wanted: string) => messages.filter(({ state }) => state === wanted).length;
      assert.is(queue.ready + queue.held, count('ready'));
      assert.is(queue.inFlight, count('in flight'));
      assert.is(queue.delayed, count('delayed'));
      assert.is(queue.dead, count('dead'));
      assert.equal(this.actualMessages(name), expectedMessages(messages));
      this.compareKnown(queue, known);
    }
    assert.is(recorder.liveBytes, bytes);
    const keys = [...state.sessions.all()].map(({ key }) => key).sort();
    assert.equal(keys, [...this.model.sessions.keys()].sort());
  }

  private compareKnown({ deduplication }: Queue, known: ModelQueue['known']): void {
    const { nowMs } = this.rig;
    const { keys = [], ids = [], untilMs = [] } = deduplication?.entries(nowMs) ?? {};
    const actual = keys.map((key, at) => ({ key, id: ids[at], untilMs: untilMs[at] }));
    const expected = known.filter(({ untilMs }) => untilMs > nowMs);
    const byId = (a: { id?: number | undefined }, b: { id?: number | undefined }) => a.id! - b.id!;
    assert.equal(actual.sort(byId), expected.sort(byId));
  }

  private actualMessages(name: string) {
    const { state, recorder } = this.rig;
    return messagesOf(state, name).map((message) => {
      const status = statesByNumber[message.state]!;
      const { id, priority, producedMs, deliveryCount, failureCount, dueMs, expiresMs } = message;
      const session = state.sessions.withNumber(message.session)?.key;
      const token = status === 'in flight' ? message.token : 0;
      const body = recorder.bodyAt(message.position, message.length).toString('latin1', 0, 16);
      const failures = message.failures.map((failure) => ({
        ...failure,
        reason: waysByNumber[failure.reason],
      }));
      const counts = { deliveryCount, failureCount, failures, expiresMs };
      return { id, priority, producedMs, status, session, token, dueMs, body, ...counts };
    });
  }

  private checkDelivered({ taker, queue, deliveries }: Delivered): void {
    const { rig, model } = this;
    const expected = model.takers.get(taker.requestId)!;
    for (const name of expected.queues) {
      if (name === queue) break;
      assert.not(this.hasFor(name), `${queue} was taken from, ${name} comes first`);
    }
    const messages = model.deliver(taker.requestId, queue, deliveries, rig.nowMs);
    if (messages.some(({ group }) => group !== undefined)) this.note('of a group');
    assert.equal(
      deliveries,
      messages.map((message) => ({
        id: message.id,
        token: message.token,
        deliveryCount: message.deliveryCount,
        failureCount: message.failureCount,
        producedMs: message.producedMs,
        priority: message.priority,
        body: message.body,
      })),
    );
    for (const { id, token } of deliveries) {
      this.handed.push({ queue, receipt: [id, token], key: expected.session });
    }
    if (!expected.isSubscription) this.takers.delete(taker.requestId);
  }

  /** While messages are handed out, nobody goes away empty who could have one. */
  private checkEmpty({ requestId }: Taker): void {
    if (!this.isDispatching) return;
    const { queues } = this.model.takers.get(requestId)!;
    for (const name of queues) assert.not(this.hasFor(name), `${name} has messages`);
    this.model.takers.delete(requestId);
    this.takers.delete(requestId);
    this.note('answered empty');
  }

  private hasFor(name: string): boolean {
    return this.model.hasFor(name, this.rig.nowMs) && !this.isFetching(name);
  }

  private isFetching(name: string): boolean {
    return this.rig.fetches.some(({ queue }) => queue === this.rig.state.existing(name));
  }

  private removeClient(client: Client): void {
    for (const [handle, taker] of this.takers) {
      if (taker.connection === client.connection) this.leave(handle);
    }
    this.clients = this.clients.filter((other) => other !== client);
  }
}

function settingsOf(wanted: ModelSettings): QueueSettings {
  const { visibilityMs, discards, deadQueue, backoffMs, backoff, keepsOverdue } = wanted;
  const finite = (value: number) => (value === Number.POSITIVE_INFINITY ? undefined : value);
  return {
    visibilityMs,
    failuresMax: finite(wanted.failuresMax),
    whenFailed: discards ? 'discard' : undefined,
    deadQueue,
    backoffMs: backoffMs || undefined,
    backoff,
    backoffMsMax: finite(wanted.backoffMsMax),
    timeToLiveMs: finite(wanted.timeToLiveMs),
    whenExpired: keepsOverdue ? 'dead' : undefined,
    deduplicationMs: wanted.deduplicationMs,
    messagesMax: finite(wanted.messagesMax),
    bytesMax: finite(wanted.bytesMax),
    whenFull: wanted.dropsOldest && isLimited(wanted) ? 'dropOldest' : undefined,
  };
}

function isLimited({ messagesMax, bytesMax }: ModelSettings): boolean {
  return Math.min(messagesMax, bytesMax) < Number.POSITIVE_INFINITY;
}

/** What the rules choose, which must lie in the upper half. */
function spread(most: number, id: number, deliveryCount: number): number {
  const settings = { backoffMs: most, backoff: 'exponential' } as const;
  const wait = backOffMs(settings, 1, id, deliveryCount);
  assert.ok(wait >= most / 2 && wait <= most, `${wait} of ${most}`);
  return wait;
}

function expectedMessages(messages: readonly ModelMessage[]) {
  const sorted = [...messages].sort((a, b) => b.priority - a.priority || a.id - b.id);
  return sorted.map((message) => {
    const { id, priority, producedMs, session, deliveryCount, failureCount, failures } = message;
    const status = message.state;
    const token = status === 'in flight' ? message.token : 0;
    const dueMs = status === 'ready' || status === 'dead' ? 0 : message.dueMs;
    const body = message.body.toString('latin1', 0, 16);
    const expiresMs = Number.isFinite(message.expiresMs) ? message.expiresMs : 0;
    const counts = { deliveryCount, failureCount, failures, expiresMs };
    return { id, priority, producedMs, status, session, token, dueMs, body, ...counts };
  });
}

function lengthOfLive({ count, states, lengths }: { count: number } & Columns): number {
  let bytes = 0;
  for (let index = 0; index < count; index += 1) if (states[index] !== 0) bytes += lengths[index]!;
  return bytes;
}

interface Columns {
  readonly states: Uint8Array;
  readonly lengths: Uint32Array;
}

function refusal<T>(action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    if (error instanceof WonderqError) return error.code;
    throw error;
  }
}

function byNumber(a: number, b: number): number {
  return a - b;
}
