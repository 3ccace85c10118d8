/**
 * Chunks of one connection -> whole frames. A frame that lies within one chunk is given in place,
 * without a copy; one that spans chunks is collected into a buffer of its own. Unread chunks are
 * kept by reference, so that a reader may stop after any frame and go on later.
 *
 *   4 bytes   length N of what follows, unsigned, big-endian
 *   N bytes   one msgpack array
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { uint32 } from './msgpack.ts';

const PREFIX_BYTES = 4;
const EMPTY = Buffer.alloc(0);

/**
 * Memory follows the bytes that came, not the length that was announced: a client that announces a
 * large frame and sends nothing costs this much.
 */
const COLLECT_BYTES_MIN = 64 * 1024;
const COLLECT_GROWTH = 4;

export class FrameReader {
  /** The largest frame taken; may be raised at any time, as after a hello. */
  frameBytesMax: number;

  /** The frame that `next()` found: `buffer[start]` to before `buffer[end]`, without the length. */
  buffer: Buffer = EMPTY;
  start = 0;
  end = 0;

  /** The chunk being read, and those that wait behind it. */
  readonly #waiting: Buffer[] = [];
  #chunk: Buffer = EMPTY;
  #at = 0;
  #waitingBytes = 0;

  /** A length of which fewer than four bytes came, or whose frame is being collected. */
  #prefixBytes = 0;
  #length = 0;
  #collected: Buffer | undefined = undefined;
  #filled = 0;

  constructor(frameBytesMax: number = limits.frameBytesMax) {
    this.frameBytesMax = frameBytesMax;
  }

  /** Takes bytes over; they must not change until the frames in them are done with. */
  push(chunk: Buffer): void {
    if (this.#at === this.#chunk.length && this.#waitingBytes === 0) {
      this.#chunk = chunk;
      this.#at = 0;
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
  }

  /** Bytes taken over and not yet given out as part of a frame. */
  get pendingBytes(): number {
    const unread = this.#chunk.length - this.#at + this.#waitingBytes;
    return unread + this.#prefixBytes + this.#filled;
  }

  /** Whether a frame has begun whose end has not come: what a limit for slow senders looks at. */
  get hasPartial(): boolean {
    return this.#prefixBytes > 0;
  }

  /**
   * Finds the next whole frame and tells whether there is one. Throws BAD_FRAME or FRAME_TOO_LARGE,
   * before any byte of that frame is kept, and then at each further call.
   */
  next(): boolean {
    const at = this.#at;
    const chunk = this.#chunk;
    if (this.#prefixBytes === 0 && chunk.length - at >= PREFIX_BYTES) {
      const length = uint32(chunk, at);
      this.#check(length);
      const end = at + PREFIX_BYTES + length;
      if (end <= chunk.length) {
        this.#at = end;
        this.buffer = chunk;
        this.start = at + PREFIX_BYTES;
        this.end = end;
        return true;
      }
    }
    return this.#nextCollected();
  }

  #check(length: number): void {
    if (length === 0) throw new WonderqError('BAD_FRAME', 'the frame is empty');
    if (length > this.frameBytesMax) {
      throw new WonderqError(
        'FRAME_TOO_LARGE',
        `a frame of ${length} bytes is longer than the limit of ${this.frameBytesMax}`,
      );
    }
  }

  /** The way of a frame, or of a length, that spans chunks. */
  #nextCollected(): boolean {
    while (this.#prefixBytes < PREFIX_BYTES) {
      if (!this.#hasByte()) return false;
      this.#length = this.#length * 256 + this.#chunk[this.#at]!;
      this.#at += 1;
      this.#prefixBytes += 1;
    }
    this.#check(this.#length);
    while (this.#filled < this.#length) {
      if (!this.#hasByte()) return false;
      this.#collect();
    }
    this.buffer = this.#collected!;
    this.start = 0;
    this.end = this.#length;
    this.#collected = undefined;
    this.#filled = 0;
    this.#prefixBytes = 0;
    this.#length = 0;
    return true;
  }

  /**
   * Goes to the next chunk if the current one is used up; false if there is none. An idle
   * connection then holds on to no chunk.
   */
  #hasByte(): boolean {
    while (this.#at === this.#chunk.length) {
      const chunk = this.#waiting.shift();
      this.#chunk = chunk ?? EMPTY;
      this.#at = 0;
      if (chunk === undefined) {
        this.buffer = EMPTY;
        this.start = 0;
        this.end = 0;
        return false;
      }
      this.#waitingBytes -= chunk.length;
    }
    return true;
  }

  /** Copies what the current chunk has of the frame. */
  #collect(): void {
    const take = Math.min(this.#length - this.#filled, this.#chunk.length - this.#at);
    const needed = this.#filled + take;
    const room = this.#collected?.length ?? 0;
    if (needed > room) {
      const grown = Math.max(COLLECT_BYTES_MIN, needed, room * COLLECT_GROWTH);
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#length, grown));
      this.#collected?.copy(larger, 0, 0, this.#filled);
      this.#collected = larger;
    }
    this.#chunk.copy(this.#collected!, this.#filled, this.#at, this.#at + take);
    this.#at += take;
    this.#filled = needed;
  }
}
