/**
 * One queue: its settings, its lanes by priority, who waits in line, and its counts. It comes into
 * being with the first produce or explicitly; before that it may already have a line of takers.
 */
import type { Chunk } from './chunk.ts';
import type { Deduplication } from './deduplication.ts';
import type { Groups } from './groups.ts';
import { Lane } from './lane.ts';
import type { Taker } from './taker.ts';

export type Durability = 'write' | 'fsync';

/** Undefined: the broker's default. */
export interface QueueSettings {
  visibilityMs?: number | undefined;
  durability?: Durability | undefined;
  /** With so many failures a message is not delivered any more; undefined: as often as it takes. */
  failuresMax?: number | undefined;
  /** What becomes of it then; undefined: it is dead, in its own queue. */
  whenFailed?: WhenFailed | undefined;
  /** Where it goes then. */
  deadQueue?: string | undefined;
  /** How long a message that failed waits; undefined: not at all. */
  backoffMs?: number | undefined;
  /** How that grows with each failure; undefined: it is fixed. */
  backoff?: BackOff | undefined;
  backoffMsMax?: number | undefined;
  /** From produce on; undefined: none. For what a produce says nothing of. */
  timeToLiveMs?: number | undefined;
  /** What becomes of a message then; undefined: it goes. */
  whenExpired?: WhenExpired | undefined;
  /** How long a deduplication ID counts. */
  deduplicationMs?: number | undefined;
  /** What may wait or be in flight; undefined: any number. */
  messagesMax?: number | undefined;
  bytesMax?: number | undefined;
  /** What becomes of a produce above that; undefined: it is refused. */
  whenFull?: WhenFull | undefined;
}

export type WhenFailed = 'dead' | 'discard';
export type BackOff = 'fixed' | 'linear' | 'exponential';
export type WhenExpired = 'discard' | 'dead';
export type WhenFull = 'refuse' | 'dropOldest';

export type Paused = 'none' | 'produce' | 'receive' | 'both';

/** Since the broker started. */
export interface QueueCounters {
  produced: number;
  delivered: number;
  acked: number;
  nacked: number;
  released: number;
  extended: number;
  expired: number;
  sessionLost: number;
  purged: number;
  died: number;
  discarded: number;
  redriven: number;
  /** To another queue. */
  moved: number;
  /** One by one, by an operator. */
  deleted: number;
  /** Not produced, since they had been before. */
  duplicates: number;
  /** Past their time to live, whether they went or are dead. */
  timedOut: number;
  /** To make room for newer ones. */
  dropped: number;
}

export class Queue {
  /** Set once; empty only during replay, until the log tells it. */
  name: string;
  /** Its number in the log, from 1; 0 until it exists. */
  number = 0;
  createdMs = 0;
  settings: QueueSettings = {};
  paused: Paused = 'none';
  /** Where its settings stand in the log. */
  position = 0;

  /** Highest priority first. */
  lanes: Lane[] = [];
  ready = 0;
  inFlight = 0;
  delayed = 0;
  unreadable = 0;
  dead = 0;
  /** Ready but for their group's turn. */
  held = 0;
  bytes = 0;
  /** Of those, what is in flight and what is dead. */
  inFlightBytes = 0;
  deadBytes = 0;
  /** Undefined: no message has a group. */
  groups: Groups | undefined;
  /** Undefined: it knows none. */
  deduplication: Deduplication | undefined;
  readonly line = new Set<Taker>();
  /** Who wants its messages, in line or not. */
  takerCount = 0;
  /** The next body is being read; nobody is served until it is there. */
  isFetching = false;
  readonly counters: QueueCounters = {
    produced: 0,
    delivered: 0,
    acked: 0,
    nacked: 0,
    released: 0,
    extended: 0,
    expired: 0,
    sessionLost: 0,
    purged: 0,
    died: 0,
    discarded: 0,
    redriven: 0,
    moved: 0,
    deleted: 0,
    duplicates: 0,
    timedOut: 0,
    dropped: 0,
  };

  /** What `locate` found. */
  foundLane: Lane | undefined;
  foundChunk: Chunk | undefined;
  foundIndex = 0;

  constructor(name: string) {
    this.name = name;
  }

  get exists(): boolean {
    return this.number !== 0;
  }

  get live(): number {
    const { ready, held, inFlight, delayed, unreadable, dead } = this;
    return ready + held + inFlight + delayed + unreadable + dead;
  }

  /** How many may be delivered now. */
  get available(): number {
    return this.groups === undefined ? this.ready : this.ready + this.groups.turns.size;
  }

  /** How many wait behind others of their groups. */
  get behind(): number {
    return this.held - (this.groups?.turns.size ?? 0);
  }

  get mayProduce(): boolean {
    return this.paused === 'none' || this.paused === 'receive';
  }

  get mayReceive(): boolean {
    return this.paused === 'none' || this.paused === 'produce';
  }

  lane(priority: number): Lane {
    let at = 0;
    while (at < this.lanes.length && this.lanes[at]!.priority > priority) at += 1;
    const found = this.lanes[at];
    if (found?.priority === priority) return found;
    const lane = new Lane(priority);
    this.lanes.splice(at, 0, lane);
    return lane;
  }

  /** Finds a live message; then `foundLane`, `foundChunk` and `foundIndex` say where. */
  locate(id: number): boolean {
    for (const lane of this.lanes) {
      const at = lane.chunkOf(id);
      if (at < 0) continue;
      const chunk = lane.chunks[at]!;
      const index = lane.indexIn(chunk, id);
      if (index < 0) continue;
      this.foundLane = lane;
      this.foundChunk = chunk;
      this.foundIndex = index;
      return true;
    }
    return false;
  }

  /** Finds the message that is delivered next, as `locate` does; there is one. */
  locateNext(): void {
    const head = this.groups === undefined ? 0 : this.headBefore(this.groups);
    if (head !== 0) {
      this.locate(head);
      return;
    }
    const lane = this.firstReadyLane();
    const chunk = lane.firstReadyChunk();
    this.foundLane = lane;
    this.foundChunk = chunk;
    this.foundIndex = chunk.firstReady();
  }

  /** The head whose turn it is, if it comes before all messages without a group; else 0. */
  private headBefore({ turns }: Groups): number {
    if (turns.size === 0) return 0;
    const { head } = turns.next();
    if (this.ready === 0) return head;
    const lane = this.firstReadyLane();
    if (lane.priority > 0) return 0;
    const chunk = lane.firstReadyChunk();
    return head < chunk.idAt(chunk.firstReady()) ? head : 0;
  }

  /** The lane to take from: the highest one with a ready message; there is one. */
  private firstReadyLane(): Lane {
    let at = 0;
    while (this.lanes[at]!.ready === 0) at += 1;
    return this.lanes[at]!;
  }

  /** When the oldest live message was produced, or undefined. */
  oldestProducedMs(): number | undefined {
    let oldest: number | undefined;
    for (const lane of this.lanes) {
      const chunk = lane.chunks.find((candidate) => candidate.live > 0);
      if (chunk === undefined) continue;
      const index = chunk.states.findIndex((state) => state !== 0);
      const producedMs = chunk.producedMsAt(index);
      if (oldest === undefined || producedMs < oldest) oldest = producedMs;
    }
    return oldest;
  }
}
