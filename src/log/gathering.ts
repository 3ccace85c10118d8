/**
 * What is marked and not yet written: the batches that are cut and the one that gathers. A batch is
 * cut at a mark, so that the records of one mark share it, and before it would be too long. It also
 * holds the live bytes of those records, which belong to no segment before they are written.
 */
import assert from 'node:assert';
import type { Position, Stamp } from './log.ts';

export interface Batch {
  readonly start: Position;
  end: Position;
  timeMs: number;
  nextId: number;
  liveBytes: number;
}

export class Gathering {
  readonly #batchBytesMax: number;
  /** Oldest first; the first one may be taken already. */
  readonly #cut: Batch[] = [];
  #open: Batch = emptyBatch(Number.MAX_SAFE_INTEGER);
  #isFirstTaken = false;
  /** Live bytes of the records since the last mark. */
  #unmarkedLive = 0;
  /** Where the first batch begins that is in no segment yet. */
  start: Position = Number.MAX_SAFE_INTEGER;
  /** One past the last byte marked. */
  appended: Position = 0;
  liveBytes = 0;
  /** The stamp of the last batch cut. */
  lastStamp: Stamp = { timeMs: 0, nextId: 0 };

  constructor(batchBytesMax: number) {
    this.#batchBytesMax = batchBytesMax;
  }

  begin(position: Position, stamp: Stamp): void {
    this.lastStamp = stamp;
    this.#open = emptyBatch(position);
    this.start = position;
    this.appended = position;
  }

  /** Marks what reaches up to `end`. A mark without records leaves nothing to be written. */
  mark(end: Position, stamp: Stamp): void {
    if (end === this.appended) return;
    assert(end - this.appended <= this.#batchBytesMax, 'more under one mark than fits one batch');
    if (end - this.#open.start > this.#batchBytesMax) this.cut();
    const open = this.#open;
    open.end = end;
    open.timeMs = stamp.timeMs;
    open.nextId = stamp.nextId;
    open.liveBytes += this.#unmarkedLive;
    this.#unmarkedLive = 0;
    this.appended = end;
  }

  /** What is marked from now on goes into a later batch than what is marked already. */
  cut(): void {
    if (this.#open.end === this.#open.start) return;
    this.#cut.push(this.#open);
    this.lastStamp = this.#open;
    this.#open = emptyBatch(this.appended);
  }

  /** The oldest batch, to be written; it stays here until `written`. */
  take(): Batch | undefined {
    assert(!this.#isFirstTaken, 'one batch at a time');
    if (this.#cut.length === 0) this.cut();
    const batch = this.#cut[0];
    this.#isFirstTaken = batch !== undefined;
    return batch;
  }

  /** The batch taken is in a segment now. */
  written(): void {
    assert(this.#isFirstTaken, 'no batch was taken');
    this.#isFirstTaken = false;
    const batch = this.#cut.shift()!;
    this.start = batch.end;
    this.liveBytes -= batch.liveBytes;
  }

  addLive(position: Position, bytes: number): void {
    this.liveBytes += bytes;
    if (position >= this.appended) this.#unmarkedLive += bytes;
    else if (position >= this.#open.start) this.#open.liveBytes += bytes;
    else this.#cut.findLast((batch) => batch.start <= position)!.liveBytes += bytes;
  }
}

function emptyBatch(start: Position): Batch {
  return { start, end: start, timeMs: 0, nextId: 0, liveBytes: 0 };
}
