/**
 * A lane: all messages of one queue with one priority, in order of their IDs, as a list of chunks.
 * New messages go to its end; copies that compaction made are put in their place at replay. It
 * finds a message by ID and the first ready one; what happens to them is decided elsewhere.
 */
import assert from 'node:assert';
import { Chunk, GONE, type MessageState, READY } from './chunk.ts';

export class Lane {
  readonly priority: number;
  chunks: Chunk[] = [];
  live = 0;
  ready = 0;
  /** No chunk before this one holds a ready message. */
  private readyFrom = 0;

  constructor(priority: number) {
    this.priority = priority;
  }

  /** Adds a ready message whose ID is above all others. */
  push(id: number, producedMs: number, position: number, length: number): void {
    let last = this.chunks[this.chunks.length - 1];
    if (last === undefined || !last.takes(id, producedMs)) {
      last = new Chunk(id, producedMs);
      this.chunks.push(last);
    }
    last.push(id, producedMs, position, length);
    this.live += 1;
    this.ready += 1;
  }

  /** Puts a ready message in its place. Its ID is not in the lane. */
  insert(id: number, producedMs: number, position: number, length: number): void {
    const at = this.chunkOf(id);
    const chunk = this.chunks[at];
    const index = chunk?.search(id) ?? 0;
    if (chunk?.wasAt(index, id)) chunk.refill(index, position, length);
    else if (chunk?.takes(id, producedMs)) chunk.insert(index, id, producedMs, position, length);
    else if (chunk !== undefined && index < chunk.count) {
      this.split(at, index);
      this.insert(id, producedMs, position, length);
      return;
    } else this.add(at + 1, id, producedMs, position, length);
    this.live += 1;
    this.ready += 1;
    this.readyFrom = Math.min(this.readyFrom, Math.max(at, 0));
  }

  /** The chunk that would hold `id`: the last one that begins at or below it, else -1. */
  chunkOf(id: number): number {
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.chunks[middle]!.baseId <= id) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The place of a live message, or -1. The chunk is `chunks[chunkOf(id)]`. */
  indexIn(chunk: Chunk, id: number): number {
    const index = chunk.search(id);
    if (index >= chunk.count || chunk.states[index] === GONE) return -1;
    return chunk.idAt(index) === id ? index : -1;
  }

  /** The first chunk with a ready message; the lane has one. */
  firstReadyChunk(): Chunk {
    assert(this.ready > 0, 'a lane without a ready message was asked for one');
    let at = this.readyFrom;
    while (this.chunks[at]!.ready === 0) at += 1;
    this.readyFrom = at;
    return this.chunks[at]!;
  }

  setState(chunk: Chunk, index: number, state: MessageState): void {
    const before = chunk.states[index];
    chunk.setState(index, state);
    if (before === READY) this.ready -= 1;
    if (state === READY) {
      this.ready += 1;
      this.readyFrom = Math.min(this.readyFrom, this.chunkOf(chunk.baseId));
    }
  }

  /** Takes a message out for good. */
  remove(chunk: Chunk, index: number): void {
    const id = chunk.baseId;
    if (chunk.states[index] === READY) this.ready -= 1;
    chunk.setState(index, GONE);
    this.live -= 1;
    if (chunk.live === 0) this.drop(this.chunkOf(id));
    else if (chunk.isSparse) this.shrink(this.chunkOf(id));
  }

  private drop(at: number): void {
    // The last chunk stays while it has room: a queue that is short all the time would else make a
    // new one for every message.
    const chunk = this.chunks[at]!;
    if (at === this.chunks.length - 1 && chunk.count < 512) return;
    this.chunks.splice(at, 1);
    if (this.readyFrom > at) this.readyFrom -= 1;
  }

  /** Rewrites a sparse chunk without its gone entries, into the one before it if they fit. */
  private shrink(at: number): void {
    const chunk = this.chunks[at]!;
    const before = this.chunks[at - 1];
    if (before?.canAbsorb(chunk)) {
      before.copyLiveFrom(chunk, 0);
      this.chunks.splice(at, 1);
      if (this.readyFrom >= at) this.readyFrom -= 1;
      return;
    }
    this.chunks[at] = liveFrom(chunk, 0)!;
  }

  /** Puts a message before all of a chunk: into it, or as one of its own. */
  private add(at: number, id: number, producedMs: number, position: number, length: number): void {
    let chunk = this.chunks[at];
    assert(chunk === undefined || id < chunk.baseId, 'chunks must not overlap');
    if (!chunk?.beginsAt(id, producedMs)) {
      chunk = new Chunk(id, producedMs);
      this.chunks.splice(at, 0, chunk);
    }
    chunk.insert(0, id, producedMs, position, length);
  }

  /** Makes room for a message in its place before the entry `index`, which a chunk cannot take. */
  private split(at: number, index: number): void {
    const chunk = this.chunks[at]!;
    if (chunk.isFull && chunk.live < chunk.count) {
      this.chunks[at] = liveFrom(chunk, 0)!;
      return;
    }
    // One that is not full cannot hold its time: then it goes between the parts.
    const middle = chunk.isFull ? chunk.count >>> 1 : index;
    const second = liveFrom(chunk, middle);
    chunk.cut(middle);
    if (second !== undefined) this.chunks.splice(at + 1, 0, second);
  }
}

/**
 * The live entries from `index` on as a chunk of their own, if there are any. It begins with the
 * first of them: there must be no room for an ID between where a chunk begins and its first entry.
 */
function liveFrom(chunk: Chunk, index: number): Chunk | undefined {
  let first = index;
  while (first < chunk.count && chunk.states[first] === GONE) first += 1;
  if (first === chunk.count) return undefined;
  const copy = new Chunk(chunk.idAt(first), chunk.producedMsAt(first));
  copy.copyLiveFrom(chunk, first);
  return copy;
}
