/**
 * The gate: whatever a connection is told is held back until the log has reached the position at
 * which it was said, at its level. Nothing leaves by another way.
 */
import type { WonderqError } from '../errors.ts';
import { writeError } from '../protocol/answers.ts';
import type { Request } from '../protocol/request.ts';
import type { Durability } from '../queue/queue.ts';
import type { Connection } from './connection.ts';
import type { HeldOutput } from './held-output.ts';

export class Gate {
  /** Those that hold something back. */
  private readonly holding = new Set<Connection>();
  /** Those that were told something since the last `hold`. */
  private readonly touched: Connection[] = [];
  heldBytes = 0;

  /** Where to write what a connection is told; it is held back from the next `hold` on. */
  output(connection: Connection, level: Durability): HeldOutput {
    const output = connection.output(level);
    if (!output.isTouched) {
      output.isTouched = true;
      this.touched.push(connection);
    }
    return output;
  }

  /** What was written since the last call leaves when the log is at `position`. */
  hold(position: number): void {
    for (const connection of this.touched) {
      connection.hold(position);
      this.count(connection);
      this.holding.add(connection);
    }
    this.touched.length = 0;
  }

  /** Lets go what may leave, and tells of each connection that held something. */
  release(written: number, synced: number, released: (connection: Connection) => void): void {
    for (const connection of this.holding) {
      connection.release(written, synced);
      this.count(connection);
      if (connection.heldBytes === 0) this.holding.delete(connection);
      released(connection);
    }
  }

  /** The connection is gone, with whatever it held. */
  forget(connection: Connection): void {
    this.holding.delete(connection);
    this.heldBytes -= connection.countedBytes;
    connection.countedBytes = 0;
  }

  /**
   * The answer just written is one to a sequenced request: the session has it open until it left.
   */
  countSequenced(connection: Connection, output: HeldOutput, request: Request): void {
    if (request.sequence === 0) return;
    connection.openSequenced += 1;
    output.countSequenced();
  }

  /**
   * What a refusal says of the state (such a queue exists, is paused, was deleted) must not be
   * undone by a power cut. One that passes says nothing of it, and need not wait for the sync.
   */
  refuse(connection: Connection, id: number, error: WonderqError): void {
    const output = this.output(connection, error.passes ? 'write' : 'fsync');
    writeError(output.writer, id, error);
    if (error.closes) connection.isClosing = true;
  }

  /** Takes note of what a connection holds now. */
  private count(connection: Connection): void {
    const { heldBytes } = connection;
    this.heldBytes += heldBytes - connection.countedBytes;
    connection.countedBytes = heldBytes;
  }
}
