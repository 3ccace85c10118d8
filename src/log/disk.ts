/**
 * Storage over a real directory: the only file of the log that speaks to `node:fs`, besides the
 * lock. Appends are synchronous, since a write into the page cache is faster than a round trip
 * through a thread; everything that may wait for the device is not. Each file remembers where it
 * ends and writes there by position, so that bytes of anybody else never move what is written.
 */
import fs from 'node:fs';
import path from 'node:path';
import { NoFileError } from '../errors.ts';
import type { Storage, StorageFile } from './storage.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const QUARANTINE = 'quarantine';
/** What the log itself reads, makes or replaces under these names is a file. */
const OWN_NAME = /^(\d{10}\.wq|CHECKPOINT|reserve-[12]|(checkpoint|rewritten|torn|reserve)\.tmp)$/;

const FLAGS = {
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
  append: fs.constants.O_RDWR,
  // A named pipe that is in the place of a file would be waited for until somebody writes to it.
  read: fs.constants.O_RDONLY | fs.constants.O_NONBLOCK,
} as const;

export class Disk implements Storage {
  readonly #directory: string;
  /** Open for as long as this object is used: it is what `syncDir` syncs. */
  readonly #directoryHandle: number;

  /**
   * Makes the directory if it is not there; its name is durable on return, whoever made it. One
   * that is only to be read is left as it is.
   */
  constructor(directory: string, use: 'write' | 'read' = 'write') {
    this.#directory = directory;
    if (use === 'write') {
      fs.mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
      syncParents(directory);
    }
    this.#directoryHandle = fs.openSync(directory, fs.constants.O_RDONLY);
  }

  async list(): Promise<string[]> {
    const entries = await fs.promises.readdir(this.#directory, { withFileTypes: true });
    const listed = entries.filter((entry) => entry.isFile() || OWN_NAME.test(entry.name));
    return listed.map((entry) => entry.name);
  }

  async open(name: string, how: 'create' | 'append' | 'read'): Promise<StorageFile> {
    const flags = FLAGS[how] | fs.constants.O_NOFOLLOW;
    const handle = await promise<number>((done) =>
      fs.open(this.#path(name), flags, FILE_MODE, done),
    ).catch((error) => refuseLink(name, error));
    const file = new DiskFile(handle);
    if (await file.look()) return file;
    await file.close();
    throw new NoFileError(name);
  }

  async rename(from: string, to: string): Promise<void> {
    const quarantine = this.#path(QUARANTINE);
    const isSetAside = to.startsWith(`${QUARANTINE}/`);
    if (isSetAside) await fs.promises.mkdir(quarantine, { recursive: true, mode: DIRECTORY_MODE });
    await fs.promises.rename(this.#path(from), this.#path(to));
    // Here, since `syncDir` must not need a descriptor.
    if (isSetAside) await syncDirectory(quarantine);
  }

  async unlink(name: string): Promise<void> {
    await fs.promises.unlink(this.#path(name));
  }

  async syncDir(): Promise<void> {
    await promise<void>((done) => fs.fsync(this.#directoryHandle, done));
  }

  async freeBytes(): Promise<number> {
    const stats = await fs.promises.statfs(this.#directory);
    return stats.bavail * stats.bsize;
  }

  /** Gives back the directory; no other call follows. */
  async close(): Promise<void> {
    await promise<void>((done) => fs.close(this.#directoryHandle, done));
  }

  /** Gives the directory another name, which is durable on return; only `close` follows. */
  moveTo(directory: string): void {
    fs.renameSync(this.#directory, directory);
    syncParents(directory);
  }

  #path(name: string): string {
    return path.join(this.#directory, name);
  }
}

class DiskFile implements StorageFile {
  readonly #handle: number;
  #length = 0;

  constructor(handle: number) {
    this.#handle = handle;
  }

  /** Looks how long it is; false where it is no regular file. */
  async look(): Promise<boolean> {
    const stats = await promise<fs.Stats>((done) => fs.fstat(this.#handle, done));
    this.#length = stats.size;
    return stats.isFile();
  }

  get length(): number {
    return this.#length;
  }

  append(parts: readonly Uint8Array[]): number {
    const taken =
      parts.length === 1
        ? fs.writeSync(this.#handle, parts[0]!, 0, parts[0]!.length, this.#length)
        : fs.writevSync(this.#handle, parts, this.#length);
    this.#length += taken;
    return taken;
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#handle, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    let count = 0;
    while (count < target.length) {
      const read = await promise<number>((done) =>
        fs.read(this.#handle, target, count, target.length - count, offset + count, done),
      );
      if (read === 0) break;
      count += read;
    }
    return count;
  }

  async truncate(length: number): Promise<void> {
    await promise<void>((done) => fs.ftruncate(this.#handle, length, done));
    this.#length = length;
  }

  async close(): Promise<void> {
    await promise<void>((done) => fs.close(this.#handle, done));
  }
}

/** The log follows no symbolic link: what it leads to is not the log's. */
function refuseLink(name: string, error: NodeJS.ErrnoException): never {
  throw error.code === 'ELOOP' ? new NoFileError(name) : error;
}

/** One promise for one call with a callback. */
function promise<Result>(
  call: (done: (error: Error | null, result?: Result) => void) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error) reject(error);
      else resolve(result as Result);
    });
  });
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await fs.promises.open(directory, fs.constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes durable the name of the directory and those of the directories it is in, up to where its
 * file system is mounted: also what a start made that did not live to sync it.
 */
function syncParents(directory: string): void {
  const { dev } = fs.statSync(directory);
  let at = fs.realpathSync(directory);
  while (at !== path.dirname(at)) {
    at = path.dirname(at);
    if (fs.statSync(at).dev !== dev || !isReadable(at)) return;
    const handle = fs.openSync(at, fs.constants.O_RDONLY);
    fs.fsyncSync(handle);
    fs.closeSync(handle);
  }
}

/** One that is not is of somebody else, who made the names in it. */
function isReadable(directory: string): boolean {
  try {
    fs.accessSync(directory, fs.constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
