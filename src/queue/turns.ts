/**
 * The groups whose head may be delivered now, in the order of their turns. A group that leaves
 * stays as a gap, which is passed over; a set would walk over all its gaps for each first one.
 */
import type { Group } from './groups.ts';

const gapsMax = 64;

export class Turns {
  size = 0;
  private line: Group[] = [];
  private first = 0;
  /** How many stood in the line before those that are in it now. */
  private passed = 0;

  add(group: Group): void {
    if (group.turn !== 0) return;
    this.line.push(group);
    group.turn = this.passed + this.line.length;
    this.size += 1;
    if (this.line.length > 2 * this.size + gapsMax) this.tighten();
  }

  delete(group: Group): void {
    if (group.turn === 0) return;
    group.turn = 0;
    this.size -= 1;
  }

  /** The one whose turn it is; there is one. */
  next(): Group {
    while (!this.stands(this.first)) this.first += 1;
    return this.line[this.first]!;
  }

  /** How many of the first ones are `meant`, counted to `most`. */
  countFirst(meant: (group: Group) => boolean, most: number): number {
    let count = 0;
    for (let at = this.first; at < this.line.length && count < most; at += 1) {
      if (!this.stands(at)) continue;
      if (!meant(this.line[at]!)) break;
      count += 1;
    }
    return count;
  }

  private stands(at: number): boolean {
    return this.line[at]!.turn === this.passed + at + 1;
  }

  private tighten(): void {
    const standing = this.line.filter((_, at) => this.stands(at));
    this.passed += this.line.length;
    this.line = standing;
    this.first = 0;
    for (const [at, group] of standing.entries()) group.turn = this.passed + at + 1;
  }
}
