/**
 * A directory as it is at one moment, only to be read: no lock is taken and nothing is changed,
 * while a broker may go on writing. Every file is open from the beginning and as long as it was
 * then, so that what is removed meanwhile stays readable and what is appended is not seen.
 */
import assert from 'node:assert';
import { CHECKPOINT_LIFE, CHECKPOINT_NAME } from './checkpoint.ts';
import { segmentNumber } from './segment.ts';
import type { Storage, StorageFile } from './storage.ts';

const [LIFE_START, LIFE_END] = CHECKPOINT_LIFE;

export class Snapshot implements Storage {
  readonly #storage: Storage;
  readonly #files: ReadonlyMap<string, StillFile>;

  private constructor(storage: Storage, files: ReadonlyMap<string, StillFile>) {
    this.#storage = storage;
    this.#files = files;
  }

  /**
   * The checkpoint is opened first, so that all that it says is in the segments. Begins again where
   * a segment went meanwhile, or a start or a stop of a broker fell in between.
   */
  static async take(storage: Storage): Promise<Snapshot> {
    for (;;) {
      const files = new Map<string, StillFile>();
      try {
        const checkpoint = await openIfThere(storage, CHECKPOINT_NAME);
        if (checkpoint !== undefined) files.set(CHECKPOINT_NAME, checkpoint);
        const life = await lifeIn(checkpoint);
        const isWhole = await openAll(storage, files);
        if (isWhole && life === (await lifeOf(storage))) return new Snapshot(storage, files);
      } catch (error) {
        await closeAll(files);
        throw error;
      }
      await closeAll(files);
    }
  }

  /** Read so far. */
  get bytesRead(): number {
    return [...this.#files.values()].reduce((sum, file) => sum + file.bytesRead, 0);
  }

  /** Bytes of all segments. */
  get segmentBytes(): number {
    const segments = [...this.#files].filter(([name]) => segmentNumber(name) > 0);
    return segments.reduce((sum, [, file]) => sum + file.length, 0);
  }

  /** Whether somebody has written since: a broker is running. */
  async hasMovedOn(): Promise<boolean> {
    if ((await lifeOf(this.#storage)) !== (await lifeIn(this.#files.get(CHECKPOINT_NAME))))
      return true;
    // The newest may be one that is prepared while the one before it fills.
    const newest = newestOf([...this.#files.keys()]);
    if (newest.join() !== newestOf(await this.#storage.list()).join()) return true;
    for (const name of newest) {
      const file = await openIfThere(this.#storage, name);
      await file?.end();
      if (file?.length !== this.#files.get(name)!.length) return true;
    }
    return false;
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
    return Promise.resolve(file);
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

/** A file as long as it was when it was opened. The snapshot closes it, not who reads it. */
class StillFile implements StorageFile {
  readonly length: number;
  bytesRead = 0;
  readonly #file: StorageFile;

  constructor(file: StorageFile) {
    this.length = file.length;
    this.#file = file;
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(target.length, this.length - offset));
    const count = await this.#file.read(target.subarray(0, length), offset);
    this.bytesRead += count;
    return count;
  }

  async end(): Promise<void> {
    await this.#file.close();
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

/** The part of the checkpoint that a start and a clean stop change: clean or not, and the epoch. */
async function lifeIn(checkpoint: StorageFile | undefined): Promise<string> {
  if (checkpoint === undefined) return '';
  const bytes = Buffer.alloc(LIFE_END - LIFE_START);
  await checkpoint.read(bytes, LIFE_START);
  return bytes.toString('hex');
}

async function lifeOf(storage: Storage): Promise<string> {
  const checkpoint = await openIfThere(storage, CHECKPOINT_NAME);
  try {
    return await lifeIn(checkpoint);
  } finally {
    await checkpoint?.end();
  }
}

/** The newest two segments. */
function newestOf(names: readonly string[]): string[] {
  return names
    .filter((name) => segmentNumber(name) > 0)
    .sort()
    .slice(-2);
}

/**
 * Newest first: a segment is begun when the one before it is full, so that no length is from before
 * one that was looked at earlier. Returns false where a segment went; other files that went are
 * left out.
 */
async function openAll(storage: Storage, files: Map<string, StillFile>): Promise<boolean> {
  const names = (await storage.list()).filter((name) => name !== CHECKPOINT_NAME);
  for (const name of names.sort().reverse()) {
    const file = await openIfThere(storage, name);
    if (file !== undefined) files.set(name, file);
    else if (segmentNumber(name) > 0) return false;
  }
  return true;
}

async function openIfThere(storage: Storage, name: string): Promise<StillFile | undefined> {
  try {
    return new StillFile(await storage.open(name, 'read'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

async function closeAll(files: ReadonlyMap<string, StillFile>): Promise<void> {
  for (const file of files.values()) await file.end();
}
