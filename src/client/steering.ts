/**
 * Single messages deleted or moved by ID, a slice a request: each as it was seen, where that is
 * said, so that what changed meanwhile is left alone.
 */
import type { Code } from '../errors.ts';
import { limits } from '../limits.ts';
import { askOfQueue } from './administration.ts';
import { checkState, type MessageStateName } from './browsing.ts';
import { checkInteger, checkQueue } from './checks.ts';
import type { Connection } from './connection.ts';

/** A message as it was seen: what `browse` and `getMessage` give, or a part of it. */
export interface SeenMessage {
  readonly id: number;
  readonly state?: MessageStateName | undefined;
  readonly deliveryCount?: number | undefined;
}

/** IDs, or messages as they were seen. */
export type Meant = readonly (number | SeenMessage)[];

/** Of the messages that were named, one with which it could not be done. */
export interface RefusedMessage {
  readonly id: number;
  readonly code: Code;
}

export interface Deleted {
  readonly deleted: number;
  /** With GONE, or CHANGED: it is not any more as it was seen. */
  readonly refused: readonly RefusedMessage[];
}

export interface Moved {
  readonly moved: number;
  /** With GONE, or CHANGED: it is not any more as it was seen, in flight, or unreadable. */
  readonly refused: readonly RefusedMessage[];
}

interface Answer {
  readonly refused: readonly RefusedMessage[];
}

/** A queue as it was seen. */
export interface SeenQueue {
  /** As `getQueue` tells it: rejects with CHANGED where the queue was made anew since then. */
  readonly createdMs?: number | undefined;
}

export function checkSeenQueue({ createdMs }: SeenQueue): { createdMs: number | undefined } {
  checkInteger('createdMs', createdMs, 0, Number.MAX_SAFE_INTEGER);
  return { createdMs };
}

export async function deleteMessages(
  connection: Connection,
  queue: string,
  meant: Meant,
): Promise<Deleted> {
  const { done, refused } = await steer(connection, 'message.delete', queue, meant);
  return { deleted: done, refused };
}

export async function moveMessages(
  connection: Connection,
  queue: string,
  meant: Meant,
  to: string,
): Promise<Moved> {
  checkQueue(to);
  const { done, refused } = await steer(connection, 'message.move', queue, meant, to);
  return { moved: done, refused };
}

async function steer(
  connection: Connection,
  verb: string,
  queue: string,
  meant: Meant,
  to?: string,
): Promise<{ done: number; refused: RefusedMessage[] }> {
  const all = meant.map(checkSeen);
  const refused: RefusedMessage[] = [];
  for (let from = 0; from < all.length; from += limits.sliceMessagesMax) {
    const fields = { ...columnsOf(all.slice(from, from + limits.sliceMessagesMax)), to };
    const answer = await askOfQueue<Answer>(connection, verb, queue, fields);
    refused.push(...answer.refused);
  }
  return { done: all.length - refused.length, refused };
}

function checkSeen(meant: number | SeenMessage): SeenMessage {
  const seen = typeof meant === 'number' ? { id: meant } : meant;
  checkInteger('id', seen.id, 1, Number.MAX_SAFE_INTEGER);
  checkState(seen.state);
  checkInteger('deliveryCount', seen.deliveryCount, 0, Number.MAX_SAFE_INTEGER);
  return seen;
}

/** One in which nothing is said is left out. */
function columnsOf(seen: readonly SeenMessage[]): Record<string, unknown> {
  const column = <Value>(values: (Value | undefined)[]) =>
    values.some((value) => value !== undefined) ? values : undefined;
  return {
    ids: seen.map(({ id }) => id),
    states: column(seen.map(({ state }) => state)),
    deliveryCounts: column(seen.map(({ deliveryCount }) => deliveryCount)),
  };
}
