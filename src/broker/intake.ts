/**
 * What came in and was not executed yet, connection by connection: each gets a turn's worth, one
 * after the other, and whoever sends more than can be taken is not read for a while.
 */
import { limits } from '../limits.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import { executeNext } from './execute.ts';

export class Intake {
  private readonly core: Core;
  private readonly waiting = new Set<Connection>();

  constructor(core: Core) {
    this.core = core;
  }

  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  has(connection: Connection): boolean {
    return this.waiting.has(connection);
  }

  /** Bytes came. */
  take(connection: Connection, bytes: Buffer): void {
    connection.reader.push(bytes);
    const isBehind = this.waiting.has(connection) || this.core.admission.isOverloaded;
    if (isBehind && connection.reader.pendingBytes > limits.turnBytesMax) pause(connection);
    this.waiting.add(connection);
  }

  /** Nothing more of it is executed. */
  forget(connection: Connection): void {
    this.waiting.delete(connection);
  }

  /** Executes a turn's worth of each. Returns whether some is left that could go on. */
  execute(nowMs: number): boolean {
    for (const connection of [...this.waiting]) {
      if (this.core.admission.isOverloaded) return false;
      this.executeSome(connection, nowMs);
    }
    for (const connection of this.waiting) if (connection.canTake) return true;
    return false;
  }

  private executeSome(connection: Connection, nowMs: number): void {
    let messages = 0;
    let isWhole = false;
    const pending = connection.reader.pendingBytes;
    while (messages < limits.turnMessagesMax && connection.canTake && !connection.isClosing) {
      const cost = executeNext(this.core, connection, nowMs);
      isWhole = cost === 0;
      if (isWhole) break;
      messages += cost;
      if (pending - connection.reader.pendingBytes >= limits.turnBytesMax) break;
      // A slice of a large frame is a turn's worth by itself.
      if (connection.running !== undefined) break;
    }
    this.core.mark(nowMs);
    const isOpen = this.waiting.delete(connection);
    if (isWhole) noteWholeInput(connection, nowMs);
    // Whoever had a turn goes to the end of the round.
    else if (isOpen && !connection.isClosing) this.waiting.add(connection);
  }
}

/** All whole frames are executed; what is left is the beginning of one, or nothing. */
function noteWholeInput(connection: Connection, nowMs: number): void {
  const { hasPartial } = connection.reader;
  if (!hasPartial) connection.partialSinceMs = undefined;
  else connection.partialSinceMs ??= nowMs;
  unpause(connection);
}

function pause(connection: Connection): void {
  if (connection.isPaused) return;
  connection.isPaused = true;
  connection.transport.pause();
}

function unpause(connection: Connection): void {
  if (!connection.isPaused) return;
  connection.isPaused = false;
  connection.transport.resume();
}
