/**
 * The leases that a session holds, as far as the client knows: what it tells the broker after a
 * reconnect. A lease enters with its delivery and leaves when it is settled, or some time after it
 * ran out where the program forgot it. Detached leases are not here; no session holds them.
 */
import type { ReceiptGroup } from '../protocol/requests.ts';
import type { Delivery } from './delivery.ts';

const PRUNE_FROM = 1024;
/** The clocks of broker and client need not agree to the millisecond. */
const SLACK_MS = 1000;

export interface Lease {
  readonly queue: string;
  readonly id: number;
  readonly token: number;
  /** By the client's monotonic clock. */
  untilMs: number;
  /** The program has said what becomes of it, whether the answer is there yet or not. */
  isSettling: boolean;
}

export class Held {
  readonly #leases = new Map<number, Lease>();
  #pruneAt = PRUNE_FROM;

  get size(): number {
    return this.#leases.size;
  }

  add(delivery: Delivery): Lease {
    const { id, token, queue, visibilityMs } = delivery;
    const untilMs = performance.now() + visibilityMs;
    const lease = { queue, id, token, untilMs, isSettling: false };
    this.#leases.set(id, lease);
    if (this.#leases.size >= this.#pruneAt) this.#prune();
    return lease;
  }

  /** The newest delivery of a message is the only one that can be valid. */
  find(id: number, token: number): Lease | undefined {
    const lease = this.#leases.get(id);
    return lease?.token === token ? lease : undefined;
  }

  remove(id: number, token: number): void {
    if (this.find(id, token) !== undefined) this.#leases.delete(id);
  }

  extended(id: number, token: number, visibilityMs: number): void {
    const lease = this.find(id, token);
    if (lease !== undefined) lease.untilMs = performance.now() + visibilityMs;
  }

  clear(): void {
    this.#leases.clear();
  }

  /** The newest `countMax` of them, by queue. */
  groups(countMax: number): ReceiptGroup[] {
    const byQueue = new Map<string, Lease[]>();
    let passed = this.#leases.size - countMax;
    for (const lease of this.#leases.values()) {
      if (passed > 0) {
        passed -= 1;
        continue;
      }
      const receipts = byQueue.get(lease.queue);
      if (receipts === undefined) byQueue.set(lease.queue, [lease]);
      else receipts.push(lease);
    }
    return [...byQueue].map(([queue, receipts]) => ({ queue, receipts }));
  }

  #prune(): void {
    const deadMs = performance.now() - SLACK_MS;
    for (const [id, { untilMs }] of this.#leases) if (untilMs < deadMs) this.#leases.delete(id);
    this.#pruneAt = Math.max(PRUNE_FROM, this.#leases.size * 2);
  }
}
