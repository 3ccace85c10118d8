/**
 * The request that ends a subscription. With its connection the subscription is gone anyway, so it
 * is done then too.
 */
import type { ByteWriter } from '../protocol/byte-writer.ts';
import { ANSWER } from '../protocol/operations.ts';
import type { Reply } from '../protocol/reply.ts';
import { writeUnsubscribe } from '../protocol/requests.ts';
import { Call } from './call.ts';
import { unexpectedAnswer } from './failure.ts';

export class UnsubscribeCall extends Call {
  readonly #subscription: number;
  readonly #done: () => void;

  constructor(subscription: number, done: () => void) {
    super();
    this.#subscription = subscription;
    this.#done = done;
  }

  override get isTransient(): boolean {
    return true;
  }

  write(writer: ByteWriter): void {
    writeUnsubscribe(writer, this.id, this.#subscription);
  }

  answered(reply: Reply): void {
    if (reply.operation !== ANSWER.ok) throw unexpectedAnswer(reply);
    this.#done();
  }

  refused(): void {
    this.#done();
  }
}
