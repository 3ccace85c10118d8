/**
 * What an operator does to single messages, by ID: delete them, or move them to another queue. Each
 * may be named with how it was seen, and is left alone where that no longer holds. Each call does
 * one slice.
 */
import type { RefusedReceipt } from './answers.ts';
import { DEAD, DELAYED, HELD, type MessageState, READY } from './chunk.ts';
import { toldState } from './grouping.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';
import { endOverdue, isOverdue, keepsOverdue, writeOverdue } from './time-to-live.ts';
import { transfer } from './transfer.ts';
import { removeMessage } from './transitions.ts';

/** Messages of one queue, and how each was seen, where that is said. */
export interface Meant {
  readonly ids: readonly number[];
  readonly states?: readonly (MessageState | undefined)[] | undefined;
  readonly deliveryCounts?: readonly (number | undefined)[] | undefined;
}

export interface Steered {
  /** With how many it was done. */
  readonly count: number;
  /** The others, by their index among the IDs. */
  readonly refused: readonly RefusedReceipt[];
}

/** Whatever their state. `by` is the operator's name. */
export function deleteMessages(
  state: State,
  queue: Queue,
  meant: Meant,
  by: string,
  nowMs: number,
): Steered {
  const refused = forEachMeant(state, queue, meant, nowMs, isAny, () => {
    removeMessage(state, queue, queue.foundLane!, queue.foundChunk!, queue.foundIndex);
  });
  const { count } = state.ids;
  if (count > 0) state.journal.deleted(queue, by, state.ids);
  queue.counters.deleted += count;
  return { count, refused };
}

/** Those that wait or are dead, to a queue that is another one; there they are ready. */
export function moveMessages(
  state: State,
  from: Queue,
  to: Queue,
  meant: Meant,
  by: string,
  nowMs: number,
): Steered {
  const refused = forEachMeant(state, from, meant, nowMs, isMovable, () => {
    transfer(state, from, to);
  });
  const { count } = state.ids;
  if (count > 0) state.journal.moved(from, to, { by }, state.ids);
  from.counters.moved += count;
  return { count, refused };
}

/**
 * Calls `change` for each message that is as it was seen and as it must be, located in the queue,
 * and gathers the IDs in `state.ids`. One given twice is there once.
 */
function forEachMeant(
  state: State,
  queue: Queue,
  meant: Meant,
  nowMs: number,
  mayChange: (queue: Queue) => boolean,
  change: () => void,
): RefusedReceipt[] {
  const refused: RefusedReceipt[] = [];
  state.ids.clear();
  for (const [index, id] of meant.ids.entries()) {
    const code = refusalOf(state, queue, meant, index, nowMs);
    if (code === 'GONE') refused.push({ index, code });
    else if (code === 'CHANGED' || !mayChange(queue)) refused.push({ index, code: 'CHANGED' });
    else {
      change();
      state.ids.push(id);
    }
  }
  writeOverdue(state, queue);
  return refused;
}

/** Locates the message; one past its time to live ends, as it would soon. */
function refusalOf(
  state: State,
  queue: Queue,
  { ids, states, deliveryCounts }: Meant,
  index: number,
  nowMs: number,
): 'GONE' | 'CHANGED' | undefined {
  if (!queue.locate(ids[index]!)) return 'GONE';
  const row = queue.foundChunk!.rows[queue.foundIndex]!;
  if (isOverdue(state, row, nowMs)) {
    endOverdue(state, queue, nowMs);
    if (!keepsOverdue(queue)) return 'GONE';
  }
  const status = toldState(queue, queue.foundChunk!, queue.foundIndex);
  const deliveries = row === 0 ? 0 : state.leases.deliveryCounts[row];
  const isAsSeen =
    (states?.[index] ?? status) === status &&
    (deliveryCounts?.[index] ?? deliveries) === deliveries;
  return isAsSeen ? undefined : 'CHANGED';
}

function isAny(): boolean {
  return true;
}

/** Whoever has it may still settle it where it is; one whose bytes rotted is out of reach. */
function isMovable({ foundChunk, foundIndex }: Queue): boolean {
  const status = foundChunk!.states[foundIndex];
  return status === READY || status === HELD || status === DELAYED || status === DEAD;
}
