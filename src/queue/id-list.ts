/**
 * A reusable list of message IDs: what one record is about. Filled anew for every record, so that
 * nothing is allocated per message.
 */
import assert from 'node:assert';

export class IdList {
  readonly values: Float64Array;
  count = 0;

  constructor(capacity: number) {
    this.values = new Float64Array(capacity);
  }

  push(id: number): void {
    assert(this.count < this.values.length, 'more IDs than the list was made for');
    this.values[this.count] = id;
    this.count += 1;
  }

  clear(): void {
    this.count = 0;
  }

  /** -1 where it is not in the list. */
  indexOf(id: number): number {
    return this.values.subarray(0, this.count).indexOf(id);
  }

  /** For whoever reads the log, not for a turn of the broker. */
  toArray(): number[] {
    return Array.from(this.values.subarray(0, this.count));
  }

  get isFull(): boolean {
    return this.count === this.values.length;
  }
}
