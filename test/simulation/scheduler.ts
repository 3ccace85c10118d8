/**
 * Virtual time: everything that happens later is an event with a time, run one after the other, and
 * between two of them all that follows at once (promises) has happened. What ran is hashed, so that
 * two runs of one seed can be compared, and printed on request.
 */
import { crc32 } from 'node:zlib';
import type { Random } from '../support/random.ts';

interface Event {
  readonly atMs: number;
  /** Drawn by chance: of two events at one time either may be first. */
  readonly tie: number;
  /** Undefined once it was taken back. */
  act: (() => void) | undefined;
}

export class Scheduler {
  readonly random: Random;
  nowMs = 0;
  events = 0;
  /** A checksum over all that was noted. */
  hash = 0;
  private readonly heap: Event[] = [];
  private readonly print: boolean;

  constructor(random: Random, print = false) {
    this.random = random;
    this.print = print;
  }

  /** Writes a line of the history. */
  note(line: string): void {
    const text = `${this.nowMs.toFixed(3)} ${line}\n`;
    this.hash = crc32(text, this.hash);
    if (this.print) process.stdout.write(text);
  }

  /** Runs `act` after so many milliseconds. Returns what takes it back. */
  after(ms: number, act: () => void): () => void {
    const event: Event = { atMs: this.nowMs + ms, tie: this.random.uint32(), act };
    this.push(event);
    return () => {
      event.act = undefined;
    };
  }

  /** Runs events until `isDone` holds, or `limitMs` of virtual time is over. Returns whether it held. */
  async run(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.nowMs + limitMs;
    while (!isDone()) {
      const next = this.heap[0];
      if (next === undefined || next.atMs > endMs) {
        this.nowMs = endMs;
        return isDone();
      }
      this.pop();
      if (next.act === undefined) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.events += 1;
      next.act();
      // A tick comes once all promises have run, and costs no round of the event loop.
      await new Promise<void>((resolve) => process.nextTick(resolve));
    }
    return true;
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.tie < other.tie);
}
