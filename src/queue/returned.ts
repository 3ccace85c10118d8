/**
 * IDs of messages of one queue whose deliveries ended without an ack, for one reason, until they
 * are written down.
 */
import { limits } from '../limits.ts';
import { IdList } from './id-list.ts';

export class Returned {
  /** Those that may be delivered again. */
  readonly back = new IdList(limits.sliceMessagesMax);
  /** Those that failed once too often. */
  readonly failed = new IdList(limits.sliceMessagesMax);

  get count(): number {
    return this.back.count + this.failed.count;
  }

  clear(): void {
    this.back.clear();
    this.failed.clear();
  }
}
