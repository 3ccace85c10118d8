/**
 * IDs of messages of one queue that were found to be past their time to live, until they are
 * written down by one record.
 */
import { limits } from '../limits.ts';
import { IdList } from './id-list.ts';
import { DIED_EXPIRED, type Expiry } from './journal.ts';

export class Overdue implements Expiry {
  readonly ids = new IdList(limits.sliceMessagesMax);
  readonly reason = DIED_EXPIRED;
  atMs = 0;
  readonly dueMs = 0;
  readonly consumer = '';
  readonly text = '';
}
