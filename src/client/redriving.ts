/**
 * Redrive, a slice a request: the broker looks at each message anew, so that one that is not dead
 * any more stays as it is, and a caller may be as slow as it likes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Code } from '../errors.ts';
import { limits } from '../limits.ts';
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

/** Sends one request. */
type Ask = (fields: Record<string, unknown>) => Promise<Record<string, unknown>>;

interface Answer extends Redriven {
  /** How many are dead still. */
  readonly dead: number;
}

export function checkRedrive({ ids, to, ratePerSecond }: RedriveOptions): void {
  for (const id of ids ?? []) checkInteger('ids', id, 1, Number.MAX_SAFE_INTEGER);
  if (to !== undefined) checkQueue(to);
  checkInteger('ratePerSecond', ratePerSecond, 1, 1_000_000);
}

export async function redrive(ask: Ask, options: RedriveOptions): Promise<Redriven> {
  const { ids, to, ratePerSecond } = options;
  const sliceMax = Math.min(limits.sliceMessagesMax, ratePerSecond ?? Number.POSITIVE_INFINITY);
  const slow = async (count: number) => {
    if (ratePerSecond !== undefined) await sleep((count / ratePerSecond) * 1000);
  };
  if (ids === undefined) return await redriveAll(ask, { to, limit: sliceMax }, slow);
  let redriven = 0;
  const refused: Redriven['refused'][number][] = [];
  for (let from = 0; from < ids.length; from += sliceMax) {
    if (from > 0) await slow(sliceMax);
    const answer = await ask({ ids: ids.slice(from, from + sliceMax), to });
    redriven += Number(answer.redriven);
    refused.push(...(answer as unknown as Answer).refused);
  }
  return { redriven, refused };
}

/** As many as are dead when it begins. */
async function redriveAll(
  ask: Ask,
  fields: Record<string, unknown>,
  slow: (count: number) => Promise<void>,
): Promise<Redriven> {
  let answer = (await ask(fields)) as unknown as Answer;
  let { redriven } = answer;
  const all = redriven + answer.dead;
  while (answer.redriven > 0 && answer.dead > 0 && redriven < all) {
    await slow(answer.redriven);
    answer = (await ask(fields)) as unknown as Answer;
    redriven += answer.redriven;
  }
  return { redriven, refused: [] };
}
