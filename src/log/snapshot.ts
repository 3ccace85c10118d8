/**
 * A directory as it is at one moment, only to be read: no lock is taken and nothing is changed,
 * while a broker may go on writing. Every file is open from the beginning and as long as it was
 * then, so that what is removed meanwhile stays readable and what is appended is not seen.
 */
import assert from 'node:assert';
import { CHECKPOINT_NAME } from './checkpoint.ts';
import { segmentNumber } from './segment.ts';
import type { Storage, StorageFile } from './storage.ts';

/** What says that a directory has moved on. */
interface Sight {
  readonly names: readonly string[];
  readonly segments: string;
  readonly checkpoint: string;
}

export class Snapshot implements Storage {
  readonly #storage: Storage;
  readonly #sight: Sight;
  readonly #files: ReadonlyMap<string, StorageFile>;
  /** Bytes read so far. */
  bytesRead = 0;

  private constructor(storage: Storage, sight: Sight, files: ReadonlyMap<string, StorageFile>) {
    this.#storage = storage;
    this.#sight = sight;
    this.#files = files;
  }

  /** Begins again where segments came or went, or the checkpoint changed, while it looked. */
  static async take(storage: Storage): Promise<Snapshot> {
    for (;;) {
      const before = await look(storage);
      const files = new Map<string, StorageFile>();
      try {
        await openAll(storage, before.names, files);
        if (isSame(before, await look(storage))) return new Snapshot(storage, before, files);
      } catch (error) {
        await closeAll(files);
        throw error;
      }
      await closeAll(files);
    }
  }

  /** Bytes of all segments. */
  get segmentBytes(): number {
    const segments = [...this.#files].filter(([name]) => segmentNumber(name) > 0);
    return segments.reduce((sum, [, file]) => sum + file.length, 0);
  }

  /** Whether somebody has written since: a broker is running. */
  async hasMovedOn(): Promise<boolean> {
    const sight = await look(this.#storage);
    if (!isSame(this.#sight, sight)) return true;
    const newest = sight.names.findLast((name) => segmentNumber(name) > 0);
    if (newest === undefined) return false;
    const file = await openIfThere(this.#storage, newest);
    await file?.close();
    return file?.length !== this.#files.get(newest)!.length;
  }

  async close(): Promise<void> {
    await closeAll(this.#files);
  }

  list(): Promise<string[]> {
    return Promise.resolve([...this.#files.keys()]);
  }

  open(name: string, how: 'create' | 'append' | 'read'): Promise<StorageFile> {
    assert(how === 'read', 'a snapshot is only read');
    const file = this.#files.get(name);
    assert(file !== undefined, 'a snapshot has every file that it lists');
    const noted = (bytes: number) => {
      this.bytesRead += bytes;
    };
    return Promise.resolve(new StillFile(file, noted));
  }

  rename(): never {
    return assert.fail('a snapshot is only read');
  }

  unlink(): never {
    return assert.fail('a snapshot is only read');
  }

  syncDir(): never {
    return assert.fail('a snapshot is only read');
  }

  freeBytes(): Promise<number> {
    return this.#storage.freeBytes();
  }
}

/** A file of a snapshot, which closes it; it does not grow. */
class StillFile implements StorageFile {
  readonly length: number;
  readonly #file: StorageFile;
  readonly #noted: (bytes: number) => void;

  constructor(file: StorageFile, noted: (bytes: number) => void) {
    this.length = file.length;
    this.#file = file;
    this.#noted = noted;
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(target.length, this.length - offset));
    const count = await this.#file.read(target.subarray(0, length), offset);
    this.#noted(count);
    return count;
  }

  append(): never {
    return assert.fail('a snapshot is only read');
  }

  sync(): never {
    return assert.fail('a snapshot is only read');
  }

  truncate(): never {
    return assert.fail('a snapshot is only read');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function look(storage: Storage): Promise<Sight> {
  const names = (await storage.list()).sort();
  const segments = names.filter((name) => segmentNumber(name) > 0).join();
  const checkpoint = names.includes(CHECKPOINT_NAME) ? await contentOf(storage) : '';
  return { names, segments, checkpoint };
}

async function contentOf(storage: Storage): Promise<string> {
  const file = await openIfThere(storage, CHECKPOINT_NAME);
  if (file === undefined) return '';
  const bytes = Buffer.alloc(file.length);
  await file.read(bytes, 0);
  await file.close();
  return bytes.toString('hex');
}

function isSame(before: Sight, after: Sight): boolean {
  return before.segments === after.segments && before.checkpoint === after.checkpoint;
}

/**
 * Newest first: a segment is begun when the one before it is full, so that no length is from before
 * one that was looked at earlier. What has gone is left out.
 */
async function openAll(
  storage: Storage,
  names: readonly string[],
  files: Map<string, StorageFile>,
): Promise<void> {
  for (const name of names.toReversed()) {
    const file = await openIfThere(storage, name);
    if (file !== undefined) files.set(name, file);
  }
}

async function openIfThere(storage: Storage, name: string): Promise<StorageFile | undefined> {
  try {
    return await storage.open(name, 'read');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

async function closeAll(files: ReadonlyMap<string, StorageFile>): Promise<void> {
  for (const file of files.values()) await file.close();
}
