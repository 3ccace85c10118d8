/**
 * What is asked of messages without taking them, and how they are told.
 */
import { limits, settable } from '../limits.ts';
import { badField, checkInteger } from './checks.ts';

export type MessageStateName = 'ready' | 'held' | 'in flight' | 'delayed' | 'dead' | 'unreadable';

const STATE_NAMES: readonly string[] = [
  'ready',
  'held',
  'in flight',
  'delayed',
  'dead',
  'unreadable',
];
const [, BODY_BYTES_MOST] = settable.bodyBytesMax;

/** How a delivery ended without an ack. */
export interface FailureInfo {
  readonly reason: string;
  /** Broker time; left out where an old log does not tell. */
  readonly atMs?: number;
  /** The name of the client that had it. */
  readonly consumer?: string;
  /** What the client said. */
  readonly text?: string;
}

/** A message that was looked at, as it was then. */
export interface MessageInfo {
  readonly id: number;
  readonly state: MessageStateName;
  readonly priority: number;
  /** The key of its group. */
  readonly group?: string;
  /** Broker time, as all times. */
  readonly producedMs: number;
  /** Of the message as it is encoded; 0 where they can no longer be read. */
  readonly bytes: number;
  readonly deliveryCount: number;
  readonly failureCount: number;
  /** When its lease or delay ends. */
  readonly dueMs?: number;
  /** The number of the session that has it, and its client's name; left out of a detached lease. */
  readonly session?: number;
  readonly client?: string;
  /** The last ones, the oldest first. */
  readonly failures?: readonly FailureInfo[];
  /** These where they were asked for. `bodyBytes` is of the whole body, `body` the part of it. */
  readonly bodyBytes?: number;
  readonly body?: Buffer;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface MessagePage {
  readonly messages: readonly MessageInfo[];
  /** The cursor of the next page; undefined: nothing follows. A page may be empty and have one. */
  readonly next: string | undefined;
}

/** Which part of a body is wanted. */
export interface BodyOptions {
  /** How much of it. 0: none, but its size, content type and headers. */
  readonly bodyBytes?: number | undefined;
  /** From which byte on. Default: 0. */
  readonly bodyFrom?: number | undefined;
}

/** Without `bodyBytes` nothing is told that only the bytes of a message tell. */
export interface BrowseOptions extends BodyOptions {
  /** Default: any. */
  readonly state?: MessageStateName | undefined;
  /** Where to go on: the cursor that a page gave as `next`. */
  readonly after?: string | undefined;
  /** Messages of one page, 1 to 1,000. Default: 100. */
  readonly limit?: number | undefined;
}

/** Why something is not being delivered now. `text` is a sentence; figures are beside it. */
export interface WhyReason {
  readonly code: string;
  readonly text: string;
  readonly [figure: string]: unknown;
}

export interface Why {
  /** Of the message; undefined where a queue has no next one. */
  readonly id?: number;
  /** `gone`: it is not in the queue. */
  readonly state?: MessageStateName | 'gone';
  readonly reasons: readonly WhyReason[];
}

/** What is sent; throws for what cannot be asked. */
export function browseFields(options: BrowseOptions): Record<string, unknown> {
  const { state, after, limit } = options;
  checkState(state);
  if (after !== undefined && typeof after !== 'string') throw badField('after', 'must be a string');
  checkInteger('limit', limit, 1, limits.sliceMessagesMax);
  return { state, after, limit, ...bodyFields(options) };
}

export function checkState(state: MessageStateName | undefined): void {
  if (state === undefined || STATE_NAMES.includes(state)) return;
  throw badField('state', `must be ${STATE_NAMES.join(', ')}`);
}

export function bodyFields({ bodyBytes, bodyFrom }: BodyOptions): Record<string, unknown> {
  checkInteger('bodyBytes', bodyBytes, 0, BODY_BYTES_MOST);
  checkInteger('bodyFrom', bodyFrom, 0, BODY_BYTES_MOST);
  return { bodyBytes, bodyFrom };
}

/** All messages, a page after the other as they are wanted. */
export async function* eachMessage(
  page: (after: string | undefined) => Promise<MessagePage>,
  after: string | undefined,
): AsyncGenerator<MessageInfo, void, undefined> {
  for (let cursor = after; ; ) {
    const { messages, next } = await page(cursor);
    yield* messages;
    if (next === undefined) return;
    cursor = next;
  }
}
