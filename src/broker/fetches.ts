/**
 * Bodies that must be read from the log before they can be delivered: a few reads at a time, in the
 * order asked for. Nothing is leased while it waits, so that no lease runs down behind a slow disk.
 */
import type { Log } from '../log/log.ts';
import type { Bodies } from '../queue/journal.ts';
import type { Queue } from '../queue/queue.ts';

/**
 * Each read brings up to 1 MiB into a cache of 16 MiB: what was read is still there when it is
 * used.
 */
const readsMax = 8;

interface Fetch {
  readonly queue: Queue;
  readonly position: number;
  readonly length: number;
}

export class Fetches implements Bodies {
  private readonly log: Log;
  private readonly arrived: (queue: Queue) => void;
  private readonly waiting: Fetch[] = [];
  private running = 0;

  /** `arrived` is called when a queue's body is in memory, or its read failed and ended the log. */
  constructor(log: Log, arrived: (queue: Queue) => void) {
    this.log = log;
    this.arrived = arrived;
  }

  inMemory(position: number, length: number): boolean {
    return this.log.cached(position, length) !== undefined;
  }

  fetch(queue: Queue, position: number, length: number): void {
    this.waiting.push({ queue, position, length });
    this.start();
  }

  private start(): void {
    while (this.running < readsMax && this.waiting.length > 0) {
      const next = this.waiting.shift()!;
      this.running += 1;
      this.read(next).then(
        () => this.finish(next),
        // The log has ended and says so itself; nothing is delivered any more.
        () => {},
      );
    }
  }

  private async read(fetch: Fetch): Promise<void> {
    await this.log.read(fetch.position, fetch.length);
  }

  private finish(done: Fetch): void {
    this.running -= 1;
    this.arrived(done.queue);
    this.start();
  }
}
