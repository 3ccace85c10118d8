/**
 * The consumers of a worker. Each holds some of what it received for a while, so that kills find
 * leases of every kind, and then settles it: mostly acks, some nacks, releases and extends.
 */
import type { Client, Delivery, ReceiveOptions } from '../../client/client.ts';
import type { WonderqError } from '../../errors.ts';
import { keyOf } from './body.ts';
import { type History, monotonicMs, type SettleWord } from './history.ts';
import { isUnknown } from './producing.ts';
import type { Random } from './random.ts';

const extendMs = 20_000;
const batchMax = 50;

export interface ConsumerParts {
  readonly client: Client;
  /** Settles: another session, for leases that belong to none. */
  readonly settler: Client;
  readonly queue: string;
  readonly history: History;
  readonly random: Random;
  /** Unique among all calls of all workers. */
  readonly name: string;
  /** Whether all is settled, so that the consumer ends. */
  readonly isDrained: () => boolean;
  /** Whether to hold nothing back any more. */
  readonly isDraining: () => boolean;
  readonly acked: (count: number) => void;
}

export interface ConsumerManner extends ReceiveOptions {
  /** So many deliveries may be held. */
  readonly heldMax: number;
  readonly visibilitiesMs: readonly number[];
  /** Acks go in the next receive. */
  readonly acksInReceive?: boolean;
}

export class Consumer {
  readonly #parts: ConsumerParts;
  readonly #held: Delivery[] = [];
  #calls = 0;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
  }

  /**
   * Takes batches until all is drained, and settles the last one too: what another worker produced
   * late may still come, and nothing in the histories tells that a lease went with its session.
   */
  async receive(manner: ConsumerManner): Promise<void> {
    const { heldMax, visibilitiesMs, acksInReceive = false, ...options } = manner;
    const { random, isDrained, isDraining } = this.#parts;
    while (!isDrained()) {
      const heldNow = isDraining() ? 0 : random.integer(0, heldMax);
      const settled = this.#held.splice(0, Math.max(0, this.#held.length - heldNow));
      const ack = acksInReceive ? settled : [];
      if (!acksInReceive) await this.#settleAll(settled);
      const max = random.integer(1, batchMax);
      const visibilityMs = random.pick(visibilitiesMs);
      await this.#receiveOnce({ ...options, max, waitMs: 100, visibilityMs, ack });
    }
    await this.#settleAll(this.#held.splice(0));
  }

  /** Pushed to handlers, until all is drained. */
  async push(concurrency: number, drained: Promise<void>): Promise<void> {
    const { client, queue } = this.#parts;
    const handler = async (delivery: Delivery) => {
      this.#note([delivery], null);
      await this.#settleAll([delivery]);
    };
    // The handler settles by itself, and its outcomes are written down.
    const consumer = client.consume(queue, handler, { concurrency, visibilityMs: extendMs });
    await drained;
    await consumer.stop();
  }

  async #receiveOnce(options: ReceiveOptions & { ack: readonly Delivery[] }): Promise<void> {
    const { client, queue } = this.#parts;
    const sinceMs = monotonicMs();
    const told = this.#beginSettle('ack', options.ack, 0);
    try {
      const deliveries = await client.receive(queue, options);
      told([...deliveries.acked]);
      this.#note(deliveries, sinceMs);
      this.#held.push(...deliveries);
    } catch (error) {
      told(this.#failed(options.ack, error));
    }
  }

  #note(deliveries: readonly Delivery[], sinceMs: number | null): void {
    if (deliveries.length === 0) return;
    const { history, name } = this.#parts;
    history.write({
      what: 'received',
      by: name,
      sinceMs,
      atMs: monotonicMs(),
      visibilityMs: deliveries[0]!.visibilityMs,
      deliveries: deliveries.map((one) => [
        one.id,
        one.token,
        one.deliveryCount,
        keyOf(one.text()),
      ]),
    });
  }

  /** Some are given back, some extended first, the rest acknowledged together. */
  async #settleAll(deliveries: readonly Delivery[]): Promise<void> {
    const { random, isDraining } = this.#parts;
    if (deliveries.length === 0) return;
    const givesBack = !isDraining() && random.chance(0.2);
    const count = givesBack ? random.integer(0, Math.ceil(deliveries.length / 4)) : 0;
    const kind = random.pick(['nack', 'release'] as const);
    if (random.chance(0.1)) await this.#settle('extend', deliveries);
    await Promise.all([
      this.#settle(kind, deliveries.slice(0, count)),
      this.#settle('ack', deliveries.slice(count)),
    ]);
  }

  async #settle(kind: SettleWord, deliveries: readonly Delivery[]): Promise<void> {
    if (deliveries.length === 0) return;
    const { settler, queue } = this.#parts;
    const receipts = deliveries.map(({ receipt }) => receipt);
    const visibilityMs = kind === 'extend' ? extendMs : 0;
    const told = this.#beginSettle(kind, deliveries, visibilityMs);
    try {
      if (kind === 'ack') told(await settler.ack(queue, receipts));
      else if (kind === 'release') told(await settler.release(queue, receipts));
      else if (kind === 'extend') told(await settler.extend(queue, receipts, { visibilityMs }));
      else told(await settler.nack(queue, receipts, { delayMs: this.#delayMs() }));
    } catch (error) {
      told(this.#failed(deliveries, error));
    }
  }

  #delayMs(): number {
    return this.#parts.random.chance(0.5) ? this.#parts.random.integer(1, 200) : 0;
  }

  /** Writes down what is asked for, and returns how to write down what became of it. */
  #beginSettle(
    kind: SettleWord,
    deliveries: readonly Delivery[],
    visibilityMs: number,
  ): (outcomes: string[]) => void {
    if (deliveries.length === 0) return () => {};
    const { history, name, acked } = this.#parts;
    this.#calls += 1;
    const call = `${name}.${this.#calls}`;
    const receipts = deliveries.map(({ id, token }) => [id, token] as const);
    history.write({ what: 'settle', call, kind, sinceMs: monotonicMs(), visibilityMs, receipts });
    return (outcomes) => {
      history.write({ what: 'settled', call, atMs: monotonicMs(), outcomes });
      if (kind === 'ack') acked(outcomes.filter((outcome) => outcome === 'ok').length);
    };
  }

  #failed(deliveries: readonly Delivery[], error: unknown): string[] {
    const outcome = isUnknown(error) ? 'unknown' : (error as WonderqError).code;
    return deliveries.map(() => outcome);
  }
}
