/**
 * The limits of a queue: a produce that would go beyond them is refused, or the oldest messages go
 * to make room for it. What waits or is in flight counts; what is dead or unreadable does not, and
 * what comes back is never refused. A message of a group never goes: those behind it wait for it.
 */
import { WonderqError } from '../errors.ts';
import { type Chunk, DELAYED, READY } from './chunk.ts';
import type { IdList } from './id-list.ts';
import { type MessageSlice, SETTLED_DROPPED } from './journal.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';
import { removeMessage } from './transitions.ts';

const retryAfterMs = 1000;

/** So many messages, and the bytes of all of them. */
export interface Load {
  readonly messages: number;
  readonly bytes: number;
}

const nothing: Load = { messages: 0, bytes: 0 };

export function isLimited({ settings }: Queue): boolean {
  return settings.messagesMax !== undefined || settings.bytesMax !== undefined;
}

/** What a request would add: duplicates of what the queue knows, or of each other, are not. */
export function loadOf(
  { deduplication }: Queue,
  { count, lengths }: Pick<MessageSlice, 'count' | 'lengths'>,
  keys: readonly (string | undefined)[],
  nowMs: number,
): Load {
  const fresh = new Set<string>();
  let messages = 0;
  let bytes = 0;
  for (let at = 0; at < count; at += 1) {
    const key = keys[at];
    if (key !== undefined) {
      if (fresh.has(key) || (deduplication?.find(key, nowMs) ?? 0) > 0) continue;
      fresh.add(key);
    }
    messages += 1;
    bytes += lengths[at]!;
  }
  return { messages, bytes };
}

/** Refuses messages of groups where the oldest would go. `groups` undefined: none has one. */
export function refuseGroups({ name, settings }: Queue, groups: MessageSlice['groups']): void {
  if (groups === undefined || settings.whenFull !== 'dropOldest') return;
  const what = `queue ${name} drops the oldest when it is full: it takes no group`;
  throw new WonderqError('BAD_REQUEST', what, { field: 'group' });
}

/** Refuses what there is no room for, and none can be made. Nothing is changed. */
export function refuseOverflow(queue: Queue, load: Load): void {
  const over = overflow(queue, load);
  const room = mayDrop(queue) ? waiting(queue) : nothing;
  if (over.messages <= room.messages && over.bytes <= room.bytes) return;
  throw new WonderqError('QUEUE_FULL', `queue ${queue.name} has no room for that`, {
    field: 'queue',
    retryAfterMs,
  });
}

/**
 * Lets the oldest of the lowest priority go that nobody has, until there is room: at most a slice,
 * by one record. Returns whether more are to go.
 */
export function dropOldest(state: State, queue: Queue, load: Load): boolean {
  if (!mayDrop(queue)) return false;
  const { ids } = state;
  ids.clear();
  listOldest(queue, overflow(queue, load), ids);
  if (ids.count === 0) return false;
  for (let at = 0; at < ids.count; at += 1) {
    queue.locate(ids.values[at]!);
    removeMessage(state, queue, queue.foundLane!, queue.foundChunk!, queue.foundIndex);
  }
  state.journal.settled(queue, SETTLED_DROPPED, ids);
  queue.counters.dropped += ids.count;
  return ids.isFull && isOver(overflow(queue, load));
}

/** Messages of groups may have come from another queue, or before it was set. */
function mayDrop({ settings, groups }: Queue): boolean {
  return settings.whenFull === 'dropOldest' && (groups === undefined || groups.size === 0);
}

/**
 * What is too much with `load`; not above 0: nothing. Who adds nothing has no part in what is too
 * much already.
 */
function overflow(queue: Queue, load: Load): Load {
  if (load.messages === 0) return nothing;
  const { messagesMax = Infinity, bytesMax = Infinity } = queue.settings;
  const { ready, held, delayed, inFlight, bytes, deadBytes } = queue;
  return {
    messages: ready + held + delayed + inFlight + load.messages - messagesMax,
    bytes: bytes - deadBytes + load.bytes - bytesMax,
  };
}

function isOver({ messages, bytes }: Load): boolean {
  return messages > 0 || bytes > 0;
}

/** What may be dropped. */
function waiting({ ready, delayed, bytes, deadBytes, inFlightBytes }: Queue): Load {
  return { messages: ready + delayed, bytes: bytes - deadBytes - inFlightBytes };
}

/** They are not taken out on the way: that may put others in the place of their chunk. */
function listOldest({ lanes }: Queue, over: Load, ids: IdList): void {
  let left = over;
  for (let at = lanes.length - 1; at >= 0; at -= 1) {
    for (const chunk of lanes[at]!.chunks) {
      if (ids.isFull || !isOver(left)) return;
      if (chunk.ready + chunk.delayed > 0) left = listWaiting(chunk, left, ids);
    }
  }
}

/** Returns what is too much still. */
function listWaiting(chunk: Chunk, over: Load, ids: IdList): Load {
  let { messages, bytes } = over;
  for (let index = 0; index < chunk.count; index += 1) {
    if (ids.isFull || (messages <= 0 && bytes <= 0)) break;
    const state = chunk.states[index];
    if (state !== READY && state !== DELAYED) continue;
    ids.push(chunk.idAt(index));
    messages -= 1;
    bytes -= chunk.lengths[index]!;
  }
  return { messages, bytes };
}
