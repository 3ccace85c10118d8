/**
 * One timer for many deadlines: it rings at the earliest time that was asked for, and whoever owns
 * it then looks at all of them and asks for the next. A deadline that is no longer due costs
 * nothing until then. It keeps no process alive.
 */
import { limits } from '../limits.ts';

export class Alarm {
  readonly #ring: () => void;
  #atMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #afterPoll: NodeJS.Immediate | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Times are those of `performance.now()`. */
  setFor(atMs: number): void {
    if (atMs >= this.#atMs) return;
    clearTimeout(this.#timer);
    this.#atMs = atMs;
    const waitMs = Math.min(Math.max(1, Math.ceil(atMs - performance.now())), limits.timerMsMax);
    this.#timer = setTimeout(() => this.#due(), waitMs).unref();
  }

  clear(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#afterPoll);
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  /**
   * The sockets are read first: after a program has computed for longer than a deadline, its
   * answers are there and unread.
   */
  #due(): void {
    this.#afterPoll = setImmediate(() => {
      this.#atMs = Number.POSITIVE_INFINITY;
      this.#ring();
    });
  }
}
