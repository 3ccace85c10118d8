/**
 * A state with everything around it that the rules need: a recorder, connections that can be blocked,
 * bodies that can be out of memory, a clock that is moved by hand. Requests are methods, in the words
 * of the protocol; what came out of them is kept in plain arrays.
 */
import * as assert from 'uvu/assert';
import type { RefusedReceipt } from '../../../src/queue/answers.ts';
import { dispatch, joinLine, removeTaker } from '../../../src/queue/deliver.ts';
import type { DeliveryBatch } from '../../../src/queue/delivery-batch.ts';
import { expire } from '../../../src/queue/expire.ts';
import { checkInvariants } from '../../../src/queue/invariants.ts';
import type { Bodies, MessageSlice, Outlet } from '../../../src/queue/journal.ts';
import {
  dropOldest,
  isLimited,
  loadOf,
  refuseGroups,
  refuseOverflow,
} from '../../../src/queue/overflow.ts';
import { type ProduceManner, produce, queueToProduceTo } from '../../../src/queue/produce.ts';
import { type Part, produceOnce } from '../../../src/queue/produce-once.ts';
import type { Queue } from '../../../src/queue/queue.ts';
import { endReplay } from '../../../src/queue/replay.ts';
import type { Session } from '../../../src/queue/session.ts';
import { ack, ackCurrent, extend, nack, type Refused, release } from '../../../src/queue/settle.ts';
import { type RulesOptions, State } from '../../../src/queue/state.ts';
import { Taker } from '../../../src/queue/taker.ts';
import { Recorder } from './recorder.ts';
import { replayFact } from './replayed.ts';

export interface Delivery {
  readonly id: number;
  readonly token: number;
  readonly deliveryCount: number;
  readonly failureCount: number;
  readonly producedMs: number;
  readonly priority: number;
  readonly body: Buffer;
}

/** One frame of deliveries. */
export interface Delivered {
  readonly taker: Taker;
  readonly queue: string;
  readonly visibilityMs: number;
  readonly deliveries: Delivery[];
}

export type Receipt = readonly [id: number, token: number];
export type ReceiptCode = RefusedReceipt['code'] | undefined;

export interface TakeOptions {
  readonly connection?: Connection;
  readonly session?: Session | undefined;
  readonly messages?: number;
  readonly bytes?: number;
  readonly visibilityMs?: number;
  /** Undefined: does not wait. */
  readonly waitMs?: number;
}

/** Opaque to the rules. */
export interface Connection {
  isBlocked: boolean;
}

export const optionsDefault: RulesOptions = {
  visibilityMs: 30_000,
  releaseAfterMs: 5_000,
  createQueues: true,
};

export class Rig implements Outlet, Bodies {
  readonly options: RulesOptions;
  readonly recorder = new Recorder();
  state: State;
  nowMs = 1_700_000_000_000;
  readonly connection: Connection = { isBlocked: false };

  /** What came out, in order; a test may empty them. */
  readonly delivered: Delivered[] = [];
  readonly empties: Taker[] = [];
  readonly ended: { taker: Taker; code: string }[] = [];

  /** Bodies before this position are on the disk only, but for those that were fetched. */
  coldBefore = 0;
  readonly warm = new Set<number>();
  readonly fetches: { queue: Queue; position: number }[] = [];

  /** Called for each delivery and each empty answer when it happens. */
  onDelivered: (delivered: Delivered) => void = () => {};
  onEmpty: (taker: Taker) => void = () => {};
  private requestId = 0;

  constructor(options: Partial<RulesOptions> = {}) {
    this.options = { ...optionsDefault, ...options };
    this.state = this.freshState();
    this.state.nextToken = 2 ** 40;
  }

  canDeliver({ connection }: Taker): boolean {
    return !(connection as Connection).isBlocked;
  }

  deliver(taker: Taker, queue: Queue, batch: DeliveryBatch): void {
    const deliveries = Array.from({ length: batch.count }, (_, at) => ({
      id: batch.ids.values[at]!,
      token: batch.firstToken + at,
      deliveryCount: batch.deliveryCounts[at]!,
      failureCount: batch.failureCounts[at]!,
      producedMs: batch.producedMs[at]!,
      priority: batch.priorities[at]!,
      body: this.recorder.bodyAt(batch.positions[at]!, batch.lengths[at]!),
    }));
    const sum = deliveries.reduce((bytes, { body }) => bytes + body.length, 0);
    assert.is(batch.bytes, sum);
    const { visibilityMs } = batch;
    const delivered = { taker, queue: queue.name, visibilityMs, deliveries };
    this.delivered.push(delivered);
    this.onDelivered(delivered);
  }

  answerEmpty(taker: Taker): void {
    this.empties.push(taker);
    this.onEmpty(taker);
  }

  end(taker: Taker, code: 'QUEUE_DELETED'): void {
    this.ended.push({ taker, code });
  }

  inMemory(position: number, _length: number): boolean {
    return position >= this.coldBefore || this.warm.has(position);
  }

  fetch(queue: Queue, position: number, length: number): void {
    this.recorder.bodyAt(position, length);
    this.fetches.push({ queue, position });
  }

  /** The bytes of the first fetch are there. */
  completeFetch(): void {
    const { queue, position } = this.fetches.shift()!;
    this.warm.add(position);
    queue.isFetching = false;
    this.state.changed.add(queue);
  }

  /** Returns the first ID. `bodies`: how many, or which. */
  produce(
    name: string,
    bodies: number | readonly Buffer[] = 1,
    priority = 0,
    delayMs = 0,
    {
      notBeforeMs = 0,
      timeToLiveMs = 0,
      group,
    }: Partial<ProduceManner> & { group?: string | undefined } = {},
  ): number {
    const { state, nowMs } = this;
    const queue = queueToProduceTo(state, name, nowMs);
    const list =
      typeof bodies === 'number' ? Array.from({ length: bodies }, () => Buffer.from('x')) : bodies;
    this.makeRoom(queue, list, [], group);
    const manner = { priority, delayMs, notBeforeMs, timeToLiveMs };
    return produce(state, queue, manner, sliced(list, group), nowMs);
  }

  produceOnce(
    name: string,
    bodies: readonly Buffer[],
    keys: readonly (string | undefined)[],
  ): Part[] {
    const { state, nowMs } = this;
    const queue = queueToProduceTo(state, name, nowMs);
    this.makeRoom(queue, bodies, keys);
    const manner = { priority: 0, delayMs: 0, notBeforeMs: 0, timeToLiveMs: 0 };
    // A slice begins behind others of its frame.
    return produceOnce(
      state,
      queue,
      manner,
      sliced(bodies),
      [undefined, undefined, ...keys],
      nowMs,
    );
  }

  /** As the broker does before it produces, in as many slices as it takes. */
  private makeRoom(
    queue: Queue,
    bodies: readonly Buffer[],
    keys: readonly (string | undefined)[],
    group?: string,
  ): void {
    if (!isLimited(queue)) return;
    const lengths = Uint32Array.from(bodies, ({ length }) => length);
    const load = loadOf(queue, { count: bodies.length, lengths }, keys, this.nowMs);
    refuseGroups(queue, group === undefined ? undefined : [group]);
    refuseOverflow(queue, load);
    while (dropOldest(this.state, queue, load)) checkInvariants(this.state);
  }

  /** Asks for messages; `dispatch` gives them. Without `waitMs` it does not wait. */
  receive(names: string | readonly string[], options: TakeOptions = {}): Taker {
    const taker = this.taker('receive', names, options, 10);
    const { waitMs } = options;
    this.state.takers.add(taker, waitMs === undefined ? undefined : this.nowMs + waitMs);
    joinLine(this.state, taker);
    return taker;
  }

  subscribe(names: string | readonly string[], options: TakeOptions = {}): Taker {
    const taker = this.taker('subscription', names, options, 1000);
    this.state.takers.add(taker, Number.POSITIVE_INFINITY);
    joinLine(this.state, taker);
    return taker;
  }

  /** Receives without waiting, and returns what came. */
  take(names: string | readonly string[], options: TakeOptions = {}): Delivery[] {
    const taker = this.receive(names, options);
    this.dispatch();
    return this.takenBy(taker);
  }

  /** All that a taker got so far. */
  takenBy(taker: Taker): Delivery[] {
    return this.delivered.filter((one) => one.taker === taker).flatMap((one) => one.deliveries);
  }

  leave(taker: Taker): void {
    removeTaker(this.state, taker);
  }

  unblock(connection: Connection): void {
    connection.isBlocked = false;
    for (const taker of this.state.takers.all()) {
      if (taker.connection === connection) joinLine(this.state, taker);
    }
  }

  dispatch(): void {
    while (dispatch(this.state, this.nowMs)) checkInvariants(this.state);
    checkInvariants(this.state);
  }

  /** Does all that is due; returns the number of slices. */
  expire(): number {
    let slices = 1;
    while (expire(this.state, this.nowMs)) {
      checkInvariants(this.state);
      slices += 1;
    }
    checkInvariants(this.state);
    return slices;
  }

  /** Lets time go by, and what is due happen. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.expire();
  }

  ack(name: string, receipts: readonly Receipt[], session?: Session): ReceiptCode[] {
    const { state, nowMs } = this;
    return codes(ack(state, state.existing(name), session, columns(receipts), nowMs), receipts);
  }

  ackCurrent(name: string, ids: readonly number[]): ReceiptCode[] {
    const { state, nowMs } = this;
    const receipts = ids.map((id): Receipt => [id, 0]);
    return codes(ackCurrent(state, state.existing(name), columns(receipts), nowMs), receipts);
  }

  nack(
    name: string,
    receipts: readonly Receipt[],
    delayMs?: number,
    session?: Session,
    text?: string,
  ): ReceiptCode[] {
    const { state, nowMs } = this;
    const why = { delayMs, text };
    const refused = nack(state, state.existing(name), session, columns(receipts), why, nowMs);
    return codes(refused, receipts);
  }

  release(name: string, receipts: readonly Receipt[], session?: Session): ReceiptCode[] {
    const { state, nowMs } = this;
    return codes(release(state, state.existing(name), session, columns(receipts), nowMs), receipts);
  }

  extend(name: string, receipts: readonly Receipt[], visibilityMs = 0, session?: Session) {
    const { state, nowMs } = this;
    const queue = state.existing(name);
    const refused = extend(state, queue, session, columns(receipts), visibilityMs, nowMs);
    return codes(refused, receipts);
  }

  /** A state made from what was recorded, as after a start of the broker at this moment. */
  replayed(): { state: State; recorder: Recorder } {
    const recorder = new Recorder();
    const state = new State(this.options, recorder, this, this);
    for (const fact of this.recorder.facts) replayFact(state, fact);
    endReplay(state, this.nowMs);
    while (expire(state, this.nowMs)) checkInvariants(state);
    checkInvariants(state);
    return { state, recorder };
  }

  /** Goes on from what was recorded: all takers and connections are gone. */
  restart(): void {
    const { nextId, nextToken } = this.state;
    const { recorder } = this;
    const live = new Map(recorder.live);
    recorder.live.clear();
    recorder.keys.clear();
    recorder.liveBytes = 0;
    this.state = this.freshState();
    for (const fact of recorder.facts) replayFact(this.state, fact);
    endReplay(this.state, this.nowMs);
    // Delays that ended are not among the facts; memory of what was purged is to be freed.
    this.expire();
    assert.equal(sortedByPosition(recorder.live), sortedByPosition(live));
    this.state.nextId = nextId + 2 ** 20;
    this.state.nextToken = nextToken + 1_000_003;
    this.fetches.length = 0;
    checkInvariants(this.state);
  }

  private freshState(): State {
    return new State(this.options, this.recorder, this, this);
  }

  private taker(
    kind: 'receive' | 'subscription',
    names: string | readonly string[],
    { connection = this.connection, session, messages, bytes, visibilityMs }: TakeOptions,
    messagesDefault: number,
  ): Taker {
    this.requestId += 1;
    return new Taker({
      connection,
      requestId: this.requestId,
      queues: [names].flat().map((name) => this.state.expected(name)),
      session,
      kind,
      messages: messages ?? messagesDefault,
      bytes: bytes ?? Number.POSITIVE_INFINITY,
      visibilityMs: visibilityMs ?? 0,
    });
  }
}

export function sortedByPosition(live: ReadonlyMap<number, number>): [number, number][] {
  return [...live].sort(([a], [b]) => a - b);
}

export function receiptsOf(deliveries: readonly Delivery[]): Receipt[] {
  return deliveries.map(({ id, token }) => [id, token]);
}

export function idsOf(deliveries: readonly Delivery[]): number[] {
  return deliveries.map(({ id }) => id);
}

/** As they lie in a frame: other things before, and a head on each. */
function sliced(bodies: readonly Buffer[], group?: string): MessageSlice {
  const start = 5;
  const first = 2;
  const offsets = new Uint32Array(first + bodies.length);
  const lengths = new Uint32Array(first + bodies.length);
  let end = start;
  for (const [at, body] of bodies.entries()) {
    offsets[first + at] = end;
    lengths[first + at] = body.length;
    end += body.length;
  }
  const buffer = Buffer.concat([Buffer.from('frame'), ...bodies, Buffer.from('end')]);
  const groups = group === undefined ? undefined : [...Array(first), ...bodies.map(() => group)];
  return { buffer, start, end, count: bodies.length, first, offsets, lengths, groups };
}

function columns(receipts: readonly Receipt[]) {
  const from = 3;
  const ids = new Float64Array(from + receipts.length);
  const tokens = new Float64Array(from + receipts.length);
  for (const [at, [id, token]] of receipts.entries()) {
    ids[from + at] = id;
    tokens[from + at] = token;
  }
  return { ids, tokens, from, to: from + receipts.length };
}

/** What each message of a frame got: its ID, and whether it is a duplicate. */
export function producedBy(parts: readonly Part[]): [number, boolean][] {
  return parts.flatMap(({ firstId, count, isDuplicate }) =>
    Array.from({ length: count }, (_, at): [number, boolean] => [firstId + at, isDuplicate]),
  );
}

function codes(refused: Refused, receipts: readonly Receipt[]): ReceiptCode[] {
  const all: ReceiptCode[] = receipts.map(() => undefined);
  assert.ok(refused === undefined || refused.length > 0);
  for (const { index, code } of refused ?? []) all[index] = code;
  return all;
}
