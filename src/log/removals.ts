/**
 * Segment files that are no longer needed and still there. They go oldest first, each removal
 * durable before the next, so that what is left never has a hole. One that cannot be removed is
 * kept in mind and tried again with the next; at a start the last `oldest` record says the same.
 */
import type { Segment } from './segment.ts';
import type { Storage } from './storage.ts';

export class Removals {
  readonly #storage: Storage;
  readonly #waiting: Segment[] = [];

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  get fileBytes(): number {
    return this.#waiting.reduce((sum, segment) => sum + segment.fileBytes, 0);
  }

  add(segment: Segment): void {
    this.#waiting.push(segment);
  }

  async run(): Promise<void> {
    for (;;) {
      const segment = this.#waiting[0];
      if (segment === undefined || !(await this.#unlink(segment))) return;
      this.#waiting.shift();
      await this.#storage.syncDir();
    }
  }

  /** A file that stays costs space and nothing else. */
  async #unlink(segment: Segment): Promise<boolean> {
    try {
      await this.#storage.unlink(segment.name);
      return true;
    } catch {
      return false;
    }
  }
}
