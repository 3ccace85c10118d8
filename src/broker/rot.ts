/**
 * Blocks of the log that no longer check: the messages with bytes in them are written down as
 * unreadable, a slice a turn, and compaction is told how far it has to work.
 */
import type { BlockDamagedError } from '../errors.ts';
import { LostRange } from '../queue/unreadable.ts';
import type { Core } from './core.ts';

/** Told once of each damaged block, and of how many messages had bytes in it. */
export type RotFound = (error: BlockDamagedError, messages: number) => void;

export class Rot {
  private readonly core: Core;
  private readonly nextTurn: () => Promise<void>;
  private readonly tell: RotFound;
  /** What was found, by where it begins and ends. */
  private readonly known = new Map<string, Promise<void>>();
  /** Up to here the log has to go. */
  end = 0;

  constructor(core: Core, nextTurn: () => Promise<void>, tell: RotFound) {
    this.core = core;
    this.nextTurn = nextTurn;
    this.tell = tell;
  }

  /** Resolves when no message waits for those bytes any more. */
  found(error: BlockDamagedError): Promise<void> {
    const key = `${error.from}-${error.to}`;
    let losing = this.known.get(key);
    if (losing === undefined) {
      losing = this.lose(error);
      this.known.set(key, losing);
    }
    return losing;
  }

  private async lose(error: BlockDamagedError): Promise<void> {
    const { core } = this;
    this.end = Math.max(this.end, error.to);
    core.damagedBlocks += 1;
    // What is read is told outside of turns; what is written belongs to one.
    await this.nextTurn();
    const range = new LostRange(core.state, error.from, error.to);
    while (range.lose()) {
      core.mark(core.time.now());
      await this.nextTurn();
    }
    this.tell(error, range.count);
  }
}
