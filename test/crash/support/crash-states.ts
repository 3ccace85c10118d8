// A directory as recorded calls change it: what programs see of it, what is durable, and every state
// in which a power cut can leave it, under the assumptions of docs/storage.md and somewhat worse:
// sectors are of 64 bytes, and of the changes of names that were not synced any may be there.

import { createHash } from 'node:crypto';
import { dirname } from 'node:path/posix';
import type { Random } from '../../support/random.ts';
import type { Call } from './recorded-calls.ts';

const tearBytes = 16;
const sectorBytes = 64;
/** All subsets of so many changes of names are tried; of more, those that tell most. */
const subsetsOf = 4;
const empty: Buffer = Buffer.alloc(0);

type Change = { readonly offset: number; readonly bytes: Buffer } | { readonly length: number };

class File {
  durable = empty;
  /** What programs see. */
  seen = empty;
  pending: Change[] = [];

  change(change: Change): void {
    this.pending.push(change);
    this.seen = changed(this.seen, change);
  }

  synced(changes: readonly Change[]): void {
    const isNew = (change: Change) => !changes.includes(change);
    const durable = this.pending.filter((change) => !isNew(change));
    this.pending = this.pending.filter(isNew);
    this.durable = this.pending.length === 0 ? this.seen : durable.reduce(changed, this.durable);
  }
}

const folder = 'folder';
type Entry = File | typeof folder;
type Names = Map<string, Entry>;

interface NameChange {
  readonly entry: Entry;
  readonly from?: string;
  readonly to?: string;
  /** Folders that must be synced until it is durable. */
  readonly unsynced: Set<string>;
}

/** What a sync that was begun covers. */
type Covered =
  | { readonly file: File; readonly changes: readonly Change[] }
  | { readonly folder: string; readonly changes: readonly NameChange[] };

/** A state after a power cut: the files, by path, and what tells it from others. */
export interface CrashState {
  readonly id: string;
  readonly files: ReadonlyMap<string, Buffer>;
}

export class RecordedDirectory {
  readonly #seen: Names = new Map();
  readonly #durable: Names = new Map();
  #pending: NameChange[] = [];
  readonly #syncs = new Map<number, Covered>();

  /** Returns whether another crash state may follow from it. */
  apply(call: Call): boolean {
    switch (call.what) {
      case 'create':
        return this.#rename({ entry: new File(), to: call.path });
      case 'mkdir':
        return this.#rename({ entry: folder, to: call.path });
      case 'unlink':
        return this.#rename({ entry: this.#seen.get(call.path)!, from: call.path });
      case 'rename':
        return this.#rename({ entry: this.#seen.get(call.from)!, from: call.from, to: call.to });
      case 'write':
      case 'truncate':
        this.#file(call.path).change(call);
        return true;
      case 'sync':
        this.#syncs.set(call.number, this.#covered(call.path));
        return false;
      case 'synced':
        this.#synced(this.#syncs.get(call.number)!);
        return true;
      case 'sent':
        return false;
    }
  }

  /** The process is gone, and what it waited for; what it wrote is not. */
  endLife(): void {
    this.#syncs.clear();
  }

  /** What programs see. */
  files(): Map<string, Buffer> {
    const files = [...this.#seen].filter((named): named is [string, File] => named[1] !== folder);
    return new Map(files.map(([path, file]) => [path, file.seen]));
  }

  /** `contentsMax`: so many states of one file are tried besides the plain ones. */
  *states(random: Random, contentsMax: number): Generator<CrashState> {
    const contents = new Map<File, Buffer[]>();
    for (const changes of subsets(this.#pending, random)) {
      const names = new Map(this.#durable);
      for (const change of changes) changeNames(names, change);
      const visible = [...names].filter((named): named is [string, File] =>
        isVisible(names, named),
      );
      for (const chosen of choices(visible, contents, random, contentsMax)) {
        const files = visible.map(([path, file]) => [path, chosen(file)] as const);
        yield { id: idOf(files), files: new Map(files) };
      }
    }
  }

  #file(path: string): File {
    const entry = this.#seen.get(path);
    if (entry === undefined || entry === folder) throw new Error(`no file is called ${path}`);
    return entry;
  }

  #rename(change: Omit<NameChange, 'unsynced'>): boolean {
    const { from, to } = change;
    const unsynced = new Set([from, to].filter((path) => path !== undefined).map(dirname));
    const whole = { ...change, unsynced };
    changeNames(this.#seen, whole);
    this.#pending.push(whole);
    return true;
  }

  #covered(path: string): Covered {
    const entry = this.#seen.get(path);
    if (path === '.' || entry === folder) return { folder: path, changes: [...this.#pending] };
    const file = this.#file(path);
    return { file, changes: [...file.pending] };
  }

  #synced(covered: Covered): void {
    if ('file' in covered) {
      covered.file.synced(covered.changes);
      return;
    }
    for (const change of covered.changes) {
      if (!change.unsynced.delete(covered.folder) || change.unsynced.size > 0) continue;
      changeNames(this.#durable, change);
      this.#pending.splice(this.#pending.indexOf(change), 1);
    }
  }
}

function changeNames(names: Names, { entry, from, to }: NameChange): void {
  if (from !== undefined && (to === undefined || names.get(from) === entry)) names.delete(from);
  if (to !== undefined) names.set(to, entry);
}

/** A file in a folder that is not there is not there either. */
function isVisible(names: Names, [path, entry]: [string, Entry]): boolean {
  if (entry === folder) return false;
  for (let at = dirname(path); at !== '.'; at = dirname(at)) {
    if (names.get(at) !== folder) return false;
  }
  return true;
}

function subsets(changes: readonly NameChange[], random: Random): NameChange[][] {
  const { length } = changes;
  if (length <= subsetsOf) {
    const masks = Array.from({ length: 2 ** length }, (_, mask) => mask);
    return masks.map((mask) => changes.filter((_, at) => ((mask >> at) & 1) === 1));
  }
  const upTo = changes.map((_, at) => changes.slice(0, at + 1));
  const alone = changes.map((one) => [one]);
  const without = changes.map((one) => changes.filter((other) => other !== one));
  const drawn = changes.map(() => changes.filter(() => random.chance(0.5)));
  return [[], ...upTo, ...alone, ...without, ...drawn];
}

/** Each state of each file, with the others as they were and with all that was written to them. */
function* choices(
  visible: readonly [string, File][],
  contents: Map<File, Buffer[]>,
  random: Random,
  contentsMax: number,
): Generator<(file: File) => Buffer> {
  const files = new Map(visible.map(([path, file]) => [file, path]));
  const unsynced = [...files].filter(([file]) => file.pending.length > 0);
  if (unsynced.length === 0) yield (file) => file.durable;
  for (const [one, path] of unsynced) {
    let ofOne = contents.get(one);
    if (ofOne === undefined) {
      // Nothing reads what is in the reserve.
      const most = path.includes('reserve') ? 1 : contentsMax;
      ofOne = contentsOf(one, random, most);
      contents.set(one, ofOne);
    }
    for (const bytes of ofOne) {
      yield (file) => (file === one ? bytes : file.durable);
      if (unsynced.length > 1) yield (file) => (file === one ? bytes : file.seen);
    }
  }
}

/** What may be there of a file: nothing new, all, as long with zeros, and what else there is time for. */
function contentsOf(file: File, random: Random, contentsMax: number): Buffer[] {
  const { durable, seen } = file;
  const grown = resized(durable, seen.length);
  const more = [...torn(file), ...withSectors(file, grown)];
  const chosen = more.length > contentsMax ? random.shuffle(more).slice(0, contentsMax) : more;
  return [durable, seen, grown, ...chosen];
}

function* torn({ durable, pending }: File): Generator<Buffer> {
  let before = durable;
  for (const change of pending) {
    const bytes = 'bytes' in change ? change.bytes : empty;
    for (let length = tearBytes; length < bytes.length; length += tearBytes) {
      yield changed(before, { ...change, bytes: bytes.subarray(0, length) });
    }
    before = changed(before, change);
    yield before;
  }
}

/** Each sector alone, and all but each. */
function* withSectors({ pending, seen }: File, grown: Buffer): Generator<Buffer> {
  const first = Math.min(...pending.map((change) => ('offset' in change ? change.offset : 0)));
  for (let from = first; from < seen.length; ) {
    const to = Math.min(seen.length, from - (from % sectorBytes) + sectorBytes);
    const alone = Buffer.from(grown);
    seen.copy(alone, from, from, to);
    yield alone;
    const missing = Buffer.from(seen);
    grown.copy(missing, from, from, to);
    yield missing;
    from = to;
  }
}

function changed(bytes: Buffer, change: Change): Buffer {
  if ('length' in change) return resized(bytes, change.length);
  const result = resized(bytes, Math.max(bytes.length, change.offset + change.bytes.length));
  change.bytes.copy(result, change.offset);
  return result;
}

function resized(bytes: Buffer, length: number): Buffer {
  const result = Buffer.alloc(length);
  bytes.copy(result, 0, 0, Math.min(bytes.length, length));
  return result;
}

const hashes = new WeakMap<Buffer, string>();

function hashOf(bytes: Buffer): string {
  const known = hashes.get(bytes);
  if (known !== undefined) return known;
  const hash = createHash('sha1').update(bytes).digest('base64');
  hashes.set(bytes, hash);
  return hash;
}

function idOf(files: readonly (readonly [string, Buffer])[]): string {
  return files
    .map(([path, bytes]) => `${path} ${hashOf(bytes)}`)
    .sort()
    .join('\n');
}
