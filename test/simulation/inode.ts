/**
 * A file as a disk has it and as programs see it: the bytes in the page cache, those that survive a
 * power cut, and the changes in between. What a power cut or a failed sync leaves of the changes is
 * drawn by chance, in sectors that the disk writes in any order.
 */

interface Write {
  offset: number;
  bytes: Uint8Array;
}

/** A pending change of a file: bytes written, or a new length. */
type Change = Write | { length: number };

const kinds = ['nothing', 'all', 'torn', 'sectors', 'zeros'] as const;

/**
 * What a power cut left of pending changes: none or all of them, or the first ones and of the rest
 * a torn write, any sectors of all, or zeros.
 */
export type Remains = (typeof kinds)[number];

/** Of a device, and of a part of it that is written at once. */
const sectorBytes = [512, 64] as const;

export class Inode {
  cache: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);
  /** Lengths that the file durably had. */
  readonly lengths: number[] = [];
  /** A sync failed: the cache shows clean pages that the disk does not have. */
  hasFalseClean = false;
  private pending: Change[] = [];

  static of(bytes: Uint8Array): Inode {
    const inode = new Inode();
    inode.cache = Buffer.from(bytes);
    inode.durable = Buffer.from(bytes);
    return inode;
  }

  copy(): Inode {
    const copy = new Inode();
    copy.cache = Buffer.from(this.cache);
    copy.durable = Buffer.from(this.durable);
    copy.lengths.push(...this.lengths);
    copy.hasFalseClean = this.hasFalseClean;
    copy.pending = [...this.pending];
    return copy;
  }

  get changes(): number {
    return this.pending.length;
  }

  append(bytes: Uint8Array): void {
    this.pending.push({ offset: this.cache.length, bytes });
    this.cache = Buffer.concat([this.cache, bytes]);
  }

  truncate(length: number): void {
    this.pending.push({ length });
    this.cache = changed(this.cache, { length });
  }

  /** The first so many changes are durable. */
  sync(count: number): void {
    this.durable = this.pending.splice(0, count).reduce(changed, this.durable);
    this.lengths.push(this.durable.length);
  }

  /** The system takes the first so many changes for written. The disk has some sectors of them. */
  failSync(count: number, random: () => number): void {
    const dropped = this.pending.splice(0, count);
    if (dropped.length === 0) return;
    this.durable = withSectors(this.durable, dropped, random);
    this.hasFalseClean = true;
  }

  /** The clean pages leave the cache: what is read is what the disk has, and what is pending. */
  evict(): void {
    this.hasFalseClean = false;
    const { length } = this.cache;
    this.cache = resized(this.pending.reduce(changed, resized(this.durable, length)), length);
  }

  /** The power went. Returns what is there, and which changes those are. */
  cut(random: () => number): { bytes: Buffer; remains: Remains | undefined } {
    const { pending, durable } = this;
    if (pending.length === 0) return { bytes: durable, remains: undefined };
    const remains = kinds[Math.floor(random() * kinds.length)]!;
    if (remains === 'nothing') return { bytes: durable, remains };
    if (remains === 'all') return { bytes: pending.reduce(changed, durable), remains };
    const count = Math.floor(random() * pending.length);
    const bytes = pending.slice(0, count).reduce(changed, durable);
    const rest = pending.slice(count);
    if (remains === 'torn') return { bytes: withTorn(bytes, rest[0]!, random), remains };
    if (remains === 'zeros') return { bytes: resized(bytes, lengthAfter(bytes, rest)), remains };
    return { bytes: withSectors(bytes, rest, random), remains };
  }

  /** Rot: one bit turns over. */
  flip(bit: number): void {
    for (const bytes of [this.cache, this.durable]) {
      if (bit >> 3 < bytes.length) bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
  }

  /** What comes after is lost. */
  shorten(length: number): void {
    this.cache = this.cache.subarray(0, length);
    this.durable = this.durable.subarray(0, length);
  }
}

function changed(bytes: Buffer, change: Change): Buffer {
  if ('length' in change) return resized(bytes, change.length);
  const result = resized(bytes, Math.max(bytes.length, change.offset + change.bytes.length));
  result.set(change.bytes, change.offset);
  return result;
}

function resized(bytes: Buffer, length: number): Buffer {
  const result = Buffer.alloc(length);
  bytes.copy(result, 0, 0, Math.min(bytes.length, length));
  return result;
}

function lengthAfter(bytes: Buffer, changes: readonly Change[]): number {
  return changes.reduce(
    (length, change) =>
      'length' in change ? change.length : Math.max(length, change.offset + change.bytes.length),
    bytes.length,
  );
}

function withTorn(bytes: Buffer, change: Change, random: () => number): Buffer {
  if ('length' in change) return bytes;
  const length = Math.floor(random() * (change.bytes.length + 1));
  return changed(bytes, { offset: change.offset, bytes: change.bytes.subarray(0, length) });
}

/** Each sector of each write is there or is not; the length is that after all of them. */
function withSectors(bytes: Buffer, changes: readonly Change[], random: () => number): Buffer {
  const sector = sectorBytes[Math.floor(random() * sectorBytes.length)]!;
  const result = resized(bytes, lengthAfter(bytes, changes));
  for (const change of changes) {
    if ('length' in change) continue;
    const end = Math.min(result.length, change.offset + change.bytes.length);
    for (let from = change.offset; from < end; ) {
      const to = Math.min(end, from - (from % sector) + sector);
      if (random() < 0.5) {
        result.set(change.bytes.subarray(from - change.offset, to - change.offset), from);
      }
      from = to;
    }
  }
  return result;
}
