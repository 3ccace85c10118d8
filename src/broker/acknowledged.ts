/**
 * What a receive acknowledged on its way: it is told with the receive's answer, which may come
 * later, from another queue, or be empty, and must not come before it is durable.
 */
import type { Codes } from '../protocol/answers.ts';
import type { Durability } from '../queue/queue.ts';
import type { Taker } from '../queue/taker.ts';

export interface Acknowledged {
  /** By group. */
  readonly codes: readonly Codes[];
  /** The strictest of the queues' levels. */
  readonly level: Durability;
}

export function acknowledgedBy(taker: Taker): Acknowledged | undefined {
  return taker.acknowledged as Acknowledged | undefined;
}
