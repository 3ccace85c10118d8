/**
 * The message groups of one queue: of each the messages that wait or are in flight, in order of
 * their IDs, and whose turn is next. Plain containers; what enters and leaves is decided elsewhere.
 */
import assert from 'node:assert';
import { SortedIds } from './sorted-ids.ts';
import { Turns } from './turns.ts';

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
  readonly outs: number[] = [];
  /** Those that are not dead nor unreadable. */
  readonly waiting = new SortedIds();

  constructor(key: string, number: number) {
    this.key = key;
    this.number = number;
  }

  /** The one whose turn it is; 0: there is none. */
  get head(): number {
    return this.waiting.first;
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
}

export class Groups {
  private readonly byKey = new Map<string, Group>();
  /** By number, counted from 1. A number that is free is given again: a column holds them. */
  private readonly byNumber: (Group | undefined)[] = [undefined];
  private readonly free: number[] = [];
  readonly turns = new Turns();

  get size(): number {
    return this.byKey.size;
  }

  withNumber(number: number): Group {
    const group = this.byNumber[number];
    assert(group !== undefined, 'a message belongs to a group that is there');
    return group;
  }

  /** Made if need be. */
  entered(key: string): Group {
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const group = new Group(key, this.free.pop() ?? this.byNumber.length);
    this.byKey.set(key, group);
    this.byNumber[group.number] = group;
    return group;
  }

  forget(group: Group): void {
    this.byKey.delete(group.key);
    this.byNumber[group.number] = undefined;
    this.free.push(group.number);
    this.turns.delete(group);
  }

  all(): Iterable<Group> {
    return this.byKey.values();
  }
}
