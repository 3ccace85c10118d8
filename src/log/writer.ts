/**
 * Writes batches, one at a time: append, check the count, sync, confirm, go on with what has
 * gathered meanwhile. A batch goes into one segment; the next one is made while the present one
 * fills. What this file must never do: begin a batch before the one before is durable, confirm one
 * that is not, or sync again after a sync has failed.
 */
import assert from 'node:assert';
import { DirectoryLockedError } from '../errors.ts';
import type { Arena } from './arena.ts';
import { BLOCK_HEADER_BYTES, Block } from './block.ts';
import { type Fence, refuseIfLost } from './fenced-storage.ts';
import { isNoDescriptor, isNoSpace, NoSpaceError } from './files.ts';
import type { Batch, Gathering } from './gathering.ts';
import type { Position } from './log.ts';
import { createSegment } from './recovery.ts';
import type { Reserve } from './reserve.ts';
import type { ChainEnd } from './scan.ts';
import type { Segment } from './segment.ts';
import type { Segments } from './segments.ts';
import type { Sizes } from './sizes.ts';
import type { Storage } from './storage.ts';

export interface WriterParts {
  storage: Storage;
  arena: Arena;
  gathering: Gathering;
  segments: Segments;
  reserve: Reserve;
  sizes: Sizes;
  epoch: number;
  /** Asked before each batch is confirmed, at either level. */
  fence: Fence;
  salt: () => number;
  /** A watermark moved. May be called from inside a call of the owner. */
  progressed: () => void;
  /** A new segment was taken into use; all before it is durable. */
  rolled: () => void;
  ended: (how: 'fenced' | 'failed', error: Error) => void;
}

interface Waiter {
  position: Position;
  resolve: () => void;
  reject: (error: Error) => void;
}

export class Writer {
  readonly #parts: WriterParts;
  readonly #block = new Block();
  /** The batch in flight. */
  #batch: Batch | undefined;
  /** What the batch in flight waits for besides its sync: a segment, or room. */
  #preparing: Promise<void> | undefined;
  /** Rolls and appends the batch in flight, for which no segment could be opened. */
  #rollAgain: (() => void) | undefined;
  /** Why the batch in flight waits: no descriptor is left. */
  #stallError: unknown;
  #mayWait = true;
  /** Number and last CRC of the last batch appended. */
  #batchNumber: number;
  #crc: number;
  #tail: Segment;
  #next: Promise<Segment> | undefined;
  /** Nothing more goes into the present segment. */
  #isSealing = false;
  #endError: Error | undefined;
  #waiters: Waiter[] = [];
  #lastStamp: { timeMs: number; nextId: number };
  written: Position;
  synced: Position;
  /** Number of the last durable batch. */
  syncedBatch: number;

  constructor(parts: WriterParts, chain: ChainEnd) {
    const tail = parts.segments.newest;
    assert(tail?.isEmpty && tail.epoch === parts.epoch, 'no new segment to write to');
    this.#parts = parts;
    this.#tail = tail;
    this.#batchNumber = chain.batch;
    this.#crc = chain.crc;
    this.#lastStamp = { timeMs: chain.timeMs, nextId: chain.nextId };
    this.written = chain.address;
    this.synced = chain.address;
    this.syncedBatch = chain.batch;
  }

  get tail(): Segment {
    return this.#tail;
  }

  get isStalled(): boolean {
    return this.#stallError !== undefined;
  }

  get hasEnded(): boolean {
    return this.#endError !== undefined;
  }

  /** The stamp of the last batch appended. */
  get lastStamp(): { timeMs: number; nextId: number } {
    return this.#lastStamp;
  }

  /** Writes what is marked, unless a batch is in flight: then that follows by itself. */
  start(): void {
    const rollAgain = this.#rollAgain;
    this.#rollAgain = undefined;
    if (this.#endError === undefined) rollAgain?.();
    if (this.#batch !== undefined || this.#endError !== undefined) return;
    const batch = this.#parts.gathering.take();
    if (batch === undefined) return;
    this.#batch = batch;
    const { arena, sizes } = this.#parts;
    const payloads = arena.slices(batch.start, batch.end, sizes.blockBytesMax);
    const bytes = batch.end - batch.start + payloads.length * BLOCK_HEADER_BYTES;
    const fits = this.#tail.fileBytes + bytes <= sizes.segmentBytes && !this.#isSealing;
    if (this.#tail.isEmpty || fits) {
      this.#append(batch, payloads, bytes);
    } else {
      this.#roll(batch, payloads, bytes);
    }
  }

  /** Resolves when all before `position` is durable; rejects when the log ends before. */
  whenSynced(position: Position): Promise<void> {
    if (this.synced >= position) return Promise.resolve();
    if (this.#endError !== undefined) return Promise.reject(this.#endError);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, resolve, reject });
    });
  }

  /**
   * Once the log has ended or nothing is in flight. On return no segment is being made or cut; one
   * that was made in advance is closed.
   */
  async settle(): Promise<void> {
    await this.#preparing;
    const next = await this.#next?.catch(() => undefined);
    await next?.file?.close();
  }

  /** Ends the log: nothing more is confirmed. */
  fail(reason: unknown): void {
    if (this.#endError !== undefined) return;
    const error = reason instanceof Error ? reason : new Error(String(reason));
    this.#endError = error;
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
    this.#parts.ended(error instanceof DirectoryLockedError ? 'fenced' : 'failed', error);
  }

  /** Writes nothing more into the present segment: the next batch begins another one. */
  seal(): void {
    this.#isSealing = true;
  }

  /** Waits for a descriptor no longer, now and from now on. */
  giveUp(): void {
    this.#mayWait = false;
    if (this.isStalled) this.fail(this.#stallError);
  }

  /** Whether the log is still that of this process; if not, it has ended. */
  isOurs(): boolean {
    try {
      refuseIfLost(this.#parts.fence);
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  #append(batch: Batch, payloads: readonly Buffer[], bytes: number): void {
    const buffers = this.#encode(batch, payloads);
    try {
      if (!this.#tryAppend(buffers, bytes)) {
        this.#preparing = this.#makeRoomAndAppend(batch, payloads, buffers, bytes);
        return;
      }
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#appended(batch, payloads);
  }

  /** Returns false when there is no space; then part of the batch may be in the file. */
  #tryAppend(buffers: readonly Buffer[], bytes: number): boolean {
    try {
      return this.#tail.file!.append(buffers) === bytes;
    } catch (error) {
      if (isNoSpace(error)) return false;
      throw error;
    }
  }

  /** The same batch again, at the same place, as long as the reserve has something to give. */
  async #makeRoomAndAppend(
    batch: Batch,
    payloads: readonly Buffer[],
    buffers: readonly Buffer[],
    bytes: number,
  ): Promise<void> {
    try {
      await this.#parts.reserve.withRoom(async () => {
        await this.#tail.file!.truncate(this.#tail.fileBytes);
        if (!this.#tryAppend(buffers, bytes)) throw new NoSpaceError('the disk is full');
      });
    } catch (error) {
      this.fail(error);
      return;
    }
    if (this.#endError === undefined) this.#appended(batch, payloads);
  }

  /** What was appended while the log was ours is found by whoever takes it later. */
  #appended(batch: Batch, payloads: readonly Buffer[]): void {
    if (!this.isOurs()) return;
    const { gathering, segments } = this.#parts;
    const tail = this.#tail;
    for (const payload of payloads) {
      tail.noteBlock(tail.endAddress, tail.fileBytes);
      tail.endAddress += payload.length;
      tail.fileBytes += BLOCK_HEADER_BYTES + payload.length;
    }
    assert(tail.endAddress === batch.end, 'the blocks do not make up the batch');
    gathering.written();
    segments.addLive(batch.start, batch.liveBytes);
    this.#batchNumber += 1;
    this.#lastStamp = batch;
    this.written = batch.end;
    this.#parts.progressed();
    tail.file!.sync().then(this.#onSynced, this.#onFailed);
  }

  readonly #onSynced = (): void => {
    if (this.#endError !== undefined) return;
    if (!this.isOurs()) return;
    this.synced = this.#batch!.end;
    this.syncedBatch = this.#batchNumber;
    this.#batch = undefined;
    this.#resolveWaiters();
    this.#prepareNext();
    this.start();
    this.#parts.progressed();
  };

  readonly #onFailed = (error: unknown): void => this.fail(error);

  #resolveWaiters(): void {
    if (this.#waiters.length === 0) return;
    const due = this.#waiters.filter((waiter) => waiter.position <= this.synced);
    this.#waiters = this.#waiters.filter((waiter) => waiter.position > this.synced);
    for (const waiter of due) waiter.resolve();
  }

  /** Header, payload, header, payload and so on. */
  #encode(batch: Batch, payloads: readonly Buffer[]): Buffer[] {
    assert(
      Number.isSafeInteger(batch.timeMs) && Number.isSafeInteger(batch.nextId),
      'a stamp is made of whole numbers',
    );
    const headers = Buffer.allocUnsafe(payloads.length * BLOCK_HEADER_BYTES);
    const buffers: Buffer[] = [];
    const block = this.#block;
    block.batch = this.#batchNumber + 1;
    block.address = batch.start;
    block.epoch = this.#parts.epoch;
    block.timeMs = batch.timeMs;
    block.nextId = batch.nextId;
    for (const [index, payload] of payloads.entries()) {
      const at = index * BLOCK_HEADER_BYTES;
      const header = headers.subarray(at, at + BLOCK_HEADER_BYTES);
      block.index = index;
      block.isFirst = index === 0;
      block.isLast = index === payloads.length - 1;
      block.previousCrc = this.#crc;
      block.write(header, payload, this.#tail.salt);
      this.#crc = block.crc;
      block.address += payload.length;
      buffers.push(header, payload);
    }
    return buffers;
  }

  /** Makes the next segment in time, while the present one still has room for half of its bytes. */
  #prepareNext(): void {
    if (this.#next !== undefined) return;
    if (this.#tail.fileBytes * 2 < this.#parts.sizes.segmentBytes) return;
    this.#next = this.#createNext();
    this.#next.catch((error: unknown) => {
      if (!isNoSpace(error) && !isNoDescriptor(error)) this.fail(error);
    });
  }

  #createNext(): Promise<Segment> {
    const { storage, epoch, salt, sizes } = this.#parts;
    const number = this.#tail.number + 1;
    const header = { number, epoch, salt: salt(), timeMs: this.#lastStamp.timeMs };
    return createSegment(storage, header, sizes.indexBytes);
  }

  #roll(batch: Batch, payloads: readonly Buffer[], bytes: number): void {
    this.#preparing = this.#rollAndAppend(batch, payloads, bytes);
  }

  async #rollAndAppend(batch: Batch, payloads: readonly Buffer[], bytes: number): Promise<void> {
    try {
      const next = await this.#parts.reserve.withRoom(() => this.#takeNext());
      if (this.#endError !== undefined) return await next.file?.close();
      await this.#goOnIn(next, batch);
    } catch (error) {
      if (isNoDescriptor(error) && this.#mayWait) {
        this.#stallError = error;
        this.#rollAgain = () => this.#roll(batch, payloads, bytes);
      } else {
        this.fail(error);
      }
      return;
    }
    this.#stallError = undefined;
    if (this.#endError !== undefined) return;
    this.#parts.rolled();
    this.#append(batch, payloads, bytes);
  }

  #takeNext(): Promise<Segment> {
    const next = this.#next ?? this.#createNext();
    this.#next = undefined;
    return next;
  }

  async #goOnIn(next: Segment, batch: Batch): Promise<void> {
    const sealed = this.#tail;
    next.begin(batch.start, this.#batchNumber + 1, this.#crc);
    this.#parts.segments.push(next);
    this.#tail = next;
    this.#isSealing = false;
    await this.#parts.segments.close(sealed);
  }
}
