/**
 * A message as those who look at it are told: plain values by name. What the index knows of it, and
 * what only its bytes in the log tell.
 */
import { limits } from '../limits.ts';
import type { Walker } from '../protocol/walker.ts';
import { IN_FLIGHT } from '../queue/chunk.ts';
import { toldState } from '../queue/grouping.ts';
import type { Queue } from '../queue/queue.ts';
import { type MessageSnapshot, snapshotLocated } from '../queue/relocate.ts';
import type { State } from '../queue/state.ts';
import { failure, messageStates } from './record-description.ts';

export type Described = Readonly<Record<string, unknown>>;

/** Which part of a body is wanted. */
export interface BodyRange {
  readonly from: number;
  readonly bytes: number;
}

/** The located message without its bytes. Who has it is told by name, never by a session's key. */
export function describeLocated(state: State, queue: Queue): Described {
  const message = {} as MessageSnapshot;
  snapshotLocated(state, queue, message);
  const { id, priority, producedMs, deliveryCount, failureCount, dueMs, expiresMs } = message;
  const { failures, group } = message;
  return {
    id,
    state: messageStates[toldState(queue, queue.foundChunk!, queue.foundIndex)],
    priority,
    producedMs,
    bytes: message.length,
    deliveryCount,
    failureCount,
    ...(group === undefined ? {} : { group }),
    ...(dueMs === 0 ? {} : { dueMs }),
    ...(expiresMs === 0 ? {} : { expiresMs }),
    ...(message.state === IN_FLIGHT ? holderOf(state, message.session) : {}),
    ...(failures.length === 0 ? {} : { failures: failures.map(failure) }),
  };
}

/** Nobody where the lease is detached. */
function holderOf({ sessions }: State, session: number): Described {
  return session === 0 ? {} : { session, client: sessions.withNumber(session)!.name };
}

/** What the bytes of a message tell; those of the body are copied. */
export function describeBytes(
  walker: Walker,
  buffer: Buffer,
  start: number,
  length: number,
  { from, bytes }: BodyRange,
): Described {
  walker.reset(buffer, start, start + length);
  const parts = walker.arrayHeader('message');
  const bodyBytes = walker.bin('body');
  const first = Math.min(from, bodyBytes);
  const body = buffer.subarray(
    walker.from + first,
    walker.from + Math.min(first + bytes, bodyBytes),
  );
  const contentType = parts > 1 && !walker.nil() ? contentTypeAt(walker) : undefined;
  const headers = parts > 2 && !walker.nil() ? headersAt(walker) : undefined;
  return {
    bodyBytes,
    ...(bytes === 0 ? {} : { body: Buffer.from(body) }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(headers === undefined ? {} : { headers }),
  };
}

function contentTypeAt(walker: Walker): string {
  return walker.string('contentType', limits.contentTypeBytesMax);
}

/** An object without a prototype, since the keys are another program's. */
function headersAt(walker: Walker): Record<string, string> {
  const headers = Object.create(null) as Record<string, string>;
  for (let left = walker.mapHeader('headers'); left > 0; left -= 1) {
    const key = walker.string('headers', limits.headerBytesMax);
    headers[key] = walker.string('headers', limits.headerBytesMax);
  }
  return headers;
}
