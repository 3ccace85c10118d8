/**
 * IDs of messages of one queue whose deliveries ended without an ack in the same way, until they
 * are written down by one record.
 */
import { limits } from '../limits.ts';
import { IdList } from './id-list.ts';
import { RETURNED_RELEASED, type Return, type ReturnedReason } from './journal.ts';
import type { Queue } from './queue.ts';

/** What became of them: `moved` to the dead-letter queue. */
export type Outcome = 'back' | 'dead' | 'discarded' | 'moved';

export class Returned implements Return {
  readonly ids = new IdList(limits.sliceMessagesMax);
  queue: Queue | undefined;
  outcome: Outcome = 'back';
  reason: ReturnedReason = RETURNED_RELEASED;
  atMs = 0;
  dueMs = 0;
  consumer = '';
  text = '';
}
