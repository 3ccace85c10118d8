/**
 * Segment files that are no longer needed and still there: they are removed, a damaged one is kept
 * in `quarantine/`. They go oldest first, each removal
 * durable before the next, so that what is left never has a hole. One that cannot be removed is
 * told, kept in mind and tried again with the next; at a start the last `oldest` record says the
 * same.
 */
import { DirectoryLockedError } from '../errors.ts';
import type { Segment } from './segment.ts';
import type { Storage } from './storage.ts';

/** Told of a file that stays, by its name and what the system says. */
export type FileKept = (file: string, error: unknown) => void;

export class Removals {
  readonly #storage: Storage;
  readonly #kept: FileKept;
  readonly #waiting: Segment[] = [];

  constructor(storage: Storage, kept: FileKept) {
    this.#storage = storage;
    this.#kept = kept;
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
      if (segment === undefined || !(await this.#takeAway(segment))) return;
      this.#waiting.shift();
      await this.#storage.syncDir();
    }
  }

  /** A file that stays costs space and nothing else; one that is gone was to go. */
  async #takeAway({ name, isDamaged }: Segment): Promise<boolean> {
    try {
      if (isDamaged) await this.#storage.rename(name, `quarantine/${name}`);
      else await this.#storage.unlink(name);
      return true;
    } catch (error) {
      if (error instanceof DirectoryLockedError) throw error;
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
      this.#kept(name, error);
      return false;
    }
  }
}
