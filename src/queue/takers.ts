/**
 * All takers: who waits until when, and who stands in which queue's line. Those of one queue take
 * turns: who was served goes to the end of the line.
 */
import assert from 'node:assert';
import { Deadlines } from './deadlines.ts';
import type { Taker } from './taker.ts';

export class Takers {
  /** When a waiting receive gives up. */
  readonly deadlines = new Deadlines();
  private readonly byHandle: (Taker | undefined)[] = [undefined];
  private readonly freeHandles: number[] = [];
  /** Receives that do not wait (any more): answered once it is known that there is nothing. */
  readonly impatient = new Set<Taker>();
  size = 0;

  /** `deadlineMs` infinity: for ever; undefined: does not wait. */
  add(taker: Taker, deadlineMs: number | undefined): void {
    assert(taker.handle === 0, 'a taker is added once');
    taker.handle = this.freeHandles.pop() ?? this.byHandle.length;
    this.byHandle[taker.handle] = taker;
    this.size += 1;
    for (const queue of taker.queues) queue.takerCount += 1;
    if (deadlineMs === undefined) this.impatient.add(taker);
    else if (Number.isFinite(deadlineMs)) this.deadlines.set(taker.handle, deadlineMs);
  }

  remove(taker: Taker): void {
    assert(this.byHandle[taker.handle] === taker, 'this taker is not there');
    this.leaveLine(taker);
    if (this.deadlines.has(taker.handle)) this.deadlines.remove(taker.handle);
    this.impatient.delete(taker);
    this.byHandle[taker.handle] = undefined;
    this.freeHandles.push(taker.handle);
    taker.handle = 0;
    this.size -= 1;
    for (const queue of taker.queues) queue.takerCount -= 1;
  }

  /** All of them, in line or not. */
  *all(): Generator<Taker> {
    for (const taker of this.byHandle) if (taker !== undefined) yield taker;
  }

  /** The first one whose time is up, if any. */
  firstDue(nowMs: number): Taker | undefined {
    if (this.deadlines.firstMs > nowMs) return undefined;
    return this.byHandle[this.deadlines.first];
  }

  /** Its time is up: it takes what is on its way to it, and waits for nothing else. */
  becomeImpatient(taker: Taker): void {
    this.deadlines.remove(taker.handle);
    this.impatient.add(taker);
  }

  /** Stands at the end of the line of each of its queues. */
  joinLine(taker: Taker): void {
    if (taker.inLine) return;
    taker.inLine = true;
    for (const queue of taker.queues) queue.line.add(taker);
  }

  leaveLine(taker: Taker): void {
    if (!taker.inLine) return;
    taker.inLine = false;
    for (const queue of taker.queues) queue.line.delete(taker);
  }
}
