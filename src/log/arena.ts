/**
 * The arena: the tail of the stream of record bytes, in memory. It is at once the write buffer and
 * the cache of the tail, so that a record's bytes are copied once, into it. It consists of chunks,
 * oldest first; a record never crosses one, so it lies in one run, and no address is skipped
 * between two. Once the arena is as large as the tail cache may be, the oldest chunk is used again,
 * provided that all of it is durable.
 */
import assert from 'node:assert';
import type { CachedRange, Position } from './log.ts';
import { RECORD_HEADER_BYTES } from './record.ts';

class Chunk implements CachedRange {
  readonly buffer: Buffer;
  /** Of the first byte. */
  readonly address: Position;
  /** Bytes of ended records. */
  used = 0;

  constructor(buffer: Buffer, address: Position) {
    this.buffer = buffer;
    this.address = address;
  }
}

export class Arena {
  readonly #chunkBytes: number;
  readonly #chunksMax: number;
  readonly #chunks: Chunk[];
  #current: Chunk;
  #lastHit: Chunk;
  /**
   * Pushed out last and not used again before the next chunk is due: the record being written may
   * be a copy of what lies in it.
   */
  #spare: Buffer | undefined;
  /** Where the record being written may reach; 0 when there is none. */
  #reservedEnd = 0;

  /**
   * Memory is taken when it is first written to, not when a chunk is made: an idle log is small.
   */
  constructor(address: Position, chunkBytes: number, cacheBytes: number) {
    this.#chunkBytes = chunkBytes;
    this.#chunksMax = Math.max(2, Math.floor(cacheBytes / chunkBytes));
    this.#current = new Chunk(Buffer.allocUnsafeSlow(chunkBytes), address);
    this.#lastHit = this.#current;
    this.#chunks = [this.#current];
  }

  get buffer(): Buffer {
    return this.#current.buffer;
  }

  /** One past the last byte of the last ended record. */
  get end(): Position {
    return this.#current.address + this.#current.used;
  }

  /** Position of the first body byte of the record being written. */
  get beginPosition(): Position {
    return this.end + RECORD_HEADER_BYTES;
  }

  /** Begins a record; returns where its body goes. What is before `durable` may be forgotten. */
  begin(kind: number, version: number, bytesMax: number, durable: Position): number {
    assert(this.#reservedEnd === 0, 'the record before was not ended');
    if (this.#current.used + RECORD_HEADER_BYTES + bytesMax > this.#chunkBytes) {
      this.#nextChunk(durable);
    }
    const chunk = this.#current;
    const body = chunk.used + RECORD_HEADER_BYTES;
    chunk.buffer[body - 2] = kind;
    chunk.buffer[body - 1] = version;
    this.#reservedEnd = body + bytesMax;
    return body;
  }

  finish(offset: number): void {
    const chunk = this.#current;
    const start = chunk.used;
    assert(
      offset <= this.#reservedEnd && offset >= start + RECORD_HEADER_BYTES,
      'a record ends outside of what was reserved for it',
    );
    const length = offset - start - 4;
    chunk.buffer[start] = length >>> 24;
    chunk.buffer[start + 1] = length >>> 16;
    chunk.buffer[start + 2] = length >>> 8;
    chunk.buffer[start + 3] = length;
    chunk.used = offset;
    this.#reservedEnd = 0;
  }

  /** The chunk that holds the run, if it is in memory. */
  find(position: Position, length: number): CachedRange | undefined {
    let chunk = this.#lastHit;
    if (position < chunk.address || position >= chunk.address + chunk.used) {
      if (position < this.#chunks[0]!.address || position >= this.end) return undefined;
      chunk = this.#search(position);
      this.#lastHit = chunk;
    }
    return position + length <= chunk.address + chunk.used ? chunk : undefined;
  }

  /** The bytes from `start` to `end`, in pieces of at most `bytesMax` that cross no chunk. */
  slices(start: Position, end: Position, bytesMax: number): Buffer[] {
    const slices: Buffer[] = [];
    let position = start;
    while (position < end) {
      const chunk = this.#search(position);
      const from = position - chunk.address;
      const to = Math.min(chunk.used, end - chunk.address, from + bytesMax);
      assert(to > from, 'bytes that the arena does not hold');
      slices.push(chunk.buffer.subarray(from, to));
      position = chunk.address + to;
    }
    return slices;
  }

  /** The newest chunk that begins at or before `position`: nearly always one of the last. */
  #search(position: Position): Chunk {
    let index = this.#chunks.length - 1;
    while (this.#chunks[index]!.address > position) index -= 1;
    return this.#chunks[index]!;
  }

  #nextChunk(durable: Position): void {
    const address = this.end;
    // What was pushed out the last time: nobody copies from it any more.
    const spare = this.#spare;
    this.#spare = undefined;
    while (this.#chunks.length >= this.#chunksMax && this.#isDurable(this.#chunks[0]!, durable)) {
      this.#spare = this.#chunks.shift()!.buffer;
    }
    const chunk = new Chunk(spare ?? Buffer.allocUnsafeSlow(this.#chunkBytes), address);
    this.#chunks.push(chunk);
    this.#current = chunk;
    this.#lastHit = chunk;
  }

  #isDurable(chunk: Chunk, durable: Position): boolean {
    return chunk.address + chunk.used <= durable;
  }
}
