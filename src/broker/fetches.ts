/**
 * Bodies that must be read from the log before they can be delivered: a few reads at a time, in the
 * order asked for. Nothing is leased while it waits, so that no lease runs down behind a slow disk.
 */
import type { Log } from '../log/log.ts';
import type { Bodies } from '../queue/journal.ts';
import type { Queue } from '../queue/queue.ts';
import type { Reads } from './reads.ts';

/**
 * Each read brings up to 1 MiB into a cache of 16 MiB: what was read is still there when it is
 * used.
 */
const readsMax = 8;

export interface FetchListener {
  /** A queue's body is in memory, or it may ask for it again. */
  mayGoOn(queue: Queue): void;
  /** A read failed. */
  failed(error: unknown): void;
}

export class Fetches implements Bodies {
  private readonly log: Log;
  private readonly reads: Reads;
  private readonly listener: FetchListener;
  /** By the time it is their turn another message may be the next one. */
  private readonly waiting: Queue[] = [];
  private running = 0;

  constructor(log: Log, reads: Reads, listener: FetchListener) {
    this.log = log;
    this.reads = reads;
    this.listener = listener;
  }

  inMemory(position: number, length: number): boolean {
    return this.log.cached(position, length) !== undefined;
  }

  fetch(queue: Queue, position: number, length: number): void {
    if (this.running === readsMax) {
      this.waiting.push(queue);
      return;
    }
    this.running += 1;
    this.reads.read(position, length).then(() => this.finish(queue), this.listener.failed);
  }

  /**
   * Lets as many queues that wait ask again as there is room for; they may not want to any more.
   */
  wake(): void {
    for (let room = readsMax - this.running; room > 0 && this.waiting.length > 0; room -= 1) {
      this.listener.mayGoOn(this.waiting.shift()!);
    }
  }

  private finish(done: Queue): void {
    this.running -= 1;
    this.listener.mayGoOn(done);
  }
}
