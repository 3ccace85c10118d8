/**
 * Batches that form by themselves: what a program asks for in one turn of the event loop, for the
 * same queue in the same way, leaves as one frame. One caller at a time costs the broker a hundred
 * times as much for each message.
 */
import type { OutgoingMessage, Receipt } from '../protocol/requests.ts';
import type { Connection } from './connection.ts';
import { type Confirmed, GatheredProduceCall, type ProduceManner } from './produce-call.ts';
import {
  SettleCall,
  type SettleKind,
  type SettleManner,
  type SettleWaiter,
} from './settle-call.ts';

export class Gathering {
  readonly #connection: Connection;
  /** By queue, those of this turn. Within a queue a different manner begins a new frame. */
  readonly #produces = new Map<string, GatheredProduceCall>();
  readonly #settles: Readonly<Record<SettleKind, Map<string, SettleCall>>> = {
    ack: new Map(),
    nack: new Map(),
    release: new Map(),
    extend: new Map(),
    ackCurrent: new Map(),
  };

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  produce(
    manner: ProduceManner,
    message: OutgoingMessage,
    resolve: Confirmed,
    reject: (error: Error) => void,
  ): void {
    const bounds = this.#connection.greeting.limits;
    let call = this.#produces.get(manner.queue);
    if (call === undefined || !call.hasRoomFor(manner, message, bounds)) {
      call = new GatheredProduceCall(manner);
      call.add(message, resolve, reject);
      this.#produces.set(manner.queue, call);
      this.#connection.submit(call);
    } else call.add(message, resolve, reject);
  }

  settle(
    manner: SettleManner,
    queue: string,
    receipt: Receipt,
    waiter: SettleWaiter,
    slot = 0,
  ): void {
    const { batchMessagesMax } = this.#connection.greeting.limits;
    const calls = this.#settles[manner.kind];
    let call = calls.get(queue);
    if (call === undefined || !call.hasRoomFor(manner, batchMessagesMax)) {
      call = new SettleCall(manner, queue, this.#connection.held);
      call.add(receipt, waiter, slot);
      calls.set(queue, call);
      this.#connection.submit(call);
    } else call.add(receipt, waiter, slot);
  }

  /** What is asked for from now on goes into new frames, behind what was asked for before. */
  close(): void {
    this.#produces.clear();
    for (const calls of Object.values(this.#settles)) calls.clear();
  }
}
