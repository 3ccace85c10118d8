/**
 * What a client writes down, a JSON line each, and nothing else: what it asked for before it asks,
 * and what it was told. Times are of the machine's monotonic clock, so that those of several
 * processes compare. The writer is here; `checker.ts` reads.
 */
import { appendFileSync } from 'node:fs';

/** Message ID and token. */
export type ReceiptEntry = readonly [id: number, token: number];
/** The key that was in the body; null: the body is not what was produced. */
export type DeliveryEntry = readonly [
  id: number,
  token: number,
  deliveryCount: number,
  key: string | null,
];
export type SettleWord = 'ack' | 'nack' | 'release' | 'extend';

/** Messages of one produce have the keys `KEY/0`, `KEY/1` and so on. */
export type Entry =
  | { readonly what: 'produce'; readonly key: string; readonly count: number }
  | { readonly what: 'produced'; readonly key: string; readonly ids: readonly number[] }
  /** `isUnknown`: it may have been executed. */
  | {
      readonly what: 'not produced';
      readonly key: string;
      readonly code: string;
      readonly isUnknown: boolean;
    }
  | {
      readonly what: 'received';
      /** The name of the consumer. */
      readonly by: string;
      /** When it was asked for; null: pushed. */
      readonly sinceMs: number | null;
      readonly atMs: number;
      readonly visibilityMs: number;
      readonly deliveries: readonly DeliveryEntry[];
    }
  | {
      readonly what: 'settle';
      readonly call: string;
      readonly kind: SettleWord;
      readonly sinceMs: number;
      /** Of an extend. */
      readonly visibilityMs: number;
      readonly receipts: readonly ReceiptEntry[];
    }
  /** An outcome is `ok`, a code, or `unknown`; in the order of the receipts of the same call. */
  | {
      readonly what: 'settled';
      readonly call: string;
      readonly atMs: number;
      readonly outcomes: readonly string[];
    };

/** Of the machine, not of this process. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Appends to a file; what is written down in one turn goes there in one write. */
export class History {
  readonly #path: string;
  #lines = '';

  constructor(path: string) {
    this.#path = path;
  }

  write(entry: Entry): void {
    if (this.#lines === '') setImmediate(() => this.#flush());
    this.#lines += `${JSON.stringify(entry)}\n`;
  }

  #flush(): void {
    appendFileSync(this.#path, this.#lines);
    this.#lines = '';
  }
}
