/**
 * A chunk: up to 1,024 messages of one lane in order of their IDs, as columns of numbers (25 bytes
 * a message). Bodies are not here: a message knows only where its bytes lie in the log. It is a
 * plain container; the lane decides what the numbers mean together.
 */
import assert from 'node:assert';

/**
 * What a message is doing. `GONE`: settled, its place not yet reused. `UNREADABLE`: its bytes
 * rotted; it is only counted. `DEAD`: it failed too often, and waits to be redriven. `HELD`: it is
 * ready, and waits for its group's turn.
 */
export const GONE = 0;
export const READY = 1;
export const IN_FLIGHT = 2;
export const DELAYED = 3;
export const UNREADABLE = 4;
export const DEAD = 5;
export const HELD = 6;
export type MessageState =
  | typeof GONE
  | typeof READY
  | typeof IN_FLIGHT
  | typeof DELAYED
  | typeof UNREADABLE
  | typeof DEAD
  | typeof HELD;

const capacityMin = 16;
const capacityMax = 1024;
const deltaMax = 2 ** 32 - 1;

export class Chunk {
  /** ID and time of the first message; all others are stored as differences to them. */
  baseId: number;
  baseMs: number;
  /** Entries in use, those gone included. */
  count = 0;
  live = 0;
  ready = 0;
  delayed = 0;
  dead = 0;
  /** No entry before this one is ready. */
  readyFrom = 0;
  /** No live entry lies at a lower position. A bound, not exact. */
  positionMin = Number.POSITIVE_INFINITY;

  idDeltas = new Uint32Array(capacityMin);
  msDeltas = new Uint32Array(capacityMin);
  positions = new Float64Array(capacityMin);
  /** Of its bytes in the log; 0: they can no longer be read. */
  lengths = new Uint32Array(capacityMin);
  /** The row in `Leases`, 0 for a message that was never delivered nor delayed. */
  rows = new Uint32Array(capacityMin);
  states = new Uint8Array(capacityMin);
  /** The number of its group, 0 for none; undefined: nobody here has one. */
  groups: Uint32Array | undefined;

  constructor(baseId: number, baseMs: number) {
    this.baseId = baseId;
    this.baseMs = baseMs;
  }

  get isFull(): boolean {
    return this.count === capacityMax;
  }

  /** Whether there is room for a message above the first one. */
  takes(id: number, producedMs: number): boolean {
    return (
      !this.isFull &&
      id - this.baseId <= deltaMax &&
      producedMs >= this.baseMs &&
      producedMs - this.baseMs <= deltaMax
    );
  }

  /** Begins with this message from now on, which is put before all others; false: it cannot. */
  beginsAt(id: number, producedMs: number): boolean {
    const ids = this.baseId - id;
    const ms = this.baseMs - producedMs;
    const times = this.msDeltas.subarray(0, this.count);
    const isNear = ms >= 0 && this.lastId - id <= deltaMax;
    if (this.isFull || !isNear || times.some((delta) => delta + ms > deltaMax)) return false;
    for (let index = 0; index < this.count; index += 1) {
      this.idDeltas[index] = this.idDeltas[index]! + ids;
      this.msDeltas[index] = this.msDeltas[index]! + ms;
    }
    this.baseId = id;
    this.baseMs = producedMs;
    return true;
  }

  /** Adds a message at the end, ready, without a row. Its ID is above all others. */
  push(id: number, producedMs: number, position: number, length: number): number {
    const index = this.count;
    this.insert(index, id, producedMs, position, length);
    return index;
  }

  /** Puts one before the entry `index`, ready, without a row, where its ID belongs. */
  insert(index: number, id: number, producedMs: number, position: number, length: number): void {
    if (this.count === this.states.length) this.resize(this.count * 2);
    if (index < this.count) this.makeRoom(index);
    this.idDeltas[index] = id - this.baseId;
    this.msDeltas[index] = producedMs - this.baseMs;
    this.positions[index] = position;
    this.lengths[index] = length;
    this.rows[index] = 0;
    this.states[index] = READY;
    if (this.groups !== undefined) this.groups[index] = 0;
    this.count += 1;
    this.live += 1;
    this.ready += 1;
    if (index < this.readyFrom) this.readyFrom = index;
    if (position < this.positionMin) this.positionMin = position;
  }

  /** Whether the message that stood here is gone, and was this one. */
  wasAt(index: number, id: number): boolean {
    return index < this.count && this.states[index] === GONE && this.idAt(index) === id;
  }

  /** The message that stood here is back, ready, without a row. */
  refill(index: number, position: number, length: number): void {
    assert(this.states[index] === GONE, 'only a place that is left is taken again');
    this.positions[index] = position;
    this.lengths[index] = length;
    this.rows[index] = 0;
    this.states[index] = READY;
    if (this.groups !== undefined) this.groups[index] = 0;
    this.live += 1;
    this.ready += 1;
    if (index < this.readyFrom) this.readyFrom = index;
    if (position < this.positionMin) this.positionMin = position;
  }

  setGroup(index: number, number: number): void {
    this.groups ??= new Uint32Array(this.states.length);
    this.groups[index] = number;
  }

  idAt(index: number): number {
    return this.baseId + this.idDeltas[index]!;
  }

  producedMsAt(index: number): number {
    return this.baseMs + this.msDeltas[index]!;
  }

  get lastId(): number {
    return this.idAt(this.count - 1);
  }

  /** The index of `id`, or of the first entry above it (`count` if there is none). */
  search(id: number): number {
    const delta = id - this.baseId;
    if (delta < 0) return 0;
    // IDs mostly run without gaps: then the difference is the index.
    if (delta < this.count && this.idDeltas[delta] === delta) return delta;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.idDeltas[middle]! < delta) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Changes the state of an entry and keeps the counts. */
  setState(index: number, state: MessageState): void {
    const before = this.states[index];
    assert(before !== GONE && before !== state, 'a message that is there changes its state');
    this.states[index] = state;
    if (before === READY) this.ready -= 1;
    else if (before === DELAYED) this.delayed -= 1;
    else if (before === DEAD) this.dead -= 1;
    if (state === READY) {
      this.ready += 1;
      if (index < this.readyFrom) this.readyFrom = index;
    } else if (state === GONE) {
      this.live -= 1;
    } else if (state === DELAYED) {
      this.delayed += 1;
    } else if (state === DEAD) {
      this.dead += 1;
    }
  }

  /** The first ready entry; the chunk has one. */
  firstReady(): number {
    assert(this.ready > 0, 'a chunk without a ready message was asked for one');
    let index = this.readyFrom;
    while (this.states[index] !== READY) index += 1;
    assert(index < this.count, 'a chunk counts more ready messages than it has');
    this.readyFrom = index;
    return index;
  }

  /** Whether most of its entries are gone, so that a smaller chunk would do. */
  get isSparse(): boolean {
    return this.count >= 4 * capacityMin && this.live * 4 < this.count;
  }

  /**
   * Whether all live entries of `next`, which follows, fit at the end of this one with room to
   * spare.
   */
  canAbsorb(next: Chunk): boolean {
    return (
      this.count + next.live <= capacityMax / 2 &&
      next.lastId - this.baseId <= deltaMax &&
      next.producedMsAt(next.count - 1) - this.baseMs <= deltaMax
    );
  }

  /** Appends the live entries of `from`, beginning with its entry `index`. */
  copyLiveFrom(from: Chunk, index: number): void {
    for (let at = index; at < from.count; at += 1) {
      const state = from.states[at]!;
      if (state === GONE) continue;
      const id = from.idAt(at);
      const target = this.push(id, from.producedMsAt(at), from.positions[at]!, from.lengths[at]!);
      this.rows[target] = from.rows[at]!;
      const group = from.groups?.[at] ?? 0;
      if (group !== 0) this.setGroup(target, group);
      if (state !== READY) this.setState(target, state as MessageState);
    }
  }

  /** Forgets the entries from `index` on. */
  cut(index: number): void {
    this.count = index;
    this.live = 0;
    this.ready = 0;
    this.delayed = 0;
    this.dead = 0;
    for (let at = 0; at < index; at += 1) {
      if (this.states[at] !== GONE) this.live += 1;
      if (this.states[at] === READY) this.ready += 1;
      if (this.states[at] === DELAYED) this.delayed += 1;
      if (this.states[at] === DEAD) this.dead += 1;
    }
    this.readyFrom = Math.min(this.readyFrom, index);
  }

  private makeRoom(index: number): void {
    const columns = [this.idDeltas, this.msDeltas, this.positions, this.lengths, this.rows];
    for (const column of [...columns, this.states]) {
      column.copyWithin(index + 1, index, this.count);
    }
    this.groups?.copyWithin(index + 1, index, this.count);
  }

  private resize(capacity: number): void {
    const length = Math.min(capacity, capacityMax);
    this.idDeltas = grown(this.idDeltas, new Uint32Array(length));
    this.msDeltas = grown(this.msDeltas, new Uint32Array(length));
    this.positions = grown(this.positions, new Float64Array(length));
    this.lengths = grown(this.lengths, new Uint32Array(length));
    this.rows = grown(this.rows, new Uint32Array(length));
    this.states = grown(this.states, new Uint8Array(length));
    if (this.groups !== undefined) this.groups = grown(this.groups, new Uint32Array(length));
  }
}

type Column = Uint8Array | Int32Array | Uint32Array | Float64Array;

/** Copies a column into a longer one. */
export function grown<T extends Column>(column: T, longer: T): T {
  longer.set(column);
  return longer;
}
