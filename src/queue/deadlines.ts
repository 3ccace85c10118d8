/**
 * Deadlines of small integer handles, earliest first: an indexed binary heap in typed arrays, so
 * that a million of them cost 20 bytes each and no timer. Who owns a handle, and what its deadline
 * means, is not known here.
 */
import assert from 'node:assert';
import { grown } from './chunk.ts';

export class Deadlines {
  /** By handle. */
  private dueMs = new Float64Array(16);
  /** By handle: where in the heap, or -1. */
  private places = new Int32Array(16).fill(-1);
  private heap = new Uint32Array(16);
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The earliest deadline, or infinity. */
  get firstMs(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.dueMs[this.heap[0]!]!;
  }

  /** The handle with the earliest deadline; there is one. */
  get first(): number {
    assert(this.count > 0, 'there is no deadline');
    return this.heap[0]!;
  }

  has(handle: number): boolean {
    return handle < this.places.length && this.places[handle] !== -1;
  }

  dueMsOf(handle: number): number {
    assert(this.has(handle), 'this handle has no deadline');
    return this.dueMs[handle]!;
  }

  /** Sets or changes the deadline of a handle. */
  set(handle: number, dueMs: number): void {
    this.reserve(handle);
    if (this.places[handle] === -1) {
      this.places[handle] = this.count;
      this.heap[this.count] = handle;
      this.count += 1;
      this.dueMs[handle] = dueMs;
      this.rise(this.count - 1);
      return;
    }
    const before = this.dueMs[handle]!;
    this.dueMs[handle] = dueMs;
    if (dueMs < before) this.rise(this.places[handle]!);
    else this.sink(this.places[handle]!);
  }

  remove(handle: number): void {
    assert(this.has(handle), 'this handle has no deadline');
    const place = this.places[handle]!;
    this.places[handle] = -1;
    this.count -= 1;
    if (place === this.count) return;
    const moved = this.heap[this.count]!;
    this.heap[place] = moved;
    this.places[moved] = place;
    this.rise(place);
    this.sink(this.places[moved]!);
  }

  private rise(from: number): void {
    const handle = this.heap[from]!;
    const due = this.dueMs[handle]!;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >>> 1;
      const above = this.heap[parent]!;
      if (this.dueMs[above]! <= due) break;
      this.heap[place] = above;
      this.places[above] = place;
      place = parent;
    }
    this.heap[place] = handle;
    this.places[handle] = place;
  }

  private sink(from: number): void {
    const handle = this.heap[from]!;
    const due = this.dueMs[handle]!;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.count) break;
      const right = child + 1;
      if (right < this.count && this.dueMs[this.heap[right]!]! < this.dueMs[this.heap[child]!]!) {
        child = right;
      }
      const below = this.heap[child]!;
      if (this.dueMs[below]! >= due) break;
      this.heap[place] = below;
      this.places[below] = place;
      place = child;
    }
    this.heap[place] = handle;
    this.places[handle] = place;
  }

  private reserve(handle: number): void {
    if (handle >= this.places.length) {
      const length = Math.max(handle + 1, this.places.length * 2);
      const before = this.places.length;
      this.dueMs = grown(this.dueMs, new Float64Array(length));
      this.places = grown(this.places, new Int32Array(length));
      this.places.fill(-1, before);
    }
    if (this.count === this.heap.length) {
      this.heap = grown(this.heap, new Uint32Array(this.heap.length * 2));
    }
  }
}
