/**
 * Reusable places for the batches of a request: where the messages of a produce lie, receipts as
 * two columns of numbers, groups of receipts by queue. Columns grow to the largest batch seen and
 * are used again, so that a batch makes no object.
 */

const CAPACITY_MIN = 64;

/** Where the messages of a produce lie in the frame's buffer. */
export class MessagesScratch {
  /** The elements of the array without its header: what a record of the log holds. */
  start = 0;
  end = 0;
  count = 0;
  /** Of each message: its first byte in the buffer, and its bytes in all. */
  offsets: Uint32Array = new Uint32Array(CAPACITY_MIN);
  lengths: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** The keys of their groups; undefined: none has one. */
  groups: (string | undefined)[] | undefined = undefined;

  noteGroup(index: number, key: string): void {
    this.groups ??= [];
    this.groups[index] = key;
  }

  /** Makes room for `count` messages; what was there is lost. */
  reserve(count: number): void {
    if (count <= this.offsets.length) return;
    const capacity = capacityFor(count);
    this.offsets = new Uint32Array(capacity);
    this.lengths = new Uint32Array(capacity);
  }
}

/** Receipts as columns: `ids[i]` with `tokens[i]`. */
export class ReceiptsScratch {
  count = 0;
  ids: Float64Array = new Float64Array(CAPACITY_MIN);
  tokens: Float64Array = new Float64Array(CAPACITY_MIN);

  /** Makes room for `count` receipts in all; those that are there stay. */
  reserve(count: number): void {
    if (count <= this.ids.length) return;
    const capacity = capacityFor(count);
    const ids = new Float64Array(capacity);
    const tokens = new Float64Array(capacity);
    ids.set(this.ids);
    tokens.set(this.tokens);
    this.ids = ids;
    this.tokens = tokens;
  }
}

/** Group g holds the receipts `from[g]` to before `to[g]`, all of `queues[g]`. */
export class GroupsScratch {
  count = 0;
  queues: string[] = [];
  from: number[] = [];
  to: number[] = [];

  add(queue: string, from: number, to: number): void {
    this.queues[this.count] = queue;
    this.from[this.count] = from;
    this.to[this.count] = to;
    this.count += 1;
  }
}

function capacityFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(count));
}
