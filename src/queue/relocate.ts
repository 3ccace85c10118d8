/**
 * What compaction needs to know of the rules: which messages stand before a position in the log,
 * what there is to copy of each, and that a copy took its place.
 */
import { type Chunk, GONE, HELD, type MessageState, READY } from './chunk.ts';
import type { Failure } from './failures.ts';
import { groupOf } from './grouping.ts';
import type { IdList } from './id-list.ts';
import type { Lane } from './lane.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';

/** Chunks that are looked at in one call. */
const looksMax = 4;

/** A message as it is now, without its bytes. */
export interface MessageSnapshot {
  id: number;
  priority: number;
  producedMs: number;
  length: number;
  state: MessageState;
  deliveryCount: number;
  failureCount: number;
  /** While in flight: to whom (0: detached), and its token. */
  session: number;
  token: number;
  /** While in flight or delayed: until when. */
  dueMs: number;
  /** 0: no time to live. */
  expiresMs: number;
  /** The last ones, the oldest first. */
  failures: readonly Failure[];
  /** The key of its group. */
  group: string | undefined;
}

function queuesOf(state: State): Queue[] {
  return [...state.queuesByNumber.values()].reverse();
}

/** Fills `snapshot` with the located message. */
export function snapshotLocated(state: State, queue: Queue, snapshot: MessageSnapshot): void {
  const { leases } = state;
  const chunk = queue.foundChunk!;
  const index = queue.foundIndex;
  const row = chunk.rows[index]!;
  snapshot.id = chunk.idAt(index);
  snapshot.priority = queue.foundLane!.priority;
  snapshot.producedMs = chunk.producedMsAt(index);
  snapshot.length = chunk.lengths[index]!;
  const status = chunk.states[index] as MessageState;
  // That it waits for its group's turn follows from the others.
  snapshot.state = status === HELD ? READY : status;
  snapshot.deliveryCount = row === 0 ? 0 : leases.deliveryCounts[row]!;
  snapshot.failureCount = row === 0 ? 0 : leases.failureCounts[row]!;
  snapshot.session = row === 0 ? 0 : leases.sessions[row]!;
  snapshot.token = row === 0 ? 0 : leases.tokens[row]!;
  snapshot.dueMs = leases.deadlines.has(row) ? leases.deadlines.dueMsOf(row) : 0;
  snapshot.expiresMs = leases.expiries.has(row) ? leases.expiries.dueMsOf(row) : 0;
  snapshot.group = groupOf(queue, chunk, index)?.key;
  snapshot.failures = leases.failures.of(row === 0 ? 0 : leases.histories[row]!);
}

/**
 * Walks over all messages whose bytes stand before a position, queue by queue, in pieces, while
 * messages come and go.
 */
export class Survey {
  private readonly state: State;
  private readonly boundary: number;
  private readonly from: number;
  private queues: Queue[];
  /** A message that it looks for may be in a queue now that it has left behind. */
  private isMissingSome = false;
  private priority = Number.POSITIVE_INFINITY;
  private nextId = 0;

  /** Of what stands wholly before `from` it need not find all. */
  constructor(state: State, boundary: number, from = 0) {
    this.state = state;
    this.boundary = boundary;
    this.from = from;
    this.queues = queuesOf(state);
    state.surveys.add(this);
  }

  /** Told of each message that changes its queue meanwhile. */
  transferred(position: number, length: number): void {
    if (position < this.boundary && position + length > this.from) this.isMissingSome = true;
  }

  /**
   * Fills `ids` with messages of one queue, at most about `bytesMax` of them but at least one.
   * Returns the queue, or undefined when there are no more. Looks at a bounded number of messages a
   * call: the list may be empty.
   */
  next(ids: IdList, bytesMax: number): Queue | undefined {
    ids.clear();
    if (this.queues.length === 0 && this.isMissingSome) this.beginAnew();
    const queue = this.queues[this.queues.length - 1];
    if (queue === undefined) {
      this.state.surveys.delete(this);
      return undefined;
    }
    if (this.walk(queue, ids, bytesMax)) {
      this.queues.pop();
      this.priority = Number.POSITIVE_INFINITY;
      this.nextId = 0;
    }
    return queue;
  }

  private beginAnew(): void {
    this.queues = queuesOf(this.state);
    this.isMissingSome = false;
  }

  /** Returns whether the queue is done. */
  private walk(queue: Queue, ids: IdList, bytesMax: number): boolean {
    let bytes = 0;
    let looks = 0;
    for (const lane of queue.lanes) {
      if (lane.priority > this.priority) continue;
      if (lane.priority < this.priority) this.nextId = 0;
      this.priority = lane.priority;
      for (let at = Math.max(0, lane.chunkOf(this.nextId)); at < lane.chunks.length; at += 1) {
        const chunk = lane.chunks[at]!;
        if (chunk.positionMin >= this.boundary || chunk.lastId < this.nextId) continue;
        if (looks === looksMax) return false;
        looks += 1;
        bytes += this.look(lane, chunk, ids, bytesMax - bytes);
        if (bytes >= bytesMax || ids.isFull) return false;
        this.nextId = chunk.lastId + 1;
      }
    }
    return true;
  }

  private look(lane: Lane, chunk: Chunk, ids: IdList, bytesMax: number): number {
    let bytes = 0;
    let lowest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < chunk.count; index += 1) {
      if (chunk.states[index] === GONE) continue;
      const position = chunk.positions[index]!;
      if (position < lowest) lowest = position;
      if (position >= this.boundary || chunk.idAt(index) < this.nextId) continue;
      if (bytes >= bytesMax || ids.isFull) return bytes;
      ids.push(chunk.idAt(index));
      bytes += chunk.lengths[index]!;
      this.nextId = chunk.idAt(index) + 1;
    }
    if (lane.live > 0) chunk.positionMin = lowest;
    return bytes;
  }
}
