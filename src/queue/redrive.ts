/**
 * Redrive: dead messages are ready again, in their own places or in another queue. Each call does
 * one slice.
 */
import type { RefusedReceipt } from './answers.ts';
import { DEAD } from './chunk.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';
import type { Steered } from './steer.ts';
import { transfer } from './transfer.ts';
import { revive } from './transitions.ts';

/** Those of `ids` that are dead; `to` may be the queue itself. `by` is the operator's name. */
export function redrive(
  state: State,
  queue: Queue,
  to: Queue,
  ids: readonly number[],
  by: string,
): Steered {
  const { ids: redriven } = state;
  const refused: RefusedReceipt[] = [];
  redriven.clear();
  for (const [index, id] of ids.entries()) {
    const code = refusalOf(queue, id);
    if (code !== undefined) {
      refused.push({ index, code });
      continue;
    }
    if (to === queue) revive(state, queue, queue.foundLane!, queue.foundChunk!, queue.foundIndex);
    else transfer(state, queue, to);
    redriven.push(id);
  }
  if (redriven.count > 0 && to === queue) state.journal.redriven(queue, redriven);
  else if (redriven.count > 0) state.journal.moved(queue, to, { by }, redriven);
  queue.counters.redriven += redriven.count;
  return { count: redriven.count, refused };
}

function refusalOf(queue: Queue, id: number): RefusedReceipt['code'] | undefined {
  if (!queue.locate(id)) return 'GONE';
  return queue.foundChunk!.states[queue.foundIndex] === DEAD ? undefined : 'NOT_DEAD';
}

/** The first dead messages: by priority, the highest first, then by ID. */
export function deadIds(queue: Queue, countMax: number): number[] {
  const ids: number[] = [];
  for (const lane of queue.lanes) {
    for (const chunk of lane.chunks) {
      let left = chunk.dead;
      for (let index = 0; left > 0 && ids.length < countMax; index += 1) {
        if (chunk.states[index] !== DEAD) continue;
        ids.push(chunk.idAt(index));
        left -= 1;
      }
    }
  }
  return ids;
}
