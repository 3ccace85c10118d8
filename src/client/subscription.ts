/**
 * One subscription as the wire has it: its credit, and the frames that ask for messages and end it.
 * What becomes of the messages is the consumer's.
 */
import { WonderqError } from '../errors.ts';
import type { ByteWriter } from '../protocol/byte-writer.ts';
import { ANSWER } from '../protocol/operations.ts';
import type { Reply } from '../protocol/reply.ts';
import { writeCredit, writeSubscribe } from '../protocol/requests.ts';
import { type Delivery, deliveriesOf } from './delivery.ts';
import { refusalOf, unexpectedAnswer } from './failure.ts';

export interface SubscriptionOptions {
  readonly queues: readonly string[];
  readonly creditMessages: number;
  /** 0: no bound by bytes. */
  readonly creditBytes: number;
  readonly visibilityMs: number | undefined;
  readonly isDetached: boolean;
}

export interface SubscriptionUser {
  delivered(deliveries: Delivery[]): void;
  /** The session is not known to the broker any more; its leases are gone. */
  sessionLost(): void;
  /** The broker ended it, or the client is closed: nothing comes any more. */
  ended(error: WonderqError): void;
}

export class Subscription {
  /** The ID of its subscribe; 0 until then. */
  id = 0;
  readonly #options: SubscriptionOptions;
  readonly #user: SubscriptionUser;
  /** What the broker may still send. */
  #messages: number;
  #bytes: number;
  /** What was used up and is given again with the next frames. */
  #messagesDue = 0;
  #bytesDue = 0;

  constructor(options: SubscriptionOptions, user: SubscriptionUser) {
    this.#options = options;
    this.#user = user;
    this.#messages = options.creditMessages;
    this.#bytes = options.creditBytes;
  }

  /** Also after a reconnect, with what is left: what was on its way then never came. */
  writeSubscribe(writer: ByteWriter): void {
    const { queues, creditBytes, visibilityMs, isDetached } = this.#options;
    this.#addDue();
    writeSubscribe(writer, this.id, {
      queues,
      creditMessages: this.#messages,
      // Used up is not the same as unbounded, which is what 0 would say.
      creditBytes: creditBytes === 0 ? 0 : Math.max(1, this.#bytes),
      visibilityMs,
      detached: isDetached,
    });
  }

  /** Gives a delivery's credit again; the frame follows with this turn's others. */
  giveCredit(delivery: Delivery): void {
    this.#messagesDue += 1;
    this.#bytesDue += delivery.messageBytes;
  }

  writeCredit(writer: ByteWriter): void {
    if (this.#messagesDue === 0) return;
    const bytes = this.#options.creditBytes === 0 ? 0 : this.#bytesDue;
    writeCredit(writer, this.id, this.#messagesDue, bytes);
    this.#addDue();
  }

  replied(reply: Reply): void {
    switch (reply.operation) {
      case ANSWER.deliveries:
        this.#deliver(reply);
        return;
      case ANSWER.error:
      case ANSWER.ended:
        this.#user.ended(refusalOf(reply));
        return;
      case ANSWER.ok:
        return;
      default:
        throw unexpectedAnswer(reply);
    }
  }

  sessionLost(): void {
    this.#user.sessionLost();
  }

  closed(error: WonderqError): void {
    this.#user.ended(error);
  }

  #deliver(reply: Reply): void {
    const { count } = reply.deliveries;
    if (count > this.#messages) {
      throw new WonderqError('BAD_FRAME', 'the broker sent more messages than it had credit for');
    }
    const deliveries = deliveriesOf(reply);
    this.#messages -= count;
    for (const { messageBytes } of deliveries) this.#bytes -= messageBytes;
    this.#user.delivered(deliveries);
  }

  #addDue(): void {
    this.#messages += this.#messagesDue;
    this.#bytes += this.#bytesDue;
    this.#messagesDue = 0;
    this.#bytesDue = 0;
  }
}
