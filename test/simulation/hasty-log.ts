/** A log that lies: it reports as durable what was only written. Every check must see that. */
import { FileLog } from '../../src/log/file-log.ts';
import type { MakeLog } from './host.ts';

class HastyLog extends FileLog {
  override get synced(): number {
    return this.written;
  }
}

export const makeHastyLog: MakeLog = (storage, options) => new HastyLog(storage, options);
