/**
 * A file system in memory with every fault a disk can have. Each file has the bytes that programs
 * see (the page cache) and those that survive a power cut; names are pending until `syncDir`.
 * Operations take effect when the scheduler runs them, so that a crash can land between any two.
 * All chance comes from the random function given: one seed, one history.
 */
import type { Storage, StorageFile } from '../../src/log/storage.ts';

export type Operation =
  | 'append'
  | 'list'
  | 'open'
  | 'read'
  | 'rename'
  | 'sync'
  | 'syncDir'
  | 'truncate'
  | 'unlink';

/** Asked before each operation: an error to fail with, a number of bytes to take of an append. */
export type Fault = (operation: Operation, name: string) => Error | number | undefined;

export interface SimulatedStorageOptions {
  /** From 0 to below 1. */
  random: () => number;
  /** Runs `run` at some later time. */
  schedule: (run: () => void, operation: Operation, name: string) => void;
  /** Bytes of all files together. */
  capacity?: number;
  /** After a power cut any subset of the pending directory operations may have happened. */
  strictDirectory?: boolean;
}

interface Write {
  offset: number;
  bytes: Uint8Array;
}

/** A pending change of a file: bytes written, or a new length. */
type Change = Write | { length: number };

class Inode {
  cache: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);
  pending: Change[] = [];

  copy(): Inode {
    const copy = new Inode();
    copy.cache = Buffer.from(this.cache);
    copy.durable = Buffer.from(this.durable);
    copy.pending = [...this.pending];
    return copy;
  }
}

type DirectoryChange =
  | { kind: 'link'; name: string; inode: Inode }
  | { kind: 'rename'; from: string; to: string; inode: Inode }
  | { kind: 'unlink'; name: string };

const SECTOR_BYTES = 512;

export function systemError(code: string, operation: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated, ${operation}`), { code });
}

export class SimulatedStorage implements Storage {
  readonly #options: SimulatedStorageOptions;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #pendingNames: DirectoryChange[] = [];
  /** Effects of operations that were asked for and not run yet. */
  #inFlight = new Set<() => void>();
  #hasCrashed = false;
  capacity: number;
  /** Set by a test; see `Fault`. */
  fault: Fault = () => undefined;
  /** How often each operation was asked for. */
  readonly counts = new Map<Operation, number>();

  constructor(options: SimulatedStorageOptions) {
    this.#options = options;
    this.capacity = options.capacity ?? Number.MAX_SAFE_INTEGER;
  }

  list(): Promise<string[]> {
    return this.#perform('list', '', () =>
      [...this.#names.keys()].filter((name) => !name.includes('/')),
    );
  }

  open(name: string, how: 'create' | 'append' | 'read'): Promise<StorageFile> {
    return this.#perform('open', name, () => {
      if (how === 'create') {
        if (this.#names.has(name)) throw systemError('EEXIST', `open ${name}`);
        this.#changeNames({ kind: 'link', name, inode: new Inode() });
      }
      const inode = this.#names.get(name);
      if (inode === undefined) throw systemError('ENOENT', `open ${name}`);
      return new SimulatedFile(this, name, inode);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#perform('rename', from, () => {
      const inode = this.#names.get(from);
      if (inode === undefined) throw systemError('ENOENT', `rename ${from}`);
      this.#changeNames({ kind: 'rename', from, to, inode });
    });
  }

  unlink(name: string): Promise<void> {
    return this.#perform('unlink', name, () => {
      if (!this.#names.has(name)) throw systemError('ENOENT', `unlink ${name}`);
      this.#changeNames({ kind: 'unlink', name });
    });
  }

  syncDir(): Promise<void> {
    return this.#perform('syncDir', '', () => {
      for (const change of this.#pendingNames) applyToNames(this.#durableNames, change);
      this.#pendingNames = [];
    });
  }

  freeBytes(): Promise<number> {
    return this.#perform('list', '', () => Math.max(0, this.capacity - this.usedBytes));
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const inode of this.#names.values()) bytes += inode.cache.length;
    return bytes;
  }

  /** The bytes of every file as programs see them. */
  files(): Map<string, Buffer> {
    return new Map([...this.#names].map(([name, inode]) => [name, Buffer.from(inode.cache)]));
  }

  /** Makes these files, durable: the beginning of a test. */
  load(files: ReadonlyMap<string, Uint8Array>): this {
    for (const [name, bytes] of files) {
      const inode = new Inode();
      inode.cache = Buffer.from(bytes);
      inode.durable = Buffer.from(bytes);
      this.#names.set(name, inode);
      this.#durableNames.set(name, inode);
    }
    return this;
  }

  /** Rot: one bit of what was durable turns over. */
  flip(name: string, bit: number): void {
    const inode = this.#names.get(name);
    if (inode === undefined) throw systemError('ENOENT', `flip ${name}`);
    for (const bytes of [inode.cache, inode.durable]) {
      if (bit >> 3 < bytes.length) bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
  }

  /**
   * The end of this life, and the storage that the next one finds. `kill`: the process died, the
   * page cache stays. `power`: of what was not synced, anything may be there.
   */
  crash(how: 'kill' | 'power'): SimulatedStorage {
    this.#hasCrashed = true;
    for (const effect of this.#inFlight) if (this.#options.random() < 0.5) effect();
    const next = new SimulatedStorage(this.#options);
    next.capacity = this.capacity;
    if (how === 'kill') {
      next.#names = this.#names;
      next.#durableNames = this.#durableNames;
      next.#pendingNames = this.#pendingNames;
      return next;
    }
    for (const change of this.#survivingChanges()) applyToNames(this.#durableNames, change);
    for (const [name, inode] of this.#durableNames) {
      const bytes = surviving(inode, this.#options.random);
      next.load(new Map([[name, bytes]]));
    }
    return next;
  }

  /** The storage as another process sees it now, which does not see what is done here from now on. */
  fork(): SimulatedStorage {
    const copies = new Map<Inode, Inode>();
    const copyOf = (inode: Inode): Inode => {
      const copy = copies.get(inode) ?? inode.copy();
      copies.set(inode, copy);
      return copy;
    };
    const named = (names: Map<string, Inode>) =>
      new Map([...names].map(([name, inode]) => [name, copyOf(inode)]));
    const fork = new SimulatedStorage(this.#options);
    fork.capacity = this.capacity;
    fork.#names = named(this.#names);
    fork.#durableNames = named(this.#durableNames);
    fork.#pendingNames = this.#pendingNames.map((change) =>
      change.kind === 'unlink' ? change : { ...change, inode: copyOf(change.inode) },
    );
    return fork;
  }

  /** Used by the files: one operation on `name`. */
  perform<Result>(operation: Operation, name: string, effect: () => Result): Promise<Result> {
    return this.#perform(operation, name, effect);
  }

  append(name: string, inode: Inode, parts: readonly Uint8Array[]): number {
    const fault = this.#ask('append', name);
    if (fault instanceof Error) throw fault;
    const bytes = Buffer.concat(parts);
    const room = Math.max(0, this.capacity - this.usedBytes);
    if (room === 0 && bytes.length > 0) throw systemError('ENOSPC', `append ${name}`);
    const taken = Math.min(bytes.length, room, fault ?? bytes.length);
    inode.pending.push({ offset: inode.cache.length, bytes: bytes.subarray(0, taken) });
    inode.cache = Buffer.concat([inode.cache, bytes.subarray(0, taken)]);
    return taken;
  }

  /** A failed sync drops what was pending: the system takes those pages for clean. */
  sync(name: string, inode: Inode): Promise<void> {
    const count = inode.pending.length;
    const fault = this.#ask('sync', name);
    return this.#later('sync', name, () => {
      const changes = inode.pending.splice(0, Math.min(count, inode.pending.length));
      if (fault instanceof Error) throw fault;
      for (const change of changes) inode.durable = applyToBytes(inode.durable, change);
    });
  }

  #perform<Result>(operation: Operation, name: string, effect: () => Result): Promise<Result> {
    const fault = this.#ask(operation, name);
    return this.#later(operation, name, () => {
      if (fault instanceof Error) throw fault;
      return effect();
    });
  }

  #ask(operation: Operation, name: string): Error | number | undefined {
    this.counts.set(operation, (this.counts.get(operation) ?? 0) + 1);
    return this.fault(operation, name);
  }

  #later<Result>(operation: Operation, name: string, effect: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      const silent = (): void => {
        try {
          effect();
        } catch {
          // The process that would be told is gone.
        }
      };
      this.#inFlight.add(silent);
      const run = (): void => {
        if (this.#hasCrashed) return;
        this.#inFlight.delete(silent);
        try {
          resolve(effect());
        } catch (error) {
          reject(error as Error);
        }
      };
      this.#options.schedule(run, operation, name);
    });
  }

  #changeNames(change: DirectoryChange): void {
    applyToNames(this.#names, change);
    this.#pendingNames.push(change);
  }

  #survivingChanges(): DirectoryChange[] {
    const { random, strictDirectory } = this.#options;
    if (strictDirectory) return this.#pendingNames.filter(() => random() < 0.5);
    return this.#pendingNames.slice(0, Math.floor(random() * (this.#pendingNames.length + 1)));
  }
}

class SimulatedFile implements StorageFile {
  readonly #storage: SimulatedStorage;
  readonly #name: string;
  readonly #inode: Inode;

  constructor(storage: SimulatedStorage, name: string, inode: Inode) {
    this.#storage = storage;
    this.#name = name;
    this.#inode = inode;
  }

  get length(): number {
    return this.#inode.cache.length;
  }

  append(parts: readonly Uint8Array[]): number {
    return this.#storage.append(this.#name, this.#inode, parts);
  }

  sync(): Promise<void> {
    return this.#storage.sync(this.#name, this.#inode);
  }

  read(target: Uint8Array, offset: number): Promise<number> {
    return this.#storage.perform('read', this.#name, () =>
      this.#inode.cache.copy(target, 0, offset, offset + target.length),
    );
  }

  truncate(length: number): Promise<void> {
    return this.#storage.perform('truncate', this.#name, () => {
      const change = { length };
      this.#inode.pending.push(change);
      this.#inode.cache = applyToBytes(this.#inode.cache, change);
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function applyToNames(names: Map<string, Inode>, change: DirectoryChange): void {
  if (change.kind === 'link') names.set(change.name, change.inode);
  if (change.kind === 'unlink') names.delete(change.name);
  if (change.kind === 'rename') {
    if (names.get(change.from) === change.inode) names.delete(change.from);
    names.set(change.to, change.inode);
  }
}

function applyToBytes(bytes: Buffer, change: Change): Buffer {
  if ('length' in change) return resized(bytes, change.length);
  const result = resized(bytes, Math.max(bytes.length, change.offset + change.bytes.length));
  result.set(change.bytes, change.offset);
  return result;
}

function resized(bytes: Buffer, length: number): Buffer {
  const result = Buffer.alloc(length);
  bytes.copy(result, 0, 0, Math.min(bytes.length, length));
  return result;
}

/**
 * What a power cut leaves of a file: of the pending changes none, all, a prefix, any sectors,
 * zeros.
 */
function surviving(inode: Inode, random: () => number): Buffer {
  let bytes = inode.durable;
  const kind = Math.floor(random() * 5);
  if (kind === 0 || inode.pending.length === 0) return bytes;
  if (kind === 1) return inode.pending.reduce(applyToBytes, bytes);
  const count = Math.floor(random() * inode.pending.length);
  for (const change of inode.pending.slice(0, count)) bytes = applyToBytes(bytes, change);
  const last = inode.pending[count]!;
  if ('length' in last) return bytes;
  if (kind === 2) return applyToBytes(bytes, torn(last, random));
  const grown = resized(bytes, Math.max(bytes.length, last.offset + last.bytes.length));
  return kind === 3 ? withSectors(grown, last, random) : grown;
}

function torn(write: Write, random: () => number): Write {
  const length = Math.floor(random() * (write.bytes.length + 1));
  return { offset: write.offset, bytes: write.bytes.subarray(0, length) };
}

/** Each sector of the write is there or is not. */
function withSectors(bytes: Buffer, write: Write, random: () => number): Buffer {
  const end = write.offset + write.bytes.length;
  for (let from = write.offset; from < end; ) {
    const to = Math.min(end, from - (from % SECTOR_BYTES) + SECTOR_BYTES);
    if (random() < 0.5) {
      bytes.set(write.bytes.subarray(from - write.offset, to - write.offset), from);
    }
    from = to;
  }
  return bytes;
}
