// What a request says, as plain values: read from the parser's scratch object, and read a second time
// from the same bytes by msgpackr and the table of docs/protocol.md. The two must agree.

import { Unpackr } from 'msgpackr';
import type { Reply } from '../../../src/protocol/reply.ts';
import type { Request } from '../../../src/protocol/request.ts';

const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number', structuredClone: false });

export function unpack(bytes: Buffer): unknown {
  return unpackr.unpack(Buffer.from(bytes));
}

type Groups = { queue: string; receipts: number[] }[];

/** The fields that a request of this operation has, by name. */
export function requestRead(request: Request, buffer: Buffer): Record<string, unknown> {
  const { operation, id, sequence, queue, queues, durability, delayMs, priority } = request;
  const { notBeforeMs, timeToLiveMs } = request;
  const { messagesMax, bytesMax, waitMs, visibilityMs, detached, subscription } = request;
  const { creditMessages, creditBytes, target, pingNumber, verb } = request;
  const { version, clientName, session, token, pinged } = request;
  const credit = { creditMessages, creditBytes };
  const settle = { operation, id, sequence, queue, receipts: receiptsOf(request) };
  switch (operation) {
    case 1:
      return { operation, id, version, clientName, session: session ?? null, token, pinged };
    case 2:
      return { operation, id, held: groupsOf(request) };
    case 5:
      return { operation, id, target };
    case 6:
      return { operation, id, pingNumber };
    case 10: {
      const keys = [...request.deduplicationIds];
      const settings = { durability, delayMs, priority, notBeforeMs, timeToLiveMs, keys };
      return { operation, id, sequence, queue, ...settings, messages: messagesOf(request, buffer) };
    }
    case 11: {
      const acks = request.hasAcks ? groupsOf(request) : null;
      const bounds = { messagesMax, bytesMax, waitMs, visibilityMs, detached };
      return { operation, id, sequence, queues: [...queues], ...bounds, acks };
    }
    case 12:
    case 14:
      return settle;
    case 13:
      return { ...settle, delayMs: request.hasDelay ? delayMs : null, reason: request.reason };
    case 15:
      return { ...settle, visibilityMs };
    case 16:
      return { operation, id, queues: [...queues], ...credit, visibilityMs, detached };
    case 17:
      return { operation, id, subscription, ...credit };
    case 18:
      return { operation, id, subscription };
    case 19: {
      const { ids, count } = request.receipts;
      return { operation, id, sequence, queue, ids: [...ids.subarray(0, count)] };
    }
    case 20:
      return { operation, id, sequence, verb, arguments: request.arguments };
    default:
      return { operation, id };
  }
}

/** The same from the frame alone, without any check. */
export function requestUnpacked(frame: Buffer): Record<string, unknown> {
  // What each value is depends on the operation, and a reader with checks would be the walker again.
  // biome-ignore lint/suspicious/noExplicitAny: the second opinion must not check as the first does
  const values = unpack(frame) as any[];
  const [operation, id, a, b, c, d, e, f, g, h, i] = values;
  const settle = { operation, id, sequence: a ?? 0, queue: b, receipts: c };
  const queues = (given: string | string[]): string[] => [given].flat();
  switch (operation) {
    case 1: {
      const session = c ?? null;
      const rest = { clientName: b ?? '', session, token: d ?? undefined, pinged: e ?? true };
      return { operation, id, version: a, ...rest };
    }
    case 2:
      return { operation, id, held: groups(a ?? []) };
    case 5:
      return { operation, id, target: a };
    case 6:
      return { operation, id: 0, pingNumber: id };
    case 10: {
      const times = { delayMs: d ?? 0, notBeforeMs: g ?? 0, timeToLiveMs: h ?? 0 };
      const keys = (i ?? []).map((key: string | null) => key ?? undefined);
      const settings = { durability: c ?? 0, priority: e ?? 0, messages: f, ...times, keys };
      return { operation, id, sequence: a ?? 0, queue: b, ...settings };
    }
    case 11: {
      const bounds = { messagesMax: c ?? 1, bytesMax: d ?? 0, waitMs: e ?? 0 };
      const lease = { visibilityMs: f ?? 0, detached: g ?? false };
      const acks = h == null ? null : groups(h);
      return { operation, id, sequence: a ?? 0, queues: queues(b), ...bounds, ...lease, acks };
    }
    case 12:
    case 14:
      return settle;
    case 13:
      return { ...settle, delayMs: d ?? null, reason: e ?? '' };
    case 15:
      return { ...settle, visibilityMs: d ?? 0 };
    case 16: {
      const credit = { creditMessages: b ?? 0, creditBytes: c ?? 0 };
      const lease = { visibilityMs: d ?? 0, detached: e ?? false };
      return { operation, id, queues: queues(a), ...credit, ...lease };
    }
    case 17: {
      const credit = { creditMessages: a ?? 0, creditBytes: b ?? 0 };
      return { operation, id: 0, subscription: id, ...credit };
    }
    case 18:
      return { operation, id, subscription: a };
    case 19:
      return { operation, id, sequence: a ?? 0, queue: b, ids: c };
    case 20:
      return { operation, id, sequence: a ?? 0, verb: b, arguments: c ?? {} };
    default:
      return { operation, id };
  }
}

function groups(given: [string, number[]][]): Groups {
  return given.map(([queue, receipts]) => ({ queue, receipts }));
}

function receiptsOf({ receipts }: Request, from = 0, to = receipts.count): number[] {
  const numbers: number[] = [];
  for (let index = from; index < to; index += 1) {
    numbers.push(receipts.ids[index]!, receipts.tokens[index]!);
  }
  return numbers;
}

function groupsOf(request: Request): Groups {
  const { groups: scratch } = request;
  return Array.from({ length: scratch.count }, (_, index) => ({
    queue: scratch.queues[index]!,
    receipts: receiptsOf(request, scratch.from[index], scratch.to[index]),
  }));
}

/** Each message unpacked on its own, so that its place and its length are put to the test. */
function messagesOf({ messages }: Request, buffer: Buffer): unknown[] {
  let expected = messages.start;
  const values = Array.from({ length: messages.count }, (_, index) => {
    const offset = messages.offsets[index]!;
    if (offset !== expected) throw new Error(`message ${index} is at ${offset}, not ${expected}`);
    expected = offset + messages.lengths[index]!;
    return unpack(buffer.subarray(offset, expected));
  });
  if (expected !== messages.end) throw new Error(`the messages end at ${messages.end}`);
  return values;
}

/** The deliveries of a reply as plain values. */
export function deliveriesRead({ deliveries }: Reply): unknown[] {
  return Array.from({ length: deliveries.count }, (_, index) => ({
    id: deliveries.ids[index],
    token: deliveries.tokens[index],
    deliveryCount: deliveries.deliveryCounts[index],
    failureCount: deliveries.failureCounts[index],
    producedMs: deliveries.producedMs[index],
    priority: deliveries.priorities[index],
    body: deliveries.body(index).toString('latin1'),
    contentType: deliveries.contentType(index),
    headers: deliveries.headers(index),
    group: deliveries.group(index),
  }));
}
