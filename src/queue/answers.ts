/**
 * The last answers of one session, by the sequence numbers of its requests, so that a request sent
 * again gets its first answer and changes nothing. A ring of columns that grows to 1,024 entries;
 * what is out of the ordinary (several runs of IDs, refused receipts) is kept aside.
 */
import { limits } from '../limits.ts';
import { grown } from './chunk.ts';

/**
 * Part of an answer, as it is written to the log. A request that was executed in several slices has
 * several parts; the last one is `complete`.
 */
export interface AnswerPart {
  readonly sequence: number;
  /** The request's operation, as the wire numbers it. */
  readonly operation: number;
  readonly complete: boolean;
  /** How many messages or receipts this part is about. */
  readonly count: number;
  /** The first message ID of a produce; a count for other requests. */
  readonly value: number;
  /** Receipts of this part that were refused: index in the part, code; or undefined. */
  readonly refused: readonly RefusedReceipt[] | undefined;
}

export interface RefusedReceipt {
  readonly index: number;
  readonly code: 'STALE_RECEIPT' | 'GONE' | 'NOT_DEAD' | 'NOT_LEASED' | 'DUPLICATE' | 'CHANGED';
}

/** An answer as it is remembered. */
export interface RememberedAnswer {
  operation: number;
  complete: boolean;
  /** Messages or receipts done so far, over all parts. */
  count: number;
  value: number;
  /** First ID and count, flat, when a produce got more than one run. */
  runs: number[] | undefined;
  refused: RefusedReceipt[] | undefined;
  /** Where its first part stands in the log. */
  position: number;
}

const capacityMin = 16;
/** The columns of all sessions that have answered nothing yet, of which there may be many. */
const noNumbers = new Float64Array(0);
const noCounts = new Uint32Array(0);
const noBytes = new Uint8Array(0);

export class Answers {
  private capacity = 0;
  private sequences = noNumbers;
  private operations = noBytes;
  private completes = noBytes;
  private counts = noCounts;
  private values = noNumbers;
  private positions = noNumbers;
  private readonly runs = new Map<number, number[]>();
  private readonly refused = new Map<number, RefusedReceipt[]>();
  /** The highest sequence number so far. */
  highest = 0;

  /** Whether a request of this number may still be answered from here, or is new. */
  isInWindow(sequence: number): boolean {
    return sequence > this.highest - limits.sessionAnswersMax;
  }

  find(sequence: number): RememberedAnswer | undefined {
    if (this.capacity === 0) return undefined;
    const at = sequence % this.capacity;
    if (this.sequences[at] !== sequence) return undefined;
    return {
      operation: this.operations[at]!,
      complete: this.completes[at] === 1,
      count: this.counts[at]!,
      value: this.values[at]!,
      runs: this.runs.get(sequence),
      refused: this.refused.get(sequence),
      position: this.positions[at]!,
    };
  }

  /** Adds a part that follows on what is remembered of its request. */
  add(part: AnswerPart, position: number): void {
    const at = this.place(part.sequence);
    const before = this.counts[at]!;
    if (before === 0) {
      this.values[at] = part.value;
      this.positions[at] = position;
    } else {
      this.addRun(part, at);
    }
    if (part.refused !== undefined) {
      const all = this.refused.get(part.sequence) ?? [];
      for (const { index, code } of part.refused) all.push({ index: before + index, code });
      this.refused.set(part.sequence, all);
    }
    this.operations[at] = part.operation;
    this.completes[at] = part.complete ? 1 : 0;
    this.counts[at] = before + part.count;
  }

  /** Replaces what is remembered, as a copy in the log tells it. */
  restore(sequence: number, answer: RememberedAnswer): void {
    const at = this.place(sequence);
    this.forgetDetails(sequence);
    this.operations[at] = answer.operation;
    this.completes[at] = answer.complete ? 1 : 0;
    this.counts[at] = answer.count;
    this.values[at] = answer.value;
    this.positions[at] = answer.position;
    if (answer.runs !== undefined) this.runs.set(sequence, answer.runs);
    if (answer.refused !== undefined) this.refused.set(sequence, answer.refused);
  }

  /** The sequence numbers of all answers that stand before a position in the log. */
  sequencesBefore(position: number): number[] {
    const found: number[] = [];
    for (let at = 0; at < this.capacity; at += 1) {
      if (this.sequences[at] !== 0 && this.positions[at]! < position)
        found.push(this.sequences[at]!);
    }
    return found;
  }

  private addRun(part: AnswerPart, at: number): void {
    const runs = this.runs.get(part.sequence) ?? [this.values[at]!, this.counts[at]!];
    runs.push(part.value, part.count);
    this.runs.set(part.sequence, runs);
  }

  private place(sequence: number): number {
    if (sequence > this.highest) this.highest = sequence;
    while (this.isTaken(sequence) && this.capacity < limits.sessionAnswersMax) this.grow();
    const at = sequence % this.capacity;
    if (this.sequences[at] !== sequence) {
      this.forgetDetails(this.sequences[at]!);
      this.sequences[at] = sequence;
      this.counts[at] = 0;
      this.values[at] = 0;
      this.completes[at] = 0;
    }
    return at;
  }

  private isTaken(sequence: number): boolean {
    if (this.capacity === 0) return true;
    const holder = this.sequences[sequence % this.capacity];
    return holder !== 0 && holder !== sequence;
  }

  private forgetDetails(sequence: number): void {
    this.runs.delete(sequence);
    this.refused.delete(sequence);
  }

  /** Doubles the ring and puts every answer in its new place. */
  private grow(): void {
    const before = this.capacity;
    this.capacity = Math.max(capacityMin, before * 2);
    const old = this.sequences;
    const columns = [this.operations, this.completes, this.counts, this.values, this.positions];
    const copies = columns.map((column) => column.slice());
    this.sequences = new Float64Array(this.capacity);
    this.operations = grown(this.operations, new Uint8Array(this.capacity));
    this.completes = grown(this.completes, new Uint8Array(this.capacity));
    this.counts = grown(this.counts, new Uint32Array(this.capacity));
    this.values = grown(this.values, new Float64Array(this.capacity));
    this.positions = grown(this.positions, new Float64Array(this.capacity));
    const targets = [this.operations, this.completes, this.counts, this.values, this.positions];
    for (let from = 0; from < before; from += 1) {
      const sequence = old[from]!;
      if (sequence === 0) continue;
      const to = sequence % this.capacity;
      this.sequences[to] = sequence;
      for (const [column, target] of targets.entries()) target[to] = copies[column]![from]!;
    }
  }
}
