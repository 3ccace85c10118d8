/**
 * The storage of a log whose directory somebody else may have taken while this process was stopped:
 * once that is so, no name is made, changed or removed any more, since under every name there may
 * be a file of the new owner. Files that are open need no such care: a new owner appends to none of
 * them.
 */
import { DirectoryLockedError } from '../errors.ts';
import type { Storage, StorageFile } from './storage.ts';

/** Whether this process still owns the log. */
export type Fence = () => boolean;

export function refuseIfLost(fence: Fence): void {
  if (!fence()) throw new DirectoryLockedError('another process owns this log now');
}

export class FencedStorage implements Storage {
  readonly #storage: Storage;
  readonly #fence: Fence;

  constructor(storage: Storage, fence: Fence) {
    this.#storage = storage;
    this.#fence = fence;
  }

  list(): Promise<string[]> {
    return this.#storage.list();
  }

  async open(name: string, how: 'create' | 'append' | 'read'): Promise<StorageFile> {
    if (how === 'create') refuseIfLost(this.#fence);
    return await this.#storage.open(name, how);
  }

  async rename(from: string, to: string): Promise<void> {
    refuseIfLost(this.#fence);
    await this.#storage.rename(from, to);
  }

  async unlink(name: string): Promise<void> {
    refuseIfLost(this.#fence);
    await this.#storage.unlink(name);
  }

  syncDir(): Promise<void> {
    return this.#storage.syncDir();
  }

  freeBytes(): Promise<number> {
    return this.#storage.freeBytes();
  }
}
