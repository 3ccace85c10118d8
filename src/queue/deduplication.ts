/**
 * The deduplication IDs that a queue knows: which message had each, and until when it counts. A
 * ring in the order in which they came, so that those whose window is over are found at its head.
 */
const capacityMin = 16;

/** What one record tells: three columns of the same length. */
export interface Entries {
  readonly keys: readonly string[];
  readonly ids: readonly number[];
  readonly untilMs: readonly number[];
}

/** Told where the record of an entry stands that is needed, or is no more. */
export type Needed = (position: number, bytes: number) => void;

export class Deduplication {
  /** By deduplication ID: the number of its entry. Entries are numbered from 0, for ever. */
  private readonly numbers = new Map<string, number>();
  private first = 0;
  private next = 0;
  private keys: string[] = [];
  private ids = new Float64Array(0);
  private untils = new Float64Array(0);
  /** Where the record stands that tells it; 0: none does any more. */
  private positions = new Float64Array(0);

  /** Whether it was told which records are needed: not while a log is read. */
  private isCounted: boolean;

  constructor(isCounted: boolean) {
    this.isCounted = isCounted;
  }

  get size(): number {
    return this.next - this.first;
  }

  /** The message that had this deduplication ID, if its window is not over; else 0. */
  find(key: string, nowMs: number): number {
    const number = this.numbers.get(key);
    if (number === undefined) return 0;
    const at = this.place(number);
    return this.untils[at]! > nowMs ? this.ids[at]! : 0;
  }

  add(key: string, id: number, untilMs: number, position: number): void {
    if (this.size === this.keys.length) this.grow();
    const at = this.place(this.next);
    this.keys[at] = key;
    this.ids[at] = id;
    this.untils[at] = untilMs;
    this.positions[at] = position;
    this.numbers.set(key, this.next);
    this.next += 1;
  }

  /**
   * The log was read: tells what is needed of it. Compaction told again what counted, and let the
   * rest go with its segment.
   */
  count(nowMs: number, needed: Needed): void {
    this.isCounted = true;
    for (let number = this.first; number < this.next; number += 1) {
      const at = this.place(number);
      if (this.counts(number, nowMs)) needed(this.positions[at]!, this.keys[at]!.length);
      else this.positions[at] = 0;
    }
  }

  /** Lets go of up to `countMax` at the head whose window is over, or that came again since. */
  forget(nowMs: number, countMax: number, freed: Needed): void {
    for (let left = countMax; left > 0 && this.size > 0; left -= 1) {
      if (this.counts(this.first, nowMs)) return;
      const at = this.place(this.first);
      if (this.isLast(this.first)) this.numbers.delete(this.keys[at]!);
      this.free(at, freed);
      this.keys[at] = '';
      this.first += 1;
    }
  }

  /**
   * Of `countMax` entries from the one numbered `from` on, frees those whose record stands before
   * `boundary`, and tells those again that count; `tell` returns where they stand from then on.
   * Returns the number to go on with, or undefined after the last.
   */
  restate(
    from: number,
    boundary: number,
    nowMs: number,
    countMax: number,
    tell: (entries: Entries) => number,
    freed: Needed,
  ): number | undefined {
    const chosen: number[] = [];
    const start = Math.max(from, this.first);
    const end = Math.min(start + countMax, this.next);
    for (let number = start; number < end; number += 1) {
      const at = this.place(number);
      if (this.positions[at]! >= boundary) continue;
      this.free(at, freed);
      if (this.counts(number, nowMs)) chosen.push(at);
    }
    const position = chosen.length === 0 ? 0 : tell(this.listed(chosen));
    for (const at of chosen) this.positions[at] = position;
    return end < this.next ? end : undefined;
  }

  /** All that count, for comparisons. */
  entries(nowMs: number): Entries {
    const places = [...this.numbers.values()].map((number) => this.place(number));
    return this.listed(places.filter((at) => this.untils[at]! > nowMs));
  }

  private counts(number: number, nowMs: number): boolean {
    return this.untils[this.place(number)]! > nowMs && this.isLast(number);
  }

  /** It did not come again since. */
  private isLast(number: number): boolean {
    return this.numbers.get(this.keys[this.place(number)]!) === number;
  }

  private free(at: number, freed: Needed): void {
    if (this.isCounted && this.positions[at] !== 0)
      freed(this.positions[at]!, this.keys[at]!.length);
    this.positions[at] = 0;
  }

  private listed(places: readonly number[]): Entries {
    return {
      keys: places.map((at) => this.keys[at]!),
      ids: places.map((at) => this.ids[at]!),
      untilMs: places.map((at) => this.untils[at]!),
    };
  }

  private place(number: number): number {
    return number % this.keys.length;
  }

  /** Each entry goes where its number wants it in a ring twice as long. */
  private grow(): void {
    const before = this.keys.length;
    const length = Math.max(capacityMin, before * 2);
    const spread = <T, C extends { [at: number]: T }>(column: C, longer: C): C => {
      for (let number = this.first; number < this.next; number += 1) {
        longer[number % length] = column[number % before]!;
      }
      return longer;
    };
    this.keys = spread(this.keys, new Array<string>(length).fill(''));
    this.ids = spread(this.ids, new Float64Array(length));
    this.untils = spread(this.untils, new Float64Array(length));
    this.positions = spread(this.positions, new Float64Array(length));
  }
}
