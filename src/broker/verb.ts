/**
 * A verb of administration: what it does and what it answers, and what verbs about messages have in
 * common.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { RefusedReceipt } from '../queue/answers.ts';
import type { Queue } from '../queue/queue.ts';
import type { Steered } from '../queue/steer.ts';
import { type Arguments, badField, isWhole, name, whole } from './arguments.ts';
import type { Core } from './core.ts';

/** What one request does to messages. */
export const sliceMax = limits.sliceMessagesMax;

export interface Verb {
  /** Whether it is refused, as produce is, while the disk is full. */
  readonly needsSpace?: true;
  /** Does it, for the client of this name. Returns what a repetition is answered with. */
  readonly act: (core: Core, args: Arguments, nowMs: number, by: string) => number | Outcome;
  /** The value of the answer. */
  readonly value: (core: Core, args: Arguments, outcome: Outcome, nowMs: number) => unknown;
}

export interface Outcome {
  readonly value: number;
  /** Of messages that were named, those with which it could not be done. */
  readonly refused?: readonly RefusedReceipt[] | undefined;
}

/** As the rules tell it. */
export function outcomeWith({ count, refused }: Steered): Outcome {
  return { value: count, refused: refused.length === 0 ? undefined : refused };
}

/** By ID, with the code of each. */
export function refusedIds(ids: readonly number[], { refused = [] }: Outcome) {
  return refused.map(({ index, code }) => ({ id: ids[index], code }));
}

/** Message IDs, if there are any. */
export function idsOf({ ids }: Arguments): number[] | undefined {
  if (ids === undefined || ids === null) return undefined;
  const isList = Array.isArray(ids) && ids.length > 0 && ids.length <= sliceMax;
  if (!isList || !ids.every((id) => isWhole(id, 1, Number.MAX_SAFE_INTEGER))) {
    throw badField('ids', `must be 1 to ${sliceMax} message IDs`);
  }
  return ids;
}

/** The queue; where the request says when the one was made that it is about, it is that one. */
export function queueAsSeen({ state }: Core, args: Arguments): Queue {
  const queue = state.required(name(args));
  const createdMs = whole(args, 'createdMs', 0, Number.MAX_SAFE_INTEGER, queue.createdMs);
  if (createdMs === queue.createdMs) return queue;
  const what = `queue ${queue.name} was made at ${queue.createdMs}, not at ${createdMs}`;
  throw new WonderqError('CHANGED', what, { field: 'createdMs' });
}
