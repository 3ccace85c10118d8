/**
 * The state that the rules work on, and nothing that they do: queues, leases, sessions, takers, and
 * the counters for IDs and tokens. Every rule is a function over it, one file a command.
 */
import assert from 'node:assert';
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Deduplication } from './deduplication.ts';
import { DeliveryBatch } from './delivery-batch.ts';
import { IdList } from './id-list.ts';
import type { Bodies, Journal, Outlet } from './journal.ts';
import type { Lane } from './lane.ts';
import { Leases } from './leases.ts';
import { Overdue } from './overdue.ts';
import { Queue } from './queue.ts';
import type { Survey } from './relocate.ts';
import { Returned } from './returned.ts';
import { Sessions } from './sessions.ts';
import { Takers } from './takers.ts';
import type { Template } from './template.ts';

/** What the broker decides for all queues. */
export interface RulesOptions {
  /** Where a queue says nothing. */
  readonly visibilityMs: number;
  readonly releaseAfterMs: number;
  /** Whether the first produce makes the queue. */
  readonly createQueues: boolean;
}

export class State {
  readonly options: RulesOptions;
  readonly journal: Journal;
  readonly outlet: Outlet;
  readonly bodies: Bodies;

  readonly queuesByName = new Map<string, Queue>();
  readonly queuesByNumber = new Map<number, Queue>();
  private nextQueueNumber = 1;
  /** By pattern. */
  readonly templates = new Map<string, Template>();
  readonly leases = new Leases();
  readonly sessions = new Sessions();
  readonly takers = new Takers();

  /** The next message ID, and the next token. */
  nextId = 1;
  nextToken = 0;
  /** Queues in which something may have become possible since the last dispatch. */
  readonly changed = new Set<Queue>();
  /** The latest time that the log told so far, while it is read. */
  replayedMs = 0;
  /** Queues that know deduplication IDs. */
  readonly deduplicating = new Set<Queue>();
  /** Walks over all messages that are under way. */
  readonly surveys = new Set<Survey>();
  /** Lanes of purged queues, whose memory is freed bit by bit. */
  readonly retired: Lane[] = [];
  /** What deleted queues knew, likewise. */
  readonly retiredKeys: Deduplication[] = [];

  /** Reused for every record and delivery. */
  readonly ids = new IdList(limits.sliceMessagesMax);
  /** What came back in this slice, and beside it whose lease was found to be over. */
  readonly returned = new Returned();
  readonly lapsed = new Returned();
  /** What was found to be past its time to live, in one queue, until it is written down. */
  readonly overdue = new Overdue();
  readonly batch = new DeliveryBatch();

  constructor(options: RulesOptions, journal: Journal, outlet: Outlet, bodies: Bodies) {
    this.options = options;
    this.journal = journal;
    this.outlet = outlet;
    this.bodies = bodies;
  }

  /** Whether there is memory to be freed. */
  get isFreeing(): boolean {
    return this.retired.length > 0 || this.retiredKeys.length > 0;
  }

  /** The queue, if it exists. */
  existing(name: string): Queue | undefined {
    const queue = this.queuesByName.get(name);
    return queue?.exists ? queue : undefined;
  }

  /** The queue, or a coded refusal. */
  /** `field` is what the request calls it. */
  required(name: string, field = 'queue'): Queue {
    const queue = this.existing(name);
    if (queue === undefined) {
      throw new WonderqError('QUEUE_NOT_FOUND', `queue ${name} does not exist`, { field });
    }
    return queue;
  }

  /** The queue, or one that does not exist yet but in whose line somebody can stand. */
  expected(name: string): Queue {
    return this.options.createQueues ? this.entered(name) : this.required(name);
  }

  /** `expected` for all of some names: where one is refused, none is left behind. */
  allExpected(names: readonly string[]): Queue[] {
    return this.all(names, (name) => this.expected(name));
  }

  /** `entered`, likewise. */
  allEntered(names: readonly string[]): Queue[] {
    return this.all(names, (name) => this.entered(name));
  }

  private all(names: readonly string[], queueOf: (name: string) => Queue): Queue[] {
    const queues: Queue[] = [];
    try {
      for (const name of names) queues.push(queueOf(name));
    } catch (error) {
      for (const queue of queues) this.forgetIfUnused(queue);
      throw error;
    }
    return queues;
  }

  /** The queue of this name, whether it exists or not. */
  entered(name: string): Queue {
    const known = this.queuesByName.get(name);
    if (known !== undefined) return known;
    this.refuseTooManyQueues();
    const queue = new Queue(name);
    this.queuesByName.set(name, queue);
    return queue;
  }

  /** Lets a queue come into being. */
  create(queue: Queue, nowMs: number): void {
    this.number(queue, this.nextQueueNumber);
    queue.createdMs = nowMs;
    this.queuesByName.set(queue.name, queue);
  }

  /** Gives a queue its number; at replay its name may be told only later. */
  number(queue: Queue, number: number): void {
    assert(!queue.exists && !this.queuesByNumber.has(number), 'a queue and its number are new');
    queue.number = number;
    this.nextQueueNumber = Math.max(this.nextQueueNumber, number + 1);
    this.queuesByNumber.set(number, queue);
  }

  /** Forgets a queue that never existed and that nobody wants, whether in line for it or not. */
  forgetIfUnused(queue: Queue): void {
    if (!queue.exists && queue.takerCount === 0) this.queuesByName.delete(queue.name);
  }

  /** Whether all of some queues, whether they are there or not, can be. */
  hasRoomFor(names: readonly string[]): boolean {
    const missing = names.filter((name) => !this.queuesByName.has(name)).length;
    return this.queuesByName.size + missing <= limits.queuesMax;
  }

  private refuseTooManyQueues(): void {
    if (this.queuesByName.size < limits.queuesMax) return;
    throw new WonderqError('BUSY', `there are ${limits.queuesMax} queues already`, {
      retryAfterMs: 1000,
    });
  }
}
