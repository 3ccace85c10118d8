/**
 * One owner for a log directory, in three layers. An abstract Unix socket: one winner of many in a
 * network namespace, free the moment its holder dies (Linux). `proper-lockfile` over a file that
 * says who the owner is: for everybody else who sees the directory. A fence: whether the lock on
 * disk is still the one that was taken, so that a process that was stopped for long confirms
 * nothing.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { lock as lockFile } from 'proper-lockfile';
import { DirectoryLockedError, NoFileError } from '../errors.ts';
import { isNoSpace } from './files.ts';

/** All who lock a directory must agree on it. */
const staleMs = 10_000;
const updateMs = 2_500;
const lockName = 'lock';
/** What is to become the lock begins with this. */
const draftPrefix = 'lock.';
/** The length of `sun_path`. Node 20 pads a shorter name, Node 24 does not: two different names. */
const socketNameBytes = 108;

/** What the lock holds. A process ID alone may be another process's by now. */
interface Owner {
  readonly processId: number;
  /** In clock ticks since the boot. */
  readonly startTime: string;
  readonly bootId: string;
  readonly processNamespace: string;
  /** Of the directory that was locked: a copy of it has another one. */
  readonly inode: string;
  /** When the directory was locked. */
  readonly since: string;
}

/** `unseen`: of another process namespace or machine, or nobody knows whose the lock is. */
type Standing = 'living' | 'dead' | 'unseen';

type MakeRoom = () => Promise<boolean>;

export class DirectoryLock {
  readonly #directory: string;
  readonly #lockPath: string;
  readonly #socket: net.Server | undefined;
  /** The lock that was taken; not there until then. */
  #taken: fs.BigIntStats | undefined;
  #unlock: (() => Promise<void>) | undefined;
  #isCompromised = false;
  #isReleased = false;

  private constructor(directory: string, socket: net.Server | undefined) {
    this.#directory = directory;
    this.#lockPath = path.join(directory, lockName);
    this.#socket = socket;
  }

  /**
   * Answers at once: rejects with `DirectoryLockedError` if somebody else has the directory. It
   * must exist; whoever makes it also makes its name durable. `makeRoom` is called once if the file
   * system is too full for a lock; it returns whether there is room now.
   */
  static async acquire(
    directory: string,
    makeRoom: MakeRoom = () => Promise.resolve(false),
  ): Promise<DirectoryLock> {
    // Two names of one directory must meet in one lock.
    const place = fs.realpathSync(directory);
    const lock = new DirectoryLock(place, await holdSocket(place));
    try {
      await lock.#take(makeRoom);
      return lock;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Asks the file system, a few microseconds: the lock may be gone before anything tells so. */
  isOurs(): boolean {
    return !this.#isCompromised && !this.#isReleased && this.#isInPlace();
  }

  /** Takes away nothing that somebody else has taken by now. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    try {
      if (!this.#isCompromised) await this.#unlock?.();
    } finally {
      await closeSocket(this.#socket);
    }
  }

  async #take(makeRoom: MakeRoom): Promise<void> {
    removeAbandoned(this.#directory);
    this.#unlock = await this.#lockWithRoom(makeRoom);
    removeDrafts(this.#directory);
  }

  /** Room is only made where the socket says that the files are nobody else's. */
  async #lockWithRoom(makeRoom: MakeRoom): Promise<() => Promise<void>> {
    try {
      return await this.#lock();
    } catch (error) {
      if (!isNoSpace(error) || this.#socket === undefined || !(await makeRoom())) throw error;
      return await this.#lock();
    }
  }

  async #lock(): Promise<() => Promise<void>> {
    try {
      return await lockFile(this.#directory, {
        lockfilePath: this.#lockPath,
        stale: staleMs,
        update: updateMs,
        fs: this.#files(),
        // Its own default is to throw out of a timer.
        onCompromised: () => {
          this.#isCompromised = true;
        },
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
      throw inUse(this.#directory);
    }
  }

  /**
   * What `proper-lockfile` works with. Where it would make an empty directory, a file appears that
   * holds its owner already: so the lock is nobody's at no moment, and a kill at any step leaves
   * one whose owner is known to be dead. Its own removal, at the release and at the exit of the
   * process, does not look whose the lock is by then.
   */
  #files(): object {
    const { realpath, stat, utimes } = fs;
    type Done = (error: Error | null) => void;
    const mkdir = (_name: string, done: Done) => done(errorOf(() => this.#make()));
    const rmdir = (_name: string, done: Done) => done(errorOf(() => this.#remove()));
    const rmdirSync = () => this.#remove();
    return { mkdir, realpath, stat, utimes, rmdir, rmdirSync };
  }

  /** Throws EEXIST if there is a lock: unlike a renaming, a link replaces nothing. */
  #make(): void {
    const draft = path.join(this.#directory, `${draftPrefix}${randomUUID()}`);
    try {
      writeOwner(this.#directory, draft);
      const made = statLock(draft);
      link(draft, this.#lockPath);
      this.#taken = made;
    } finally {
      removeFile(draft);
    }
  }

  #remove(): void {
    if (this.#taken === undefined || this.#isInPlace()) removeFile(this.#lockPath);
  }

  #isInPlace(): boolean {
    return isSame(this.#taken, statLock(this.#lockPath));
  }
}

/** Holds the name of the directory for as long as this process lives or until it is closed. */
async function holdSocket(directory: string): Promise<net.Server | undefined> {
  if (process.platform !== 'linux') return undefined;
  const socket = net.createServer((connection) => connection.destroy());
  try {
    await listen(socket, socketName(directory));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw inUse(directory);
  }
  // The name is what counts; that a connection could not be accepted does not.
  socket.on('error', () => {});
  socket.unref();
  return socket;
}

function socketName(directory: string): string {
  const { dev, ino } = fs.statSync(directory, { bigint: true });
  return `\0wonderq-log:${dev}:${ino}:`.padEnd(socketNameBytes, '.');
}

function listen(socket: net.Server, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    // Exclusive: processes of one cluster would share it.
    socket.listen({ path: name, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

function closeSocket(socket: net.Server | undefined): Promise<void> {
  if (socket === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    socket.close(() => resolve());
  });
}

/** Makes way for a new lock, or throws because the one that is there must stay. */
function removeAbandoned(directory: string): void {
  const lockPath = path.join(directory, lockName);
  const found = statLock(lockPath);
  if (found?.isFile() === false) throw new NoFileError(lockName);
  if (found !== undefined) refuseIfHeld(directory, found);
  if (found !== undefined && isSame(found, statLock(lockPath))) removeFile(lockPath);
}

function refuseIfHeld(directory: string, found: fs.BigIntStats): void {
  const owner = readOwner(directory);
  const standing = owner === undefined ? 'unseen' : standingOf(owner, directory);
  if (standing === 'dead') return;
  if (standing === 'living') throw inUse(directory);
  const freeAtMs = Number(found.mtimeMs) + staleMs;
  if (freeAtMs < Date.now()) return;
  const whose = owner === undefined ? 'an unknown process' : `process ${owner.processId}`;
  throw new DirectoryLockedError(
    `${directory} is locked by ${whose}, which cannot be seen from here; ` +
      `if nothing renews the lock, it may be taken at ${new Date(freeAtMs).toISOString()}`,
  );
}

function inUse(directory: string): DirectoryLockedError {
  const owner = readOwner(directory);
  const isKnown = owner !== undefined && standingOf(owner, directory) !== 'dead';
  const whom = isKnown ? `process ${owner.processId} since ${owner.since}` : 'another process';
  return new DirectoryLockedError(`${directory} is in use by ${whom}`);
}

function standingOf(owner: Owner, directory: string): Standing {
  const bootId = ownBootId();
  if (bootId === '' || owner.bootId !== bootId) return 'unseen';
  if (owner.processNamespace !== ownProcessNamespace()) return 'unseen';
  // It was copied with the directory: whoever owns that one does not own this one.
  if (owner.inode !== inodeOf(directory)) return 'dead';
  const startTime = startTimeOf(owner.processId);
  if (startTime === owner.startTime) return 'living';
  // Where `/proc` hides the processes of other users, a signal still finds them.
  return startTime === '' && isThere(owner.processId) ? 'unseen' : 'dead';
}

function inodeOf(directory: string): string {
  return String(fs.statSync(directory, { bigint: true }).ino);
}

function isThere(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return false; // It may be signalled, so it is not hidden: it has ended and waits to be reaped.
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Empty if there is no such process, or only what is left of one until it is reaped. */
function startTimeOf(processId: number | 'self'): string {
  const text = readIfThere(`/proc/${processId}/stat`);
  // The second field is the name of the program, in parentheses, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = ''] = fields;
  return 'ZX'.includes(state) ? '' : (fields[22 - 3] ?? '');
}

function ownBootId(): string {
  return readIfThere('/proc/sys/kernel/random/boot_id').trim();
}

function ownProcessNamespace(): string {
  try {
    return fs.readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function readIfThere(name: string): string {
  try {
    return fs.readFileSync(name, 'utf8');
  } catch {
    return '';
  }
}

/** `undefined`: there is no lock, or a power cut left nothing of what it held. */
function readOwner(directory: string): Owner | undefined {
  const lockPath = path.join(directory, lockName);
  // A pipe would be waited for.
  if (statLock(lockPath)?.isFile() !== true) return undefined;
  try {
    const owner: Owner = JSON.parse(fs.readFileSync(lockPath, 'utf8'));
    const texts = [owner.startTime, owner.bootId, owner.processNamespace, owner.inode, owner.since];
    const isWhole = texts.every((text) => typeof text === 'string');
    return isWhole && Number.isSafeInteger(owner.processId) ? owner : undefined;
  } catch {
    return undefined;
  }
}

function writeOwner(directory: string, file: string): void {
  const owner: Owner = {
    processId: process.pid,
    startTime: startTimeOf('self'),
    bootId: ownBootId(),
    processNamespace: ownProcessNamespace(),
    inode: inodeOf(directory),
    since: new Date().toISOString(),
  };
  fs.writeFileSync(file, `${JSON.stringify(owner)}\n`, { mode: 0o600, flag: 'wx' });
}

function link(draft: string, lockPath: string): void {
  try {
    fs.linkSync(draft, lockPath);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Only who has the lock removes the draft of another.
    throw code === 'ENOENT' ? Object.assign(new Error('too late'), { code: 'EEXIST' }) : error;
  }
}

/** Those that a kill left. Whoever is about to use one is too late: the lock is taken. */
function removeDrafts(directory: string): void {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const isDraft = entry.isFile() && entry.name.startsWith(draftPrefix);
    if (isDraft) removeFile(path.join(directory, entry.name));
  }
}

function removeFile(file: string): void {
  fs.rmSync(file, { force: true });
}

function errorOf(step: () => void): Error | null {
  try {
    step();
    return null;
  } catch (error) {
    return error as Error;
  }
}

function statLock(lockPath: string): fs.BigIntStats | undefined {
  return fs.lstatSync(lockPath, { bigint: true, throwIfNoEntry: false });
}

/** An inode number alone is used again at once. */
function isSame(one: fs.BigIntStats | undefined, other: fs.BigIntStats | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.ino === other.ino && one.birthtimeNs === other.birthtimeNs;
}
