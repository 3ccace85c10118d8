/**
 * Produce: new messages enter a queue, which comes into being with the first one.
 */
import { WonderqError } from '../errors.ts';
import type { MessageSlice } from './journal.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';
import { admit, delay } from './transitions.ts';

/** The queue to produce to, made if need be, or a coded refusal. Nothing is produced yet. */
export function queueToProduceTo(state: State, name: string, nowMs: number): Queue {
  const known = state.existing(name);
  if (known !== undefined) {
    if (!known.mayProduce) throw new WonderqError('PAUSED', `produce to ${name} is paused`);
    return known;
  }
  const queue = state.expected(name);
  createQueue(state, queue, nowMs);
  return queue;
}

export function createQueue(state: State, queue: Queue, nowMs: number): void {
  state.create(queue, nowMs);
  queue.position = state.journal.queueSet(queue);
}

/** Returns the first message's ID; the others follow without gaps. `delayMs` 0: ready at once. */
export function produce(
  state: State,
  queue: Queue,
  priority: number,
  delayMs: number,
  messages: MessageSlice,
  nowMs: number,
): number {
  const firstId = state.nextId;
  state.nextId += messages.count;
  const dueMs = delayMs === 0 ? 0 : nowMs + delayMs;
  const position = state.journal.produced(queue, priority, firstId, nowMs, dueMs, messages);
  admitSlice(state, queue, priority, firstId, nowMs, dueMs, messages, position);
  queue.counters.produced += messages.count;
  return firstId;
}

/** What a produced slice changes; replay calls it too. `position` is that of the slice's start. */
export function admitSlice(
  state: State,
  queue: Queue,
  priority: number,
  firstId: number,
  nowMs: number,
  dueMs: number,
  messages: MessageSlice,
  position: number,
): void {
  const lane = queue.lane(priority);
  const base = position - messages.start;
  for (let number = 0; number < messages.count; number += 1) {
    const offset = messages.offsets[messages.first + number]!;
    const length = messages.lengths[messages.first + number]!;
    admit(state, queue, lane, firstId + number, nowMs, base + offset, length);
    if (dueMs === 0) continue;
    const chunk = lane.chunks[lane.chunks.length - 1]!;
    delay(state, queue, lane, chunk, chunk.count - 1, dueMs);
  }
  if (dueMs === 0) state.changed.add(queue);
}
