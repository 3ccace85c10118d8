/**
 * Browse: which messages of a queue come after a place, in the order of delivery. Nothing changes.
 * Each call looks at one slice, and says where the next one goes on.
 */
import { limits } from '../limits.ts';
import { type Chunk, DEAD, GONE, type MessageState, READY } from './chunk.ts';
import { toldState } from './grouping.ts';
import type { Lane } from './lane.ts';
import type { Queue } from './queue.ts';

/** Where a message stands or stood in its queue: first by priority, the highest first. */
export interface Place {
  readonly priority: number;
  readonly id: number;
}

export interface Browsed {
  readonly places: readonly Place[];
  /** After which place to go on; undefined: nothing follows. */
  readonly next: Place | undefined;
}

/**
 * At most `most` messages after the place `after`, or from the first one on; `state` undefined: in
 * any state.
 */
export function browse(
  queue: Queue,
  after: Place | undefined,
  state: MessageState | undefined,
  most: number,
): Browsed {
  const walk = new Walk(queue, state, most);
  for (const lane of queue.lanes) {
    if (after !== undefined && lane.priority > after.priority) continue;
    const from = lane.priority === after?.priority ? after.id + 1 : 0;
    if (!walk.along(lane, from)) return { places: walk.places, next: walk.last };
  }
  return { places: walk.places, next: undefined };
}

class Walk {
  readonly places: Place[] = [];
  /** What was passed last. */
  last: Place | undefined;
  private readonly queue: Queue;
  private readonly state: MessageState | undefined;
  private readonly most: number;
  private looks = 0;

  constructor(queue: Queue, state: MessageState | undefined, most: number) {
    this.queue = queue;
    this.state = state;
    this.most = most;
  }

  /** Passes the messages of a lane from an ID on. Returns whether it came to its end. */
  along(lane: Lane, from: number): boolean {
    for (let at = Math.max(0, lane.chunkOf(from)); at < lane.chunks.length; at += 1) {
      const chunk = lane.chunks[at]!;
      const isDone = this.mayHold(chunk)
        ? this.through(lane, chunk, chunk.search(from))
        : this.over(lane, chunk);
      if (!isDone) return false;
    }
    return true;
  }

  private through({ priority }: Lane, chunk: Chunk, from: number): boolean {
    for (let index = from; index < chunk.count; index += 1) {
      if (this.isFull) return false;
      this.looks += 1;
      this.last = { priority, id: chunk.idAt(index) };
      if (chunk.states[index] === GONE || !this.isWanted(chunk, index)) continue;
      this.places.push(this.last);
    }
    return true;
  }

  private isWanted(chunk: Chunk, index: number): boolean {
    return this.state === undefined || toldState(this.queue, chunk, index) === this.state;
  }

  /** A chunk without any such message is passed at once. */
  private over({ priority }: Lane, chunk: Chunk): boolean {
    if (this.isFull) return false;
    this.looks += 1;
    this.last = { priority, id: chunk.lastId };
    return true;
  }

  private mayHold(chunk: Chunk): boolean {
    if (this.state === READY && chunk.groups === undefined) return chunk.ready > 0;
    return this.state === DEAD ? chunk.dead > 0 : chunk.live > 0;
  }

  private get isFull(): boolean {
    return this.looks === limits.sliceMessagesMax || this.places.length === this.most;
  }
}
