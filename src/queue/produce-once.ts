/**
 * Produce with deduplication IDs: what the queue knows already is not produced again.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { Deduplication, type Entries, type Needed } from './deduplication.ts';
import type { MessageSlice } from './journal.ts';
import { type ProduceManner, produce } from './produce.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';

const retryAfterMs = 1000;

/** Messages that follow each other: new ones, or one that is a duplicate of an earlier message. */
export interface Part {
  readonly firstId: number;
  readonly count: number;
  readonly isDuplicate: boolean;
}

/** `keys`: by the number of the message in its frame; undefined: it has none. */
export function produceOnce(
  state: State,
  queue: Queue,
  manner: ProduceManner,
  slice: MessageSlice,
  keys: readonly (string | undefined)[],
  nowMs: number,
): Part[] {
  const parts: Part[] = [];
  const fresh = new Map<string, number>();
  let from = 0;
  const flush = (to: number) => {
    if (to > from)
      parts.push(produceFresh(state, queue, manner, part(slice, from, to), fresh, nowMs));
    from = to;
  };
  for (let at = 0; at < slice.count; at += 1) {
    const key = keys[slice.first + at];
    if (key === undefined) continue;
    const known = fresh.get(key) ?? queue.deduplication?.find(key, nowMs) ?? 0;
    if (known === 0) {
      fresh.set(key, state.nextId + at - from);
      continue;
    }
    flush(at);
    parts.push({ firstId: known, count: 1, isDuplicate: true });
    queue.counters.duplicates += 1;
    from = at + 1;
  }
  flush(slice.count);
  return parts;
}

/** Refuses more deduplication IDs than a queue may know; nothing is produced yet. */
export function refuseTooManyKeys(
  state: State,
  { name, deduplication }: Queue,
  count: number,
  nowMs: number,
): void {
  if (deduplication === undefined) return;
  forgetKeys(state, deduplication, nowMs, limits.sliceMessagesMax);
  if (deduplication.size + count <= limits.deduplicationIdsMax) return;
  const what = `queue ${name} knows as many deduplication IDs as it can`;
  throw new WonderqError('QUEUE_FULL', what, { field: 'deduplicationIds', retryAfterMs });
}

/**
 * Lets go of a slice of the deduplication IDs whose window is over. The queues that were looked at
 * are the last ones next time.
 */
export function forgetDuplicates(state: State, nowMs: number): void {
  const looked: Queue[] = [];
  let room = limits.sliceMessagesMax;
  for (const queue of state.deduplicating) {
    if (room <= 0) break;
    const { size } = queue.deduplication!;
    forgetKeys(state, queue.deduplication!, nowMs, room);
    room -= size - queue.deduplication!.size + 1;
    looked.push(queue);
  }
  for (const queue of looked) {
    state.deduplicating.delete(queue);
    if (queue.deduplication!.size > 0) state.deduplicating.add(queue);
    else queue.deduplication = undefined;
  }
}

export function forgetKeys(
  { journal }: State,
  deduplication: Deduplication,
  nowMs: number,
  countMax: number,
): void {
  deduplication.forget(nowMs, countMax, (position, bytes) => journal.addDead(position, bytes));
}

/** What a record of deduplication IDs changes. `isReplay`: nobody is told yet what is needed. */
export function noteKeys(
  state: State,
  queue: Queue,
  { keys, ids, untilMs }: Entries,
  position: number,
  isReplay: boolean,
): void {
  queue.deduplication ??= new Deduplication(!isReplay);
  state.deduplicating.add(queue);
  for (const [at, key] of keys.entries()) {
    queue.deduplication.add(key, ids[at]!, untilMs[at]!, position);
    if (!isReplay) state.journal.addLive(position, key.length);
  }
}

/** The log was read. */
export function countKeys({ journal, deduplicating }: State, nowMs: number): void {
  for (const { deduplication } of deduplicating) {
    deduplication!.count(nowMs, (position, bytes) => journal.addLive(position, bytes));
  }
}

/**
 * Tells again what was told before `boundary`, of a slice of entries from the one numbered `from`
 * on. Returns where to go on; undefined: there are no more.
 */
export function restateKeys(
  state: State,
  queue: Queue,
  from: number,
  boundary: number,
  nowMs: number,
): number | undefined {
  const { journal } = state;
  const tell = (entries: Entries) => {
    const position = journal.deduplicated(queue, entries);
    for (const key of entries.keys) journal.addLive(position, key.length);
    return position;
  };
  const freed: Needed = (position, bytes) => journal.addDead(position, bytes);
  const { turnMessagesMax: countMax } = limits;
  return queue.deduplication!.restate(from, boundary, nowMs, countMax, tell, freed);
}

function produceFresh(
  state: State,
  queue: Queue,
  manner: ProduceManner,
  slice: MessageSlice,
  fresh: Map<string, number>,
  nowMs: number,
): Part {
  const firstId = produce(state, queue, manner, slice, nowMs);
  // Two for one: so it never knows more than twice what counts, however fast they come.
  if (queue.deduplication !== undefined) {
    forgetKeys(state, queue.deduplication, nowMs, 2 * fresh.size);
  }
  const untilMs = nowMs + (queue.settings.deduplicationMs ?? limits.deduplicationMsDefault);
  const keys = [...fresh.keys()];
  const entries = { keys, ids: [...fresh.values()], untilMs: keys.map(() => untilMs) };
  fresh.clear();
  if (keys.length > 0) {
    noteKeys(state, queue, entries, state.journal.deduplicated(queue, entries), false);
  }
  return { firstId, count: slice.count, isDuplicate: false };
}

/** The messages from the one numbered `from` to before `to` in the slice. */
function part(slice: MessageSlice, from: number, to: number): MessageSlice {
  const { offsets, lengths } = slice;
  const [first, last] = [slice.first + from, slice.first + to - 1];
  const [start, end] = [offsets[first]!, offsets[last]! + lengths[last]!];
  return { ...slice, start, end, first, count: to - from };
}
