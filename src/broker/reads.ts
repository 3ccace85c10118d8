/**
 * Bytes read back from the log. What has rotted is written down, and what stands in the way and
 * passes is waited for; whoever asked looks again.
 */
import { BlockDamagedError } from '../errors.ts';
import { isNoDescriptor } from '../log/files.ts';
import type { Log } from '../log/log.ts';

export class Reads {
  private readonly log: Log;
  private readonly rotted: (error: BlockDamagedError) => Promise<void>;
  private readonly later: () => Promise<void>;

  /**
   * `rotted` resolves when no message waits for those bytes any more, `later` when it is time to
   * try again.
   */
  constructor(
    log: Log,
    rotted: (error: BlockDamagedError) => Promise<void>,
    later: () => Promise<void>,
  ) {
    this.log = log;
    this.rotted = rotted;
    this.later = later;
  }

  /** On return it is worth asking for the bytes again. Throws where a read failed. */
  async read(position: number, length: number): Promise<void> {
    try {
      await this.log.read(position, length);
    } catch (error) {
      if (error instanceof BlockDamagedError) await this.rotted(error);
      else if (isNoDescriptor(error)) await this.later();
      else throw error;
    }
  }
}
