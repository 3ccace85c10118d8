/**
 * Back-off: how long a message that failed waits until it may come again, as its queue says.
 */
import { limits } from '../limits.ts';
import type { QueueSettings } from './queue.ts';

/** Of a message that has failed `failureCount` times, this one included. In milliseconds. */
export function backOffMs(
  { backoffMs, backoff, backoffMsMax = limits.delayMsMax }: QueueSettings,
  failureCount: number,
  id: number,
  deliveryCount: number,
): number {
  if (backoffMs === undefined) return 0;
  if (backoff === 'linear') return Math.min(backoffMs * failureCount, backoffMsMax);
  if (backoff !== 'exponential') return Math.min(backoffMs, backoffMsMax);
  const most = Math.min(backoffMs * 2 ** (failureCount - 1), backoffMsMax);
  return Math.ceil(most - (most / 2) * spread(id, deliveryCount));
}

/** From 0 to below 1, alike for the same numbers: messages that failed together come apart. */
function spread(id: number, deliveryCount: number): number {
  let hash = ((id % 2 ** 32) ^ Math.floor(id / 2 ** 32)) + Math.imul(deliveryCount, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
