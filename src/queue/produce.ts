/**
 * Produce: new messages enter a queue, which comes into being with the first one.
 */
import { WonderqError } from '../errors.ts';
import { createQueue, inheritedSettings } from './create.ts';
import { joinGroup } from './grouping.ts';
import type { MessageSlice } from './journal.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';
import { admit, delay, limitLife } from './transitions.ts';

/** How messages are produced. */
export interface ProduceManner {
  readonly priority: number;
  /** Not delivered before that, from now or absolute; 0: ready at once. One of the two. */
  readonly delayMs: number;
  readonly notBeforeMs: number;
  /** 0: the queue's. */
  readonly timeToLiveMs: number;
}

/** The queue to produce to, made if need be, or a coded refusal. Nothing is produced yet. */
export function queueToProduceTo(state: State, name: string, nowMs: number): Queue {
  const known = state.existing(name);
  if (known !== undefined) {
    if (!known.mayProduce) throw new WonderqError('PAUSED', `produce to ${name} is paused`);
    return known;
  }
  const queue = state.expected(name);
  createQueue(state, queue, inheritedSettings(state, name), nowMs);
  return queue;
}

/** Returns the first message's ID; the others follow without gaps. */
export function produce(
  state: State,
  queue: Queue,
  manner: ProduceManner,
  messages: MessageSlice,
  nowMs: number,
): number {
  const firstId = state.nextId;
  state.nextId += messages.count;
  const { priority } = manner;
  const due = dueMsOf(manner, nowMs);
  const expires = expiresMsOf(queue, manner, nowMs);
  const position = state.journal.produced(queue, priority, firstId, nowMs, due, expires, messages);
  admitSlice(state, queue, priority, firstId, nowMs, due, expires, messages, position);
  queue.counters.produced += messages.count;
  return firstId;
}

function dueMsOf({ delayMs, notBeforeMs }: ProduceManner, nowMs: number): number {
  if (delayMs > 0) return nowMs + delayMs;
  return notBeforeMs > nowMs ? notBeforeMs : 0;
}

function expiresMsOf({ settings }: Queue, { timeToLiveMs }: ProduceManner, nowMs: number): number {
  const lifeMs = timeToLiveMs || settings.timeToLiveMs;
  return lifeMs === undefined ? 0 : nowMs + lifeMs;
}

/** What a produced slice changes; replay calls it too. `position` is that of the slice's start. */
export function admitSlice(
  state: State,
  queue: Queue,
  priority: number,
  firstId: number,
  nowMs: number,
  dueMs: number,
  expiresMs: number,
  messages: MessageSlice,
  position: number,
): void {
  const lane = queue.lane(priority);
  const base = position - messages.start;
  const { groups } = messages;
  for (let number = 0; number < messages.count; number += 1) {
    const offset = messages.offsets[messages.first + number]!;
    const length = messages.lengths[messages.first + number]!;
    admit(state, queue, lane, firstId + number, nowMs, base + offset, length);
    if (dueMs === 0 && expiresMs === 0 && groups === undefined) continue;
    const chunk = lane.chunks[lane.chunks.length - 1]!;
    const index = chunk.count - 1;
    const key = groups?.[messages.first + number];
    if (key !== undefined) joinGroup(state, queue, lane, chunk, index, key);
    if (dueMs > 0) delay(state, queue, lane, chunk, index, dueMs);
    if (expiresMs > 0) limitLife(state, queue, lane, chunk, index, expiresMs);
  }
  if (dueMs === 0) state.changed.add(queue);
}
