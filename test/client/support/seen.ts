// One request as a fake broker saw it: plain values that stay, read from the parser's scratch object.

import { unpack } from 'msgpackr';
import { REQUEST } from '../../../src/protocol/operations.ts';
import type { Request } from '../../../src/protocol/request.ts';

export type RequestName = keyof typeof REQUEST;

export interface Seen {
  readonly name: RequestName;
  readonly id: number;
  readonly sequence: number;
  readonly queue: string;
  readonly queues: readonly string[];
  readonly durability: number;
  readonly delayMs: number;
  readonly priority: number;
  readonly notBeforeMs: number;
  readonly timeToLiveMs: number;
  /** The bodies of a produce, as text. */
  readonly bodies: readonly string[];
  /** `ID-TOKEN` each. */
  readonly receipts: readonly string[];
  /** `QUEUE ID-TOKEN` each: what a receive acknowledges and what a resume holds. */
  readonly grouped: readonly string[];
  readonly hasAcks: boolean;
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly waitMs: number;
  readonly visibilityMs: number;
  readonly detached: boolean;
  readonly subscription: number;
  readonly creditMessages: number;
  readonly creditBytes: number;
  readonly target: number;
  readonly pingNumber: number;
  readonly clientName: string;
  readonly session: string | undefined;
  readonly token: string | undefined;
  readonly pinged: boolean;
  readonly verb: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

const names = new Map(Object.entries(REQUEST).map(([name, number]) => [number, name]));

export function seenIn(request: Request, buffer: Buffer): Seen {
  const { id, sequence, queue, durability, delayMs, priority, hasAcks } = request;
  const { notBeforeMs, timeToLiveMs } = request;
  const { messagesMax, bytesMax, waitMs, visibilityMs, detached } = request;
  const { subscription, creditMessages, creditBytes, target, pingNumber } = request;
  const { clientName, token, pinged, verb } = request;
  return {
    name: names.get(request.operation as never) as RequestName,
    ...{ id, sequence, queue, durability, delayMs, priority, hasAcks },
    ...{ notBeforeMs, timeToLiveMs },
    ...{ messagesMax, bytesMax, waitMs, visibilityMs, detached },
    ...{ subscription, creditMessages, creditBytes, target, pingNumber },
    ...{ clientName, token, pinged, verb, arguments: request.arguments },
    queues: [...request.queues],
    bodies: bodiesIn(request, buffer),
    receipts: receiptsIn(request, 0, request.receipts.count),
    grouped: groupedIn(request),
    session: request.session?.toString('hex'),
  };
}

function bodiesIn({ messages }: Request, buffer: Buffer): string[] {
  const bodies: string[] = [];
  for (let index = 0; index < messages.count; index += 1) {
    const start = messages.offsets[index]!;
    const message = unpack(buffer.subarray(start, start + messages.lengths[index]!)) as [Buffer];
    bodies.push(message[0].toString('utf8'));
  }
  return bodies;
}

function receiptsIn({ receipts }: Request, from: number, to: number): string[] {
  const texts: string[] = [];
  for (let index = from; index < to; index += 1) {
    texts.push(`${receipts.ids[index]}-${receipts.tokens[index]}`);
  }
  return texts;
}

function groupedIn(request: Request): string[] {
  const { queues, from, to, count } = request.groups;
  const texts: string[] = [];
  for (let group = 0; group < count; group += 1) {
    const receipts = receiptsIn(request, from[group]!, to[group]!);
    texts.push(...receipts.map((receipt) => `${queues[group]} ${receipt}`));
  }
  return texts;
}
