/**
 * Receipts that a program gives, in any of the forms that it may give them, and what it is told
 * about them: a promise for one, and for an array one promise of an outcome each.
 */
import { type Code, WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { parseReceipt } from '../protocol/receipt.ts';
import type { Receipt } from '../protocol/requests.ts';
import {
  badField,
  checkDelay,
  checkInteger,
  checkQueue,
  checkText,
  checkVisibility,
} from './checks.ts';
import type { Connection } from './connection.ts';
import { Delivery } from './delivery.ts';
import type { ExtendOptions, NackOptions, Outcome, Settleable } from './options.ts';
import type { SettleKind, SettleManner, SettleWaiter } from './settle-call.ts';

export interface Target {
  readonly queue: string;
  readonly receipt: Receipt;
}

/** Throws for what is no receipt. */
export function targetOf(given: Settleable): Target {
  if (given instanceof Delivery) return { queue: given.queue, receipt: given };
  if (typeof given !== 'object' || given === null) {
    throw badField('receipt', 'must be a delivery, or a queue and a receipt');
  }
  checkQueue(given.queue);
  if (typeof given.receipt !== 'string') throw badField('receipt', 'must be a string');
  return { queue: given.queue, receipt: parseReceipt(given.receipt) };
}

export interface Targets {
  readonly targets: readonly Target[];
  readonly isOne: boolean;
  readonly options: unknown;
}

/** The forms `(delivery | deliveries)` and `(queue, receipt | receipts)`, and what follows them. */
export function targetsOf(
  first: Settleable | readonly Settleable[] | string,
  second: unknown,
  third: unknown,
): Targets {
  if (typeof first !== 'string') {
    const isOne = !Array.isArray(first);
    const all = (isOne ? [first] : first) as readonly Settleable[];
    return { targets: all.map(targetOf), isOne, options: second };
  }
  const isOne = !Array.isArray(second);
  const texts = (isOne ? [second] : second) as readonly string[];
  const targets = texts.map((receipt) => targetOf({ queue: first, receipt }));
  return { targets, isOne, options: third };
}

/** By message ID alone. */
export function idTargets(queue: string, given: number | readonly number[]): Targets {
  checkQueue(queue);
  const isOne = typeof given === 'number';
  const ids = isOne ? [given] : given;
  for (const id of ids) checkInteger('id', id, 1, Number.MAX_SAFE_INTEGER);
  const targets = ids.map((id) => ({ queue, receipt: { id, token: 0 } }));
  return { targets, isOne, options: undefined };
}

/** Resolves to nothing for one, to an outcome each for several. */
export function settle(
  connection: Connection,
  kind: SettleKind,
  { targets, isOne, options }: Targets,
): Promise<Outcome[] | undefined> {
  const { delayMs, reason, visibilityMs } = (options ?? {}) as NackOptions & ExtendOptions;
  checkDelay(delayMs);
  checkVisibility(visibilityMs);
  checkText('reason', reason, limits.failureTextBytesMax);
  const manner = { kind, timeMs: kind === 'extend' ? visibilityMs : delayMs, reason };
  return isOne
    ? settleOne(connection, manner, targets[0]!)
    : settleAll(connection, manner, targets);
}

function settleOne(
  connection: Connection,
  manner: SettleManner,
  { queue, receipt }: Target,
): Promise<undefined> {
  return new Promise((resolve, reject) => {
    const waiter = {
      settled: (_slot: number, code: Code | undefined) => {
        if (code === undefined) resolve(undefined);
        else reject(new WonderqError(code));
      },
      refused: reject,
    };
    connection.gathering.settle(manner, queue, receipt, waiter);
  });
}

function settleAll(
  connection: Connection,
  manner: SettleManner,
  targets: readonly Target[],
): Promise<Outcome[]> {
  return new Promise((resolve, reject) => {
    const outcomes = new Array<Outcome>(targets.length);
    let left = targets.length;
    const waiter: SettleWaiter = {
      settled: (slot, code) => {
        outcomes[slot] = code ?? 'ok';
        left -= 1;
        if (left === 0) resolve(outcomes);
      },
      refused: reject,
    };
    if (left === 0) resolve(outcomes);
    for (const [slot, { queue, receipt }] of targets.entries()) {
      connection.gathering.settle(manner, queue, receipt, waiter, slot);
    }
  });
}
