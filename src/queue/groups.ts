/**
 * The message groups of one queue: of each the messages that wait or are in flight, in order of
 * their IDs, and whose turn is next. Plain containers; what enters and leaves is decided elsewhere.
 */
import assert from 'node:assert';
import { Turns } from './turns.ts';

/** So many IDs at the front may be gone before the list is written anew. */
const gonesMax = 64;

export class Group {
  readonly key: string;
  /** Its number in the queue, from 1. */
  readonly number: number;
  /** Its place in the line of turns, from 1; 0: it has none. */
  turn = 0;
  /** Messages of it in the queue, in whatever state. */
  members = 0;
  /**
   * What is in flight: one at most, but for a moment of a replay, where a copy of another one tells
   * that it was delivered once. It may not be the head: one before it may come back.
   */
  private readonly outs: number[] = [];
  /** Of those that are not dead nor unreadable, rising, from the one at `first` on. */
  private ids: number[] = [];
  private first = 0;

  constructor(key: string, number: number) {
    this.key = key;
    this.number = number;
  }

  /** The one whose turn it is; 0: there is none. */
  get head(): number {
    return this.first < this.ids.length ? this.ids[this.first]! : 0;
  }

  /** What is in flight; 0: nothing is. */
  get out(): number {
    return this.outs[0] ?? 0;
  }

  /** The one that holds up all others; 0: none does. */
  get holder(): number {
    return this.outs[0] ?? this.head;
  }

  takeOut(id: number): void {
    if (!this.outs.includes(id)) this.outs.push(id);
  }

  /** One that is not out stays so. */
  takeBack(id: number): void {
    const at = this.outs.indexOf(id);
    if (at >= 0) this.outs.splice(at, 1);
  }

  get waiting(): number {
    return this.ids.length - this.first;
  }

  add(id: number): void {
    const { ids } = this;
    const at = this.search(id);
    if (at === ids.length) ids.push(id);
    else if (ids[at] !== id) ids.splice(at, 0, id);
  }

  /** One that is not there stays so. */
  remove(id: number): void {
    const at = this.search(id);
    if (this.ids[at] !== id) return;
    if (at > this.first) {
      this.ids.splice(at, 1);
      return;
    }
    this.first += 1;
    if (this.first < gonesMax || this.first * 2 < this.ids.length) return;
    this.ids = this.ids.slice(this.first);
    this.first = 0;
  }

  /** The index of `id`, or of the first above it. */
  private search(id: number): number {
    let low = this.first;
    let high = this.ids.length;
    if (low < high && this.ids[low] === id) return low;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ids[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class Groups {
  private readonly byKey = new Map<string, Group>();
  private readonly byNumber = new Map<number, Group>();
  private nextNumber = 1;
  readonly turns = new Turns();

  get size(): number {
    return this.byKey.size;
  }

  withNumber(number: number): Group {
    const group = this.byNumber.get(number);
    assert(group !== undefined, 'a message belongs to a group that is there');
    return group;
  }

  /** Made if need be. */
  entered(key: string): Group {
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const group = new Group(key, this.nextNumber);
    this.nextNumber += 1;
    this.byKey.set(key, group);
    this.byNumber.set(group.number, group);
    return group;
  }

  forget(group: Group): void {
    this.byKey.delete(group.key);
    this.byNumber.delete(group.number);
    this.turns.delete(group);
  }

  all(): Iterable<Group> {
    return this.byKey.values();
  }
}
