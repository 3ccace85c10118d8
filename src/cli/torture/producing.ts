/**
 * The producers of a worker: single messages side by side, batches, and one without a session,
 * whose calls end unknown when its connection breaks.
 */
import type { Client } from '../../client/client.ts';
import { WonderqError } from '../../errors.ts';
import { bodyOf } from './body.ts';
import type { History } from './history.ts';
import type { Random } from './random.ts';

/** Codes of calls that may have been executed; any other is a refusal. */
const unknownCodes: readonly string[] = ['TIMEOUT', 'CONNECTION_CLOSED', 'CONNECT_FAILED'];

export function isUnknown(error: unknown): error is WonderqError {
  if (!(error instanceof WonderqError)) throw error;
  return unknownCodes.includes(error.code);
}

export interface ProducerParts {
  readonly client: Client;
  readonly queue: string;
  readonly history: History;
  readonly random: Random;
  /** Begins the key of each of its messages. */
  readonly name: string;
  /** Resolves when more may be produced; false: no more at all. */
  readonly mayProduce: () => Promise<boolean>;
  readonly produced: (count: number) => void;
}

export class Producer {
  readonly #parts: ProducerParts;
  #calls = 0;

  constructor(parts: ProducerParts) {
    this.#parts = parts;
  }

  /** Up to `sideBySide` calls of one message each. */
  async single(sideBySide: number): Promise<void> {
    const { random, mayProduce } = this.#parts;
    while (await mayProduce()) {
      const calls = random.integer(1, sideBySide);
      await Promise.all(Array.from({ length: calls }, () => this.#produce(1)));
    }
  }

  /** One frame at a time, of up to `countMax` messages. */
  async batches(countMax: number): Promise<void> {
    const { random, mayProduce } = this.#parts;
    while (await mayProduce()) await this.#produce(random.integer(2, countMax));
  }

  async #produce(count: number): Promise<void> {
    const { client, queue, history, random, name, produced } = this.#parts;
    this.#calls += 1;
    const key = `${name}.${this.#calls}`;
    // Frames beyond a turn's bytes are executed in slices, and only those of a session go on.
    const sizes = name.startsWith('careless') ? 3 : 5;
    const at = Array.from({ length: count }, (_, index) => index);
    const bodies = at.map((index) => bodyOf(`${key}/${index}`, random.integer(0, sizes - 1)));
    const delayMs = random.chance(0.05) ? random.integer(1, 200) : 0;
    const options = { delayMs, priority: random.chance(0.1) ? 1 : 0 };
    history.write({ what: 'produce', key, count });
    try {
      const ids =
        count === 1
          ? [await client.produce(queue, bodies[0]!, options)]
          : await client.produceMany(queue, bodies, options);
      history.write({ what: 'produced', key, ids });
      produced(count);
    } catch (error) {
      const unknown = isUnknown(error);
      const { code } = error as WonderqError;
      history.write({ what: 'not produced', key, code, isUnknown: unknown });
    }
  }
}
