/**
 * Redrive, a slice a request: the broker looks at each message anew, so that one that is not dead
 * any more stays as it is, and a caller may be as slow as it likes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../limits.ts';
import type { MessagePage } from './browsing.ts';
import { badField, checkInteger, checkQueue } from './checks.ts';
import { checkFilter, type DeadFilter, isFilter, isMeant } from './dead-filter.ts';
import { checkSeenQueue, type RefusedMessage, type SeenQueue } from './steering.ts';

/** Without IDs: all that the filter means; without one, all that are dead when it begins. */
export interface RedriveOptions extends DeadFilter, SeenQueue {
  /** Excludes a filter. */
  ids?: readonly number[] | undefined;
  /** The queue in which they are ready then. Default: their own. */
  to?: string | undefined;
  /** Messages a second at most. Default: no bound. */
  ratePerSecond?: number | undefined;
}

export interface Redriven {
  readonly redriven: number;
  /** Of `ids`: those that were not dead, or not there. */
  readonly refused: readonly RefusedMessage[];
}

/** How it asks: for what is done to some messages, and for a page of the dead ones. */
export interface RedriveSteps {
  redrive(fields: RedriveFields): Promise<Answer>;
  /** `headers`: whether it tells those. */
  deadAfter(cursor: string | undefined, limit: number, headers: boolean): Promise<MessagePage>;
}

interface RedriveFields extends SeenQueue {
  readonly ids: readonly number[];
  readonly to: string | undefined;
}

interface Answer extends Redriven {
  /** How many are dead still. */
  readonly dead: number;
}

export function checkRedrive(options: RedriveOptions): void {
  const { ids, to, ratePerSecond } = options;
  checkFilter(options);
  checkSeenQueue(options);
  if (ids !== undefined && isFilter(options))
    throw badField('ids', 'and a filter exclude each other');
  for (const id of ids ?? []) checkInteger('ids', id, 1, Number.MAX_SAFE_INTEGER);
  if (to !== undefined) checkQueue(to);
  checkInteger('ratePerSecond', ratePerSecond, 1, 1_000_000);
}

export async function redrive(steps: RedriveSteps, options: RedriveOptions): Promise<Redriven> {
  const { ids, to, ratePerSecond, createdMs } = options;
  const sliceMax = Math.min(limits.sliceMessagesMax, ratePerSecond ?? Number.POSITIVE_INFINITY);
  const slices = ids === undefined ? eachDead(steps, options, sliceMax) : eachSlice(ids, sliceMax);
  const done = { redriven: 0, refused: [] as RefusedMessage[] };
  let before = 0;
  // Those that die meanwhile are not waited for.
  let all = Number.POSITIVE_INFINITY;
  for await (const { meant, passed } of slices) {
    if (meant.length > 0) {
      if (ratePerSecond !== undefined) await sleep((before / ratePerSecond) * 1000);
      before = meant.length;
      const answer = await steps.redrive({ ids: meant, to, createdMs });
      done.redriven += answer.redriven;
      if (ids !== undefined) done.refused.push(...answer.refused);
      else if (all === Number.POSITIVE_INFINITY) all = answer.redriven + answer.dead;
    }
    if (passed >= all) break;
  }
  return done;
}

/** The IDs to be redriven at once, and how many were looked at with them and before. */
interface Slice {
  readonly meant: readonly number[];
  readonly passed: number;
}

function* eachSlice(ids: readonly number[], sliceMax: number): Generator<Slice> {
  for (let from = 0; from < ids.length; from += sliceMax) {
    yield { meant: ids.slice(from, from + sliceMax), passed: from };
  }
}

/** Each dead one once: one that dies again while others wait is not met a second time. */
async function* eachDead(
  steps: RedriveSteps,
  filter: DeadFilter,
  sliceMax: number,
): AsyncGenerator<Slice, void> {
  let passed = 0;
  const wantsHeaders = filter.headers !== undefined;
  for (let cursor: string | undefined; ; ) {
    const { messages, next } = await steps.deadAfter(cursor, sliceMax, wantsHeaders);
    passed += messages.length;
    const meant = messages.filter((message) => isMeant(filter, message));
    yield { meant: meant.map(({ id }) => id), passed };
    if (next === undefined) return;
    cursor = next;
  }
}
