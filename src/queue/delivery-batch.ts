/**
 * The messages of one delivery to one taker, as columns: filled by the rules, read by the outlet
 * during the one call, then used again.
 */
import { limits } from '../limits.ts';
import { IdList } from './id-list.ts';

const capacity = limits.turnMessagesMax;

export class DeliveryBatch {
  readonly ids = new IdList(capacity);
  firstToken = 0;
  visibilityMs = 0;
  /** Bytes of all messages. */
  bytes = 0;
  readonly positions = new Float64Array(capacity);
  readonly lengths = new Uint32Array(capacity);
  readonly producedMs = new Float64Array(capacity);
  readonly deliveryCounts = new Uint32Array(capacity);
  readonly failureCounts = new Uint32Array(capacity);
  readonly priorities = new Uint8Array(capacity);

  get count(): number {
    return this.ids.count;
  }

  clear(): void {
    this.ids.clear();
    this.bytes = 0;
  }
}
