/**
 * Requests that say what becomes of deliveries: ack, nack, release, extend. Receipts of one turn
 * for one queue gather in one frame; each caller is told about its own.
 */
import type { Code, WonderqError } from '../errors.ts';
import type { ByteWriter } from '../protocol/byte-writer.ts';
import { ANSWER } from '../protocol/operations.ts';
import type { Reply } from '../protocol/reply.ts';
import {
  type Receipt,
  writeAck,
  writeAckCurrent,
  writeExtend,
  writeNack,
  writeRelease,
} from '../protocol/requests.ts';
import { Call } from './call.ts';
import { unexpectedAnswer } from './failure.ts';
import type { Held } from './held.ts';

/** Two numbers and what they take at most. */
const RECEIPT_BYTES = 18;

/** `ackCurrent`: by message ID alone; the tokens of its receipts say nothing. */
export type SettleKind = 'ack' | 'nack' | 'release' | 'extend' | 'ackCurrent';

/** What is done with the receipts of one frame. */
export interface SettleManner {
  readonly kind: SettleKind;
  /** Nack: the delay. Extend: the visibility. Undefined: as the queue says. */
  readonly timeMs: number | undefined;
  /** Of a nack. */
  readonly reason?: string | undefined;
}

/** Who wants to know about one receipt. */
export interface SettleWaiter {
  /** `slot` is the number that the receipt was given with; no code: done. */
  settled(slot: number, code: Code | undefined): void;
  refused(error: WonderqError): void;
}

export class SettleCall extends Call {
  readonly manner: SettleManner;
  readonly #queue: string;
  readonly #held: Held;
  readonly #receipts: Receipt[] = [];
  readonly #waiters: SettleWaiter[] = [];
  readonly #slots: number[] = [];

  constructor(manner: SettleManner, queue: string, held: Held) {
    super();
    this.manner = manner;
    this.#queue = queue;
    this.#held = held;
  }

  override get bytes(): number {
    return this.#receipts.length * RECEIPT_BYTES;
  }

  override get isChange(): boolean {
    return true;
  }

  hasRoomFor(manner: SettleManner, receiptsMax: number): boolean {
    return (
      this.id === 0 &&
      !this.isOver &&
      this.manner.kind === manner.kind &&
      this.manner.timeMs === manner.timeMs &&
      this.manner.reason === manner.reason &&
      this.#receipts.length < receiptsMax
    );
  }

  add(receipt: Receipt, waiter: SettleWaiter, slot: number): void {
    this.#receipts.push(receipt);
    this.#waiters.push(waiter);
    this.#slots.push(slot);
    if (this.manner.kind === 'extend') return;
    const lease = this.#held.find(receipt.id, receipt.token);
    if (lease !== undefined) lease.isSettling = true;
  }

  write(writer: ByteWriter): void {
    const { kind, timeMs, reason } = this.manner;
    const fields = { sequence: this.sequence, queue: this.#queue, receipts: this.#receipts };
    writer.ensure(this.bytes);
    if (kind === 'ack') writeAck(writer, this.id, fields);
    else if (kind === 'nack') writeNack(writer, this.id, { ...fields, delayMs: timeMs, reason });
    else if (kind === 'release') writeRelease(writer, this.id, fields);
    else if (kind === 'ackCurrent') writeAckCurrent(writer, this.id, this.#byId());
    else writeExtend(writer, this.id, { ...fields, visibilityMs: timeMs });
  }

  #byId() {
    const ids = this.#receipts.map(({ id }) => id);
    return { sequence: this.sequence, queue: this.#queue, ids };
  }

  answered(reply: Reply): void {
    const { codes } = reply;
    if (reply.operation !== ANSWER.settled) throw unexpectedAnswer(reply);
    if (codes !== undefined && codes.length !== this.#receipts.length) {
      throw unexpectedAnswer(reply);
    }
    for (let index = 0; index < this.#receipts.length; index += 1) {
      const code = codes?.[index];
      this.#noteLease(this.#receipts[index]!, code);
      if (!this.isOver) this.#waiters[index]!.settled(this.#slots[index]!, code);
    }
  }

  /** The leases are as they were, as far as is known. */
  refused(error: WonderqError): void {
    for (const { id, token } of this.#receipts) {
      const lease = this.#held.find(id, token);
      if (lease !== undefined) lease.isSettling = false;
    }
    const told = new Set<SettleWaiter>();
    for (const waiter of this.#waiters) {
      if (told.has(waiter)) continue;
      told.add(waiter);
      waiter.refused(error);
    }
  }

  #noteLease({ id, token }: Receipt, code: Code | undefined): void {
    const { kind, timeMs } = this.manner;
    if (kind !== 'extend' || code !== undefined) this.#held.remove(id, token);
    else if (timeMs !== undefined) this.#held.extended(id, token, timeMs);
  }
}
