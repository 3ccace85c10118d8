/**
 * Receipts that a program gives, in any of the forms that it may give them, and what it is told
 * about them: a promise for one, and for an array one promise of an outcome each.
 */
import { type Code, WonderqError } from '../errors.ts';
import { parseReceipt } from '../protocol/receipt.ts';
import type { Receipt } from '../protocol/requests.ts';
import { badField, checkQueue } from './checks.ts';
import type { Connection } from './connection.ts';
import { Delivery } from './delivery.ts';
import type { Outcome, Settleable } from './options.ts';
import type { SettleHow, SettleWaiter } from './settle-call.ts';

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

/** The forms `(delivery | deliveries)` and `(queue, receipt | receipts)`, and what follows them. */
export function targetsOf(
  first: Settleable | readonly Settleable[] | string,
  second: unknown,
  third: unknown,
): { targets: Target[]; isOne: boolean; options: unknown } {
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

export function settleOne(
  connection: Connection,
  how: SettleHow,
  { queue, receipt }: Target,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiter = {
      settled: (_slot: number, code: Code | undefined) => {
        if (code === undefined) resolve();
        else reject(new WonderqError(code));
      },
      refused: reject,
    };
    connection.gathering.settle({ ...how, queue }, receipt, waiter);
  });
}

export function settleAll(
  connection: Connection,
  how: SettleHow,
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
      connection.gathering.settle({ ...how, queue }, receipt, waiter, slot);
    }
  });
}
