/**
 * One connection as the broker sees it: frames that came, what it asked for, what it is to be told.
 * It knows bytes and no socket: the transport is given. What its requests do is in `execute.ts`.
 */
import { limits } from '../limits.ts';
import { FrameReader } from '../protocol/frame-reader.ts';
import type { RefusedReceipt } from '../queue/answers.ts';
import type { Durability } from '../queue/queue.ts';
import type { Session } from '../queue/session.ts';
import type { Taker } from '../queue/taker.ts';
import { HeldOutput } from './held-output.ts';

/** The way to the other side. */
export interface Transport {
  /** Takes bytes over; they stay as they are until `unsentBytes` is 0 again. */
  send(bytes: Buffer): void;
  /** Bytes taken over that have not left this process. */
  readonly unsentBytes: number;
  /** Stops and goes on reading from the other side. */
  pause(): void;
  resume(): void;
  /** Ends the connection once all that was sent has left. */
  end(): void;
  /** Ends it at once. */
  destroy(): void;
}

/**
 * A request that is executed in slices over several turns: its frame, and what came of it so far.
 */
export interface RunningRequest {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Messages or receipts done. */
  done: number;
  /** Of a produce: first ID and count, flat. */
  readonly runs: number[];
  /** Of an ack and the like: the receipts refused, by their index in the frame. */
  readonly refused: RefusedReceipt[];
}

export class Connection {
  readonly transport: Transport;
  readonly openedMs: number;
  readonly reader = new FrameReader(limits.helloFrameBytesMax);
  private readonly writeOutput = new HeldOutput();
  private readonly fsyncOutput = new HeldOutput();

  /** Whether its hello was answered. */
  isGreeted = false;
  name = '';
  wantsPings = true;
  pingsMissed = 0;
  /** The last look found it too long silent, or deaf. */
  isLate = false;
  pingedMs: number;
  session: Session | undefined;
  /** Receives that wait and subscriptions, by request ID. */
  readonly takers = new Map<number, Taker>();
  running: RunningRequest | undefined;
  /** Sequenced requests whose answers have not left. */
  openSequenced = 0;
  /** Looks at messages that wait for the disk. */
  openLooks = 0;
  /** Since when a frame has been incomplete, in broker time. */
  partialSinceMs: number | undefined;
  /** Since when it has been full of what the other side did not read, in broker time. */
  unreadSinceMs: number | undefined;
  /** Since when nothing but its end has been outstanding. */
  endedSinceMs: number | undefined;
  /** Some of its takers left their lines because it could take no more. */
  isBlocked = false;
  /** The transport was told to stop reading. */
  isPaused = false;
  /** No request of it is executed any more; it ends when what is held has left. */
  isClosing = false;
  /** What the broker counts of its held bytes. */
  countedBytes = 0;
  isClosed = false;

  constructor(transport: Transport, nowMs: number) {
    this.transport = transport;
    this.openedMs = nowMs;
    this.pingedMs = nowMs;
  }

  output(level: Durability): HeldOutput {
    return level === 'write' ? this.writeOutput : this.fsyncOutput;
  }

  get heldBytes(): number {
    return this.writeOutput.bytes + this.fsyncOutput.bytes;
  }

  /** Whether it can be told more: neither held nor unsent bytes pile up. */
  get canTake(): boolean {
    const bytes = this.heldBytes + this.transport.unsentBytes;
    return !this.isClosed && bytes < limits.connectionUnsentBytesMax;
  }

  /** What was written to its outputs may leave when the log is at `position`. */
  hold(position: number): void {
    if (this.writeOutput.isTouched) this.writeOutput.hold(position);
    if (this.fsyncOutput.isTouched) this.fsyncOutput.hold(position);
  }

  /** Sends what may leave. */
  release(written: number, synced: number): void {
    this.releaseOne(this.writeOutput, written);
    this.releaseOne(this.fsyncOutput, synced);
  }

  /** Gives up memory that was not needed since the last call. */
  rest(): void {
    this.writeOutput.rest();
    this.fsyncOutput.rest();
  }

  /** Deliveries whose bytes never left. */
  heldDeliveries() {
    return [...this.writeOutput.deliveries, ...this.fsyncOutput.deliveries];
  }

  private releaseOne(output: HeldOutput, reached: number): void {
    if (output.bytes === 0) return;
    this.openSequenced -= output.release(reached, this.sendBytes);
    output.settle(this.transport.unsentBytes === 0);
  }

  private readonly sendBytes = (bytes: Buffer): void => {
    this.transport.send(bytes);
  };
}
