/**
 * What one connection is to be told at one level of durability, held until the log has reached that
 * level up to the position at which it was said: the one gate. Frames leave in the order in which
 * they were written, and all that may leave at once leaves in one write.
 */
import assert from 'node:assert';
import { ByteWriter } from '../protocol/byte-writer.ts';
import type { Queue } from '../queue/queue.ts';
import type { Session } from '../queue/session.ts';

/** From this size on, bytes that have left are no longer kept in front of those that have not. */
const rewindBytes = 64 * 1024;
/** A buffer that grew beyond this is given up once it is empty. */
const keptBytesMax = 512 * 1024;

/**
 * Messages that were delivered into held bytes: given back if the connection ends before they
 * leave.
 */
export interface HeldDelivery {
  /** Where the log must be; known once the record of the delivery is marked. */
  position: number;
  readonly queue: Queue;
  readonly session: Session | undefined;
  readonly ids: Float64Array;
  readonly firstToken: number;
}

export class HeldOutput {
  readonly writer = new ByteWriter();
  /** Bytes before this one have left. */
  private from = 0;
  /** Up to which byte may leave at which position; from `first` on. */
  private positions: number[] = [];
  private ends: number[] = [];
  private sequenced: number[] = [];
  private first = 0;
  readonly deliveries: HeldDelivery[] = [];
  /** How many of them, and how many answers to sequenced requests, were written since `hold`. */
  private newDeliveries = 0;
  private newSequenced = 0;
  /** Whether something was written since `hold`. */
  isTouched = false;
  /** Whether something was held since `rest`. */
  private isInUse = false;

  /** Bytes not yet let go. */
  get bytes(): number {
    return this.writer.at - this.from;
  }

  /** Counts an answer to a sequenced request among what was written. */
  countSequenced(): void {
    this.newSequenced += 1;
  }

  addDelivery(delivery: HeldDelivery): void {
    this.deliveries.push(delivery);
    this.newDeliveries += 1;
  }

  /** What was written since the last call may leave when the log is that far. */
  hold(position: number): void {
    const sequenced = this.newSequenced;
    this.newSequenced = 0;
    this.isTouched = false;
    this.isInUse = true;
    for (let back = 1; back <= this.newDeliveries; back += 1) {
      this.deliveries[this.deliveries.length - back]!.position = position;
    }
    this.newDeliveries = 0;
    const last = this.positions.length - 1;
    if (last >= this.first && this.positions[last] === position) {
      this.ends[last] = this.writer.at;
      this.sequenced[last] = this.sequenced[last]! + sequenced;
      return;
    }
    assert(
      last < this.first || this.positions[last]! < position,
      'what is held is marked in the order of the log',
    );
    this.positions.push(position);
    this.ends.push(this.writer.at);
    this.sequenced.push(sequenced);
  }

  /**
   * Lets go what may leave now: calls `send` at most once, with bytes that stay as they are until
   * `settle`. Returns how many answers to sequenced requests left.
   */
  release(reached: number, send: (bytes: Buffer) => void): number {
    let count = 0;
    let end = this.from;
    while (this.first < this.positions.length && this.positions[this.first]! <= reached) {
      end = this.ends[this.first]!;
      count += this.sequenced[this.first]!;
      this.first += 1;
    }
    if (end === this.from) return count;
    while (this.deliveries.length > 0 && this.deliveries[0]!.position <= reached) {
      this.deliveries.shift();
    }
    const bytes = this.writer.buffer.subarray(this.from, end);
    this.from = end;
    this.forgetMarks();
    send(bytes);
    return count;
  }

  /** Reuses or gives up the memory of what has left. `isSent`: nobody reads it any more. */
  settle(isSent: boolean): void {
    if (this.from === 0) return;
    if (this.from === this.writer.at && isSent) {
      if (this.writer.buffer.length > keptBytesMax) this.writer.take();
      else this.writer.reset();
      this.from = 0;
      return;
    }
    if (this.from < rewindBytes && isSent) return;
    this.moveRest(isSent);
  }

  /** Gives up the memory of a connection that is told nothing any more: called now and then. */
  rest(): void {
    if (!this.isInUse && !this.isTouched && this.bytes === 0) this.writer.shrink();
    this.isInUse = false;
  }

  private forgetMarks(): void {
    if (this.first < this.positions.length) {
      if (this.first < 1024) return;
      this.positions = this.positions.slice(this.first);
      this.ends = this.ends.slice(this.first);
      this.sequenced = this.sequenced.slice(this.first);
    } else {
      this.positions.length = 0;
      this.ends.length = 0;
      this.sequenced.length = 0;
    }
    this.first = 0;
  }

  /**
   * Moves what has not left to the front, of a new buffer while the old one is still being read.
   */
  private moveRest(isSent: boolean): void {
    const { from, writer } = this;
    const rest = writer.buffer.subarray(from, writer.at);
    if (isSent) {
      writer.buffer.copyWithin(0, from, writer.at);
      writer.at = rest.length;
    } else {
      writer.take();
      writer.copy(rest, 0, rest.length);
    }
    for (let index = this.first; index < this.ends.length; index += 1) this.ends[index]! -= from;
    this.from = 0;
  }
}
