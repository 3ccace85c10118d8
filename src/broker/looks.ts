/**
 * Looks under way: a few read from the log at a time, in the order asked for. What is in memory is
 * answered at once; else the answer leaves in a later turn, as that turn's answers do.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { writeOk } from '../protocol/answers.ts';
import { retryAfterMs } from './admission.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { Look, Missing } from './look.ts';
import type { Reads } from './reads.ts';

/** Beside the reads for deliveries: what either read is in the cache until it is used. */
const runningMax = 4;

interface Asked {
  readonly connection: Connection;
  readonly requestId: number;
  readonly look: Look;
}

export class Looks {
  private readonly core: Core;
  private readonly reads: Reads;
  private readonly nextTurn: () => Promise<void>;
  private readonly failed: (error: unknown) => void;
  private readonly waiting: Asked[] = [];
  private running = 0;

  /** `nextTurn` resolves in the next turn of the broker; `failed` is told of a read that failed. */
  constructor(
    core: Core,
    reads: Reads,
    nextTurn: () => Promise<void>,
    failed: (error: unknown) => void,
  ) {
    this.core = core;
    this.reads = reads;
    this.nextTurn = nextTurn;
    this.failed = failed;
  }

  /** Returns what it cost in this turn, in messages. May refuse. */
  begin(connection: Connection, requestId: number, look: Look): number {
    const asked = { connection, requestId, look };
    if (look.mayRead && this.running === runningMax) {
      refuseTooManyOpen(connection);
      connection.openLooks += 1;
      this.waiting.push(asked);
      return 1;
    }
    const missing = look.goOn();
    if (missing === undefined) this.answer(asked);
    else {
      connection.openLooks += 1;
      this.running += 1;
      this.read(asked, missing);
    }
    return look.cost;
  }

  private answer({ connection, requestId, look }: Asked): void {
    // What it shows may be of any level.
    writeOk(this.core.gate.output(connection, 'fsync').writer, requestId, look.value);
  }

  private read(asked: Asked, { position, length }: Missing): void {
    this.reads
      .read(position, length)
      .then(() => this.nextTurn())
      .then(() => this.goOn(asked))
      .catch(this.failed);
  }

  private goOn(asked: Asked): void {
    const missing = this.attempt(asked);
    if (missing === undefined) this.finish(asked);
    else this.read(asked, missing);
  }

  /** Undefined: it is over. */
  private attempt(asked: Asked): Missing | undefined {
    const { connection, requestId, look } = asked;
    if (connection.isClosed || connection.isClosing) return undefined;
    try {
      if (!connection.canTake) throw busy('what was answered before is not read');
      const missing = look.goOn();
      if (missing === undefined) this.answer(asked);
      return missing;
    } catch (error) {
      // The fault of the client, as in its own turn; anything else is not.
      if (!(error instanceof WonderqError)) throw error;
      this.core.gate.refuse(connection, requestId, error);
      return undefined;
    }
  }

  private finish({ connection }: Asked): void {
    connection.openLooks -= 1;
    // In that turn what was answered is marked, and leaves when it may.
    const turn = this.nextTurn();
    const next = this.waiting.shift();
    if (next === undefined) this.running -= 1;
    else turn.then(() => this.goOn(next)).catch(this.failed);
  }
}

function refuseTooManyOpen({ openLooks }: Connection): void {
  if (openLooks < limits.looksPerConnectionMax) return;
  throw busy(`${limits.looksPerConnectionMax} looks at messages are open`);
}

function busy(what: string): WonderqError {
  return new WonderqError('BUSY', what, { retryAfterMs });
}
