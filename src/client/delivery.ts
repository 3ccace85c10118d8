/**
 * One delivery of one message, as a program sees it. It owns its bytes.
 */
import { WonderqError } from '../errors.ts';
import { formatReceipt } from '../protocol/receipt.ts';
import type { Reply } from '../protocol/reply.ts';

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze(
  Object.create(null) as Record<string, string>,
);

export class Delivery {
  /** The message's ID: a safe integer. */
  readonly id: number;
  readonly queue: string;
  /** The second half of the receipt. */
  readonly token: number;
  readonly body: Buffer;
  readonly contentType: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** How often the message was delivered, this time counted. */
  readonly deliveryCount: number;
  /** How often it came back as failed. */
  readonly failureCount: number;
  /** Broker time when it was produced. */
  readonly producedMs: number;
  readonly priority: number;
  /** The key of its group. */
  readonly group: string | undefined;
  /** Bytes of the message as it is encoded: what it takes of a credit by bytes. */
  readonly messageBytes: number;
  /** How long it may be held without an ack or extend. */
  readonly visibilityMs: number;

  /** Copies one delivery out of an answer that was just read. See `deliveriesOf`. */
  constructor(reply: Reply, index: number) {
    const { deliveries } = reply;
    this.id = deliveries.ids[index]!;
    this.queue = reply.queue ?? '';
    this.token = deliveries.tokens[index]!;
    this.body = deliveries.body(index);
    this.contentType = deliveries.contentType(index);
    this.headers = deliveries.headers(index) ?? NO_HEADERS;
    this.deliveryCount = deliveries.deliveryCounts[index]!;
    this.failureCount = deliveries.failureCounts[index]!;
    this.producedMs = deliveries.producedMs[index]!;
    this.priority = deliveries.priorities[index]!;
    this.group = deliveries.group(index);
    this.messageBytes = deliveries.messageBytes[index]!;
    this.visibilityMs = reply.visibilityMs;
  }

  /** `ID-TOKEN`: what ack and the like need besides the queue, also in another process. */
  get receipt(): string {
    return formatReceipt(this.id, this.token);
  }

  /** The body as UTF-8. */
  text(): string {
    return this.body.toString('utf8');
  }

  /** The body as JSON; throws a SyntaxError where it is none. */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}

/** All deliveries of an answer; throws BAD_FRAME where nobody could settle them. */
export function deliveriesOf(reply: Reply): Delivery[] {
  const { count } = reply.deliveries;
  if (count > 0 && (reply.queue === undefined || reply.visibilityMs === 0)) {
    throw new WonderqError('BAD_FRAME', 'deliveries without a queue or a time to hold them');
  }
  const deliveries: Delivery[] = [];
  for (let index = 0; index < count; index += 1) deliveries.push(new Delivery(reply, index));
  return deliveries;
}
