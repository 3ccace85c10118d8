/**
 * Receive requests: messages of one of some queues, at once or as soon as there are some, with
 * receipts to acknowledge in the same frame.
 */
import type { Code, WonderqError } from '../errors.ts';
import type { ByteWriter } from '../protocol/byte-writer.ts';
import { ANSWER } from '../protocol/operations.ts';
import type { Reply } from '../protocol/reply.ts';
import { type Receipt, type ReceiptGroup, writeReceive } from '../protocol/requests.ts';
import { Call } from './call.ts';
import { type Delivery, deliveriesOf } from './delivery.ts';
import { unexpectedAnswer } from './failure.ts';
import type { Held } from './held.ts';

export interface ReceiveFields {
  readonly queues: readonly string[];
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly waitMs: number;
  readonly visibilityMs: number | undefined;
  readonly isDetached: boolean;
  /** In the order in which their outcomes are told. */
  readonly acks: readonly Acked[];
}

export interface Acked {
  readonly queue: string;
  readonly receipt: Receipt;
}

export type Received = (deliveries: Delivery[], codes: (Code | undefined)[]) => void;

export class ReceiveCall extends Call {
  readonly #fields: ReceiveFields;
  readonly #held: Held;
  readonly #received: Received;
  readonly #reject: (error: WonderqError) => void;
  readonly #groups: ReceiptGroup[] | undefined;
  readonly #waitUntilMs: number;

  constructor(
    fields: ReceiveFields,
    held: Held,
    received: Received,
    reject: (error: WonderqError) => void,
  ) {
    super();
    this.#fields = fields;
    this.#held = held;
    this.#received = received;
    this.#reject = reject;
    this.#groups = fields.acks.length === 0 ? undefined : groupsOf(fields.acks);
    this.#waitUntilMs = performance.now() + fields.waitMs;
    this.#setSettling(true);
  }

  override get isChange(): boolean {
    return this.#groups !== undefined;
  }

  override get isWaiting(): boolean {
    return true;
  }

  /** Sent again, it waits for what is left of its time. */
  write(writer: ByteWriter): void {
    const { queues, messagesMax, bytesMax, waitMs, visibilityMs, isDetached } = this.#fields;
    const leftMs = Math.ceil(this.#waitUntilMs - performance.now());
    writeReceive(writer, this.id, {
      sequence: this.sequence,
      queues,
      messagesMax,
      bytesMax,
      waitMs: Math.max(0, Math.min(waitMs, leftMs)),
      visibilityMs,
      detached: isDetached,
      acks: this.#groups,
    });
  }

  answered(reply: Reply): void {
    if (reply.operation !== ANSWER.deliveries) throw unexpectedAnswer(reply);
    const codes = this.#codesOf(reply);
    const deliveries = deliveriesOf(reply);
    for (const { receipt } of this.#fields.acks) this.#held.remove(receipt.id, receipt.token);
    if (this.isOver) return;
    if (!this.#fields.isDetached) for (const delivery of deliveries) this.#held.add(delivery);
    this.#received(deliveries, codes);
  }

  refused(error: WonderqError): void {
    this.#setSettling(false);
    this.#reject(error);
  }

  #setSettling(isSettling: boolean): void {
    for (const { receipt } of this.#fields.acks) {
      const lease = this.#held.find(receipt.id, receipt.token);
      if (lease !== undefined) lease.isSettling = isSettling;
    }
  }

  /** The codes, from the order of the groups back into that of the acks. */
  #codesOf(reply: Reply): (Code | undefined)[] {
    const { groupCodes } = reply;
    const groups = this.#groups ?? [];
    if (groupCodes !== undefined && groupCodes.length !== groups.length) {
      throw unexpectedAnswer(reply);
    }
    const next = new Map<string, Iterator<Code | undefined>>();
    for (const [index, { queue, receipts }] of groups.entries()) {
      const codes = groupCodes?.[index] ?? receipts.map(() => undefined);
      if (codes.length !== receipts.length) throw unexpectedAnswer(reply);
      next.set(queue, codes.values());
    }
    return this.#fields.acks.map(({ queue }) => next.get(queue)!.next().value);
  }
}

function groupsOf(acks: readonly Acked[]): ReceiptGroup[] {
  const byQueue = new Map<string, Receipt[]>();
  for (const { queue, receipt } of acks) {
    const receipts = byQueue.get(queue);
    if (receipts === undefined) byQueue.set(queue, [receipt]);
    else receipts.push(receipt);
  }
  return [...byQueue].map(([queue, receipts]) => ({ queue, receipts }));
}
