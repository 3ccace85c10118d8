/**
 * The segments of the log, oldest first and without a gap in their addresses: which one holds a
 * position, how much of each is live, and their open files. The newest is the one being written.
 */
import assert from 'node:assert';
import type { Position } from './log.ts';
import type { Segment } from './segment.ts';
import type { Storage, StorageFile } from './storage.ts';

/** Sealed segments whose files stay open after a read. */
const OPEN_FILES_MAX = 32;

export class Segments {
  readonly #storage: Storage;
  readonly #all: Segment[] = [];
  /** Sealed segments with an open file, the longest unused first. */
  readonly #open: Segment[] = [];
  #lastHit: Segment | undefined;
  liveBytes = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  get all(): readonly Segment[] {
    return this.#all;
  }

  get oldest(): Segment | undefined {
    return this.#all[0];
  }

  get newest(): Segment | undefined {
    return this.#all.at(-1);
  }

  push(segment: Segment): void {
    const newest = this.newest;
    assert(newest === undefined || segment.number === newest.number + 1, 'a gap');
    if (newest !== undefined) newest.isSealed = true;
    this.#all.push(segment);
  }

  /** Takes back the newest: nothing of it is needed. */
  pop(): void {
    this.#all.pop();
    this.#lastHit = undefined;
  }

  /** Whether the segment that holds `position` is still there. */
  holds(position: Position): boolean {
    return this.oldest !== undefined && position >= this.oldest.firstAddress;
  }

  /** Takes out the oldest; its file is the caller's to remove. */
  shift(): Segment {
    const segment = this.#all.shift();
    assert(segment !== undefined, 'no segment is left');
    this.#lastHit = undefined;
    this.liveBytes -= segment.liveBytes;
    return segment;
  }

  /** Adds to (or takes from) the live bytes of the segment that holds `position`. */
  addLive(position: Position, bytes: number): void {
    this.liveBytes += bytes;
    this.find(position).liveBytes += bytes;
  }

  /** The newest segment that begins at or before `position`. */
  find(position: Position): Segment {
    const hit = this.#lastHit;
    if (hit !== undefined && position >= hit.firstAddress && position < hit.endAddress) return hit;
    let low = 0;
    let high = this.#all.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#all[middle]!.firstAddress <= position) low = middle;
      else high = middle - 1;
    }
    const segment = this.#all[low];
    assert(segment !== undefined && position >= segment.firstAddress, 'a position before the log');
    this.#lastHit = segment;
    return segment;
  }

  /** The file of a segment, to be given back with `release`. */
  async acquire(segment: Segment): Promise<StorageFile> {
    segment.readers += 1;
    if (segment.file !== undefined) {
      this.#touch(segment);
      return segment.file;
    }
    try {
      const file = await this.#storage.open(segment.name, 'read');
      return await this.#keep(segment, file);
    } catch (error) {
      await this.release(segment);
      throw error;
    }
  }

  async release(segment: Segment): Promise<void> {
    segment.readers -= 1;
    assert(segment.readers >= 0, 'released more often than acquired');
    if (segment.readers > 0) return;
    if (segment.isClosing) await this.close(segment);
    segment.unread?.();
  }

  /**
   * Closes a segment that was taken out. On return its name may go: a read that began before, and
   * may still have had to open the file, is over.
   */
  async closeForGood(segment: Segment): Promise<void> {
    await this.close(segment);
    if (segment.readers === 0) return;
    await new Promise<void>((resolve) => {
      segment.unread = resolve;
    });
  }

  /** Closes the file of one segment once nobody reads it: its descriptor may be used again then. */
  async close(segment: Segment): Promise<void> {
    segment.isClosing = segment.readers > 0;
    if (segment.isClosing) return;
    const at = this.#open.indexOf(segment);
    if (at >= 0) this.#open.splice(at, 1);
    const file = segment.file;
    segment.file = undefined;
    await file?.close();
  }

  async closeAll(): Promise<void> {
    for (const segment of this.#all) await this.close(segment);
  }

  /** Two reads may have opened the file at once: the first one counts. */
  async #keep(segment: Segment, file: StorageFile): Promise<StorageFile> {
    if (segment.file !== undefined) {
      await file.close();
      return segment.file;
    }
    segment.file = file;
    this.#touch(segment);
    await this.#closeUnused();
    return file;
  }

  #touch(segment: Segment): void {
    if (!segment.isSealed || this.#open.at(-1) === segment) return;
    const at = this.#open.indexOf(segment);
    if (at >= 0) this.#open.splice(at, 1);
    this.#open.push(segment);
  }

  async #closeUnused(): Promise<void> {
    while (this.#open.length > OPEN_FILES_MAX) {
      const unused = this.#open.find((segment) => segment.readers === 0);
      if (unused === undefined) return;
      await this.close(unused);
    }
  }
}
