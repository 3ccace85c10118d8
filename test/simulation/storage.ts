/**
 * A file system in memory with every fault a disk can have. Each file has the bytes that programs
 * see (the page cache) and those that survive a power cut; names are pending until `syncDir`.
 * Operations take effect when the scheduler runs them, so that a crash can land between any two.
 * All chance comes from the random function given: one seed, one history.
 */
import type { Storage, StorageFile } from '../../src/log/storage.ts';
import { Inode, type Remains } from './inode.ts';

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
  /** How likely clean pages that the disk does not have leave the cache when a file is opened. */
  evictChance?: number;
  /** Told what a power cut left of a file, and of an eviction. */
  left?: (what: Remains | 'evicted') => void;
}

type DirectoryChange =
  | { kind: 'link'; name: string; inode: Inode }
  | { kind: 'rename'; from: string; to: string; inode: Inode }
  | { kind: 'unlink'; name: string };

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
      this.#mayEvict(inode);
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
      const inode = Inode.of(bytes);
      this.#names.set(name, inode);
      this.#durableNames.set(name, inode);
    }
    return this;
  }

  /** The file itself: for rot. */
  inode(name: string): Inode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw systemError('ENOENT', name);
    return inode;
  }

  /** The file is gone, as if it never was there. */
  lose(name: string): void {
    this.#names.delete(name);
    this.#durableNames.delete(name);
  }

  /** Rot: one bit of what was durable turns over. */
  flip(name: string, bit: number): void {
    this.inode(name).flip(bit);
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
      const { bytes, remains } = inode.cut(this.#options.random);
      if (remains !== undefined) this.#options.left?.(remains);
      next.load(new Map([[name, bytes]]));
    }
    return next;
  }

  /** The storage as another process sees it now, which does not see what is done here from now on. */
  fork(options: Partial<SimulatedStorageOptions> = {}): SimulatedStorage {
    const copies = new Map<Inode, Inode>();
    const copyOf = (inode: Inode): Inode => {
      const copy = copies.get(inode) ?? inode.copy();
      copies.set(inode, copy);
      return copy;
    };
    const named = (names: Map<string, Inode>) =>
      new Map([...names].map(([name, inode]) => [name, copyOf(inode)]));
    const fork = new SimulatedStorage({ ...this.#options, ...options });
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
    inode.append(bytes.subarray(0, taken));
    return taken;
  }

  sync(name: string, inode: Inode): Promise<void> {
    const asked = inode.changes;
    const fault = this.#ask('sync', name);
    return this.#later('sync', name, () => {
      const count = Math.min(asked, inode.changes);
      if (!(fault instanceof Error)) return inode.sync(count);
      inode.failSync(count, this.#options.random);
      throw fault;
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

  #mayEvict(inode: Inode): void {
    const { random, evictChance = 0, left } = this.#options;
    if (!inode.hasFalseClean || evictChance === 0 || random() >= evictChance) return;
    inode.evict();
    left?.('evicted');
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
    // Beyond the end there is nothing to read, as on a real file.
    return this.#storage.perform('read', this.#name, () =>
      this.#inode.cache.subarray(offset, offset + target.length).copy(target),
    );
  }

  truncate(length: number): Promise<void> {
    return this.#storage.perform('truncate', this.#name, () => this.#inode.truncate(length));
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
