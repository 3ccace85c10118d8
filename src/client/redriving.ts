/**
 * Redrive, a slice a request: the broker looks at each message anew, so that one that is not dead
 * any more stays as it is, and a caller may be as slow as it likes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Code } from '../errors.ts';
import { limits } from '../limits.ts';
import type { MessagePage } from './browsing.ts';
import { checkInteger, checkQueue } from './checks.ts';

export interface RedriveOptions {
  /** Default: all that are dead when it begins. */
  ids?: readonly number[] | undefined;
  /** The queue in which they are ready then. Default: their own. */
  to?: string | undefined;
  /** Messages a second at most. Default: no bound. */
  ratePerSecond?: number | undefined;
}

export interface Redriven {
  readonly redriven: number;
  /** Of `ids`: those that were not dead, or not there. */
  readonly refused: readonly { readonly id: number; readonly code: Code }[];
}

/** How it asks: for what is done to some messages, and for a page of the dead ones. */
export interface RedriveSteps {
  redrive(fields: { ids: readonly number[]; to: string | undefined }): Promise<Answer>;
  deadAfter(cursor: string | undefined, limit: number): Promise<MessagePage>;
}

interface Answer extends Redriven {
  /** How many are dead still. */
  readonly dead: number;
}

export function checkRedrive({ ids, to, ratePerSecond }: RedriveOptions): void {
  for (const id of ids ?? []) checkInteger('ids', id, 1, Number.MAX_SAFE_INTEGER);
  if (to !== undefined) checkQueue(to);
  checkInteger('ratePerSecond', ratePerSecond, 1, 1_000_000);
}

export async function redrive(steps: RedriveSteps, options: RedriveOptions): Promise<Redriven> {
  const { ids, to, ratePerSecond } = options;
  const sliceMax = Math.min(limits.sliceMessagesMax, ratePerSecond ?? Number.POSITIVE_INFINITY);
  const slices = ids === undefined ? eachDead(steps, sliceMax) : eachSlice(ids, sliceMax);
  const done = { redriven: 0, refused: [] as Redriven['refused'][number][] };
  let passed = 0;
  let before = 0;
  // Those that die meanwhile are not waited for.
  let all = Number.POSITIVE_INFINITY;
  for await (const slice of slices) {
    if (ratePerSecond !== undefined) await sleep((before / ratePerSecond) * 1000);
    before = slice.length;
    const answer = await steps.redrive({ ids: slice, to });
    passed += slice.length;
    done.redriven += answer.redriven;
    if (ids !== undefined) done.refused.push(...answer.refused);
    else if (passed === slice.length) all = answer.redriven + answer.dead;
    if (passed >= all) break;
  }
  return done;
}

function* eachSlice(ids: readonly number[], sliceMax: number): Generator<readonly number[]> {
  for (let from = 0; from < ids.length; from += sliceMax) yield ids.slice(from, from + sliceMax);
}

/** Each dead one once: one that dies again while others wait is not met a second time. */
async function* eachDead(
  steps: RedriveSteps,
  sliceMax: number,
): AsyncGenerator<readonly number[], void> {
  for (let cursor: string | undefined; ; ) {
    const { messages, next } = await steps.deadAfter(cursor, sliceMax);
    if (messages.length > 0) yield messages.map(({ id }) => id);
    if (next === undefined) return;
    cursor = next;
  }
}
