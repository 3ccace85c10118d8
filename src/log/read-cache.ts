/**
 * Reads records back that are no longer in the tail cache. A load fetches a run of whole blocks,
 * checks each, and moves their payloads together, so that a record lies in one run although it
 * spans blocks. The pages stay until later ones have pushed them out, the longest unused first.
 */
import assert from 'node:assert';
import { BlockDamagedError } from '../errors.ts';
import { BLOCK_HEADER_BYTES, BLOCK_MAGIC, Block } from './block.ts';
import type { CachedRange, Position } from './log.ts';
import type { Segment } from './segment.ts';
import type { Segments } from './segments.ts';
import type { Sizes } from './sizes.ts';

interface Page extends CachedRange {
  /** One past the last byte held. */
  readonly end: Position;
}

/** A run of whole blocks in one segment. */
interface Load {
  readonly segment: Segment;
  readonly address: Position;
  readonly end: Position;
  readonly offset: number;
  readonly endOffset: number;
  done: Promise<void>;
  /** Where it met a block that no longer checks; what stands before it was read. */
  damage: BlockDamagedError | undefined;
}

/** Told of each load that meets a damaged block. */
export type BlockDamaged = (segment: Segment, error: BlockDamagedError) => void;

export class ReadCache {
  readonly #segments: Segments;
  readonly #sizes: Sizes;
  readonly #damaged: BlockDamaged;
  /** The longest unused first. */
  readonly #pages: Page[] = [];
  readonly #loads = new Set<Load>();
  #bytes = 0;
  #lastHit: Page | undefined;
  /** Where the last load ended: one that goes on from there fetches more. */
  #lastEnd: Position = -1;

  constructor(segments: Segments, sizes: Sizes, damaged: BlockDamaged) {
    this.#segments = segments;
    this.#sizes = sizes;
    this.#damaged = damaged;
  }

  find(position: Position, length: number): CachedRange | undefined {
    const hit = this.#lastHit;
    if (hit !== undefined && position >= hit.address && position + length <= hit.end) return hit;
    for (let index = this.#pages.length - 1; index >= 0; index -= 1) {
      const page = this.#pages[index]!;
      if (position < page.address || position + length > page.end) continue;
      this.#pages.splice(index, 1);
      this.#pages.push(page);
      this.#lastHit = page;
      return page;
    }
    return undefined;
  }

  /** Throws `BlockDamagedError` where bytes that were asked for are lost. */
  async read(position: Position, length: number): Promise<void> {
    const end = position + length;
    const load = this.#running(position, end) ?? this.#begin(position, length);
    await load.done;
    const { damage } = load;
    if (damage === undefined || end <= damage.from) return;
    if (position < damage.to) throw damage;
    // It stands behind, and a load ends at what is damaged. It may have been moved meanwhile.
    if (this.#segments.holds(position)) await this.read(position, length);
  }

  #running(position: Position, end: Position): Load | undefined {
    for (const load of this.#loads) if (position >= load.address && end <= load.end) return load;
    return undefined;
  }

  #begin(position: Position, length: number): Load {
    const load = this.#plan(position, length);
    this.#loads.add(load);
    load.done = this.#run(load);
    return load;
  }

  /** On return no read is under way. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#loads].map((load) => load.done));
  }

  /**
   * Chooses the blocks to fetch: those asked for and some after, more where reads go on in order.
   */
  #plan(position: Position, length: number): Load {
    const segment = this.#segments.find(position);
    const endAddress = position + length;
    assert(endAddress <= segment.endAddress, 'a position beyond what was written');
    const { fetchBytes, fetchAheadBytes } = this.#sizes;
    const goesOn = endAddress > this.#lastEnd && Math.abs(position - this.#lastEnd) < fetchBytes;
    const wanted = goesOn ? fetchAheadBytes : fetchBytes;
    const first = segment.entryBefore(position);
    const offset = segment.entryOffset(first);
    let last = first + 1;
    while (
      segment.entryOffset(last) < segment.fileBytes &&
      (segment.entryAddress(last) < endAddress || segment.entryOffset(last) - offset < wanted)
    ) {
      last += 1;
    }
    this.#lastEnd = segment.entryAddress(last);
    return {
      segment,
      address: segment.entryAddress(first),
      end: this.#lastEnd,
      offset,
      endOffset: segment.entryOffset(last),
      done: Promise.resolve(),
      damage: undefined,
    };
  }

  async #run(load: Load): Promise<void> {
    const buffer = Buffer.allocUnsafeSlow(load.endOffset - load.offset);
    try {
      const file = await this.#segments.acquire(load.segment);
      try {
        const length = await file.read(buffer, load.offset);
        const page = extract(load, buffer.subarray(0, length));
        if (page.end > page.address) this.#keep(page);
        if (load.damage !== undefined) this.#damaged(load.segment, load.damage);
      } finally {
        await this.#segments.release(load.segment);
      }
    } finally {
      this.#loads.delete(load);
    }
  }

  #keep(page: Page): void {
    this.#pages.push(page);
    this.#bytes += page.buffer.length;
    while (this.#bytes > this.#sizes.readCacheBytes && this.#pages.length > 1) {
      this.#bytes -= this.#pages.shift()!.buffer.length;
    }
    this.#lastHit = page;
  }
}

/**
 * Checks the blocks in `buffer` and moves their payloads to its beginning, up to one that no longer
 * checks.
 */
function extract(load: Load, buffer: Buffer): Page {
  const { segment } = load;
  const block = new Block();
  let address = load.address;
  let at = 0;
  while (address < load.end) {
    const offset = load.offset + at;
    const payload = at + BLOCK_HEADER_BYTES;
    const isGood =
      payload <= buffer.length &&
      block.read(buffer, at) &&
      block.length <= buffer.length - payload &&
      block.address === address &&
      block.isIntact(buffer, at, segment.salt);
    if (!isGood) {
      noteNextIntact(load, buffer, at, address);
      load.damage = damageAt(segment, offset, address);
      break;
    }
    buffer.copyWithin(address - load.address, payload, payload + block.length);
    at = payload + block.length;
    address += block.length;
  }
  return { buffer, address: load.address, end: address };
}

/** What stands behind the damaged block at `at` is found by the index again. */
function noteNextIntact(
  { segment, offset, end }: Load,
  buffer: Buffer,
  at: number,
  from: Position,
) {
  const block = new Block();
  for (let hit = at; hit >= 0; hit = buffer.indexOf(BLOCK_MAGIC, hit + 1)) {
    const room = buffer.length - hit - BLOCK_HEADER_BYTES;
    if (room < 0) return;
    const isLater = block.read(buffer, hit) && block.address > from && block.address < end;
    if (!isLater || block.length > room || !block.isIntact(buffer, hit, segment.salt)) continue;
    segment.noteBetween(block.address, offset + hit);
    return;
  }
}

/** Where such a block ended it does not say any more: where the next one that is known begins. */
function damageAt(segment: Segment, offset: number, address: Position): BlockDamagedError {
  const end = segment.entryAddress(segment.entryBefore(address) + 1);
  return new BlockDamagedError(segment.name, offset, address, end);
}
