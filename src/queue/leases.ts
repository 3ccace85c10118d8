/**
 * The rows of the messages that are more than waiting: leased, delayed, delivered before, or with a
 * time to live. A row holds what the index has no room for: token, session, counts. Rows are
 * columns of numbers, reused when a message goes. The rows that a session holds form a list, so
 * that they are found when it goes.
 */
import assert from 'node:assert';
import { grown } from './chunk.ts';
import { Deadlines } from './deadlines.ts';
import { Failures } from './failures.ts';

export class Leases {
  /** When a row's lease or delay ends. */
  readonly deadlines = new Deadlines();
  /** When a row's message is past its time to live. */
  readonly expiries = new Deadlines();
  readonly failures = new Failures();

  ids = new Float64Array(16);
  tokens = new Float64Array(16);
  /** The queue's number and the message's priority: where the message is found. */
  queues = new Uint32Array(16);
  priorities = new Uint8Array(16);
  deliveryCounts = new Uint32Array(16);
  failureCounts = new Uint32Array(16);
  /** The list of its failures, 0 for none. */
  histories = new Uint32Array(16);
  /** The session's number while leased to one, else 0. */
  sessions = new Uint32Array(16);
  /** The rows of one session, as a doubly linked list; `nexts` also links the free rows. */
  previouses = new Uint32Array(16);
  nexts = new Uint32Array(16);

  private firstFree = 0;
  /** Rows in use or free; row 0 means none. */
  private count = 1;
  private used = 0;

  get size(): number {
    return this.used;
  }

  add(queue: number, priority: number, id: number): number {
    const row = this.takeRow();
    this.ids[row] = id;
    this.tokens[row] = 0;
    this.queues[row] = queue;
    this.priorities[row] = priority;
    this.deliveryCounts[row] = 0;
    this.failureCounts[row] = 0;
    this.histories[row] = 0;
    this.sessions[row] = 0;
    this.used += 1;
    return row;
  }

  /** Frees a row that has neither deadlines nor session any more. */
  remove(row: number): void {
    const isTimed = this.deadlines.has(row) || this.expiries.has(row);
    assert(this.sessions[row] === 0 && !isTimed, 'a row that is freed is in use');
    this.ids[row] = 0;
    if (this.histories[row] !== 0) this.failures.remove(this.histories[row]!);
    this.nexts[row] = this.firstFree;
    this.firstFree = row;
    this.used -= 1;
  }

  /** Puts a row at the head of a session's list, whose head was `head`. Returns the new head. */
  link(row: number, session: number, head: number): number {
    assert(this.sessions[row] === 0 && session !== 0, 'a row belongs to one session');
    this.sessions[row] = session;
    this.previouses[row] = 0;
    this.nexts[row] = head;
    if (head !== 0) this.previouses[head] = row;
    return row;
  }

  /** Takes a row out of its session's list. Returns the new head. */
  unlink(row: number, head: number): number {
    const previous = this.previouses[row]!;
    const next = this.nexts[row]!;
    this.sessions[row] = 0;
    if (next !== 0) this.previouses[next] = previous;
    if (previous !== 0) this.nexts[previous] = next;
    return previous === 0 ? next : head;
  }

  private takeRow(): number {
    if (this.firstFree !== 0) {
      const row = this.firstFree;
      this.firstFree = this.nexts[row]!;
      return row;
    }
    if (this.count === this.ids.length) this.resize(this.count * 2);
    this.count += 1;
    return this.count - 1;
  }

  private resize(length: number): void {
    this.ids = grown(this.ids, new Float64Array(length));
    this.tokens = grown(this.tokens, new Float64Array(length));
    this.queues = grown(this.queues, new Uint32Array(length));
    this.priorities = grown(this.priorities, new Uint8Array(length));
    this.deliveryCounts = grown(this.deliveryCounts, new Uint32Array(length));
    this.failureCounts = grown(this.failureCounts, new Uint32Array(length));
    this.histories = grown(this.histories, new Uint32Array(length));
    this.sessions = grown(this.sessions, new Uint32Array(length));
    this.previouses = grown(this.previouses, new Uint32Array(length));
    this.nexts = grown(this.nexts, new Uint32Array(length));
  }
}
