/**
 * A queue in memory whose first element is taken in constant time: `Array.shift` moves all the
 * others.
 */

const COMPACT_FROM = 1024;

export class Fifo<T> {
  #values: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#values.length - this.#head;
  }

  push(value: T): void {
    this.#values.push(value);
  }

  first(): T | undefined {
    return this.#values[this.#head];
  }

  shift(): T | undefined {
    if (this.#head === this.#values.length) return undefined;
    const value = this.#values[this.#head];
    this.#values[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#values.length) this.#reset([]);
    else if (this.#head >= COMPACT_FROM && this.#head * 2 >= this.#values.length) {
      this.#reset(this.#values.slice(this.#head));
    }
    return value;
  }

  /** Takes all of them out. */
  drain(): T[] {
    const values = this.#values.slice(this.#head) as T[];
    this.#reset([]);
    return values;
  }

  /** A copy, so that what is added or taken meanwhile disturbs nobody. */
  [Symbol.iterator](): IterableIterator<T> {
    return (this.#values.slice(this.#head) as T[]).values();
  }

  #reset(values: (T | undefined)[]): void {
    this.#values = values;
    this.#head = 0;
  }
}
