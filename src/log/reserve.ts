/**
 * The reserve: two files of real bytes, each as long as a segment. When the file system is full the
 * log removes one half and has room to go on: the first serves what was already promised, the
 * second what makes room again and the next start. They are filled a piece at a time, so that
 * traffic never waits for more than one piece, and only while there is plenty of space.
 */
import {
  appendWhole,
  isNoDescriptor,
  isNoSpace,
  removeFile,
  removeLeftover,
  replaceFile,
} from './files.ts';
import type { Storage } from './storage.ts';

const NAMES = ['reserve-1', 'reserve-2'] as const;
const TEMPORARY_NAME = 'reserve.tmp';
const PIECE_BYTES = 1024 * 1024;
/** Halves that must be free besides the one to fill. */
const SPARE_HALVES = 2;

/** For a start without room to begin. Returns false when there is no half to give up. */
export async function giveUpHalf(storage: Storage): Promise<boolean> {
  const name = lastHalf(new Set(await storage.list()));
  if (name === undefined) return false;
  await removeFile(storage, name);
  return true;
}

function lastHalf(present: ReadonlySet<string>): string | undefined {
  return NAMES.findLast((name) => present.has(name));
}

export class Reserve {
  readonly #storage: Storage;
  readonly #halfBytes: number;
  readonly #changed: () => void;
  /** The names of the halves that are there. */
  readonly #present = new Set<string>();
  #filling: Promise<void> | undefined;
  #mayFill = true;
  /** A step that needs room is taken: what is given up for it must not be filled again. */
  #isTakingStep = false;
  /** Room was needed, or there is none to make what is missing: the file system counts as full. */
  #isShort = false;

  /** `changed` is called when a half was given up or made. */
  constructor(storage: Storage, halfBytes: number, changed: () => void) {
    this.#storage = storage;
    this.#halfBytes = halfBytes;
    this.#changed = changed;
  }

  /** Halves that are left; 2 also while they are still being made with plenty of space. */
  get halves(): 0 | 1 | 2 {
    return this.#isShort ? (this.#present.size as 0 | 1 | 2) : 2;
  }

  /** Looks which halves are there and whole. */
  async load(): Promise<void> {
    const names = await this.#storage.list();
    for (const name of NAMES) {
      if (!names.includes(name)) continue;
      const file = await this.#storage.open(name, 'read');
      await file.close();
      if (file.length === this.#halfBytes) this.#present.add(name);
    }
  }

  /** Takes a step that can be repeated; without space for it, gives up one part after the other. */
  async withRoom<Result>(step: () => Promise<Result>): Promise<Result> {
    this.#isTakingStep = true;
    try {
      return await this.#repeat(step);
    } finally {
      this.#isTakingStep = false;
    }
  }

  async #repeat<Result>(step: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (!isNoSpace(error) || !(await this.#giveUp())) throw error;
      }
    }
  }

  /**
   * Makes room: stops a filling that takes it, or removes a half. Returns false when there was
   * nothing left to give up.
   */
  async #giveUp(): Promise<boolean> {
    this.#isShort = true;
    if (this.#filling !== undefined) {
      await this.stop();
      this.#mayFill = true;
      this.#changed();
      return true;
    }
    const name = lastHalf(this.#present);
    if (name === undefined) return false;
    this.#present.delete(name);
    this.#changed();
    await removeFile(this.#storage, name);
    return true;
  }

  /** Makes what is missing, if there is plenty of space. */
  async fill(freeBytes: number): Promise<void> {
    if (this.#present.size === 2 || this.#filling !== undefined) return;
    if (!this.#mayFill || this.#isTakingStep) return;
    if (freeBytes < (1 + SPARE_HALVES) * this.#halfBytes) {
      this.#becomeShort();
      return;
    }
    this.#filling = this.#tryFilling().finally(() => {
      this.#filling = undefined;
    });
    await this.#filling;
  }

  #becomeShort(): void {
    if (this.#isShort) return;
    this.#isShort = true;
    this.#changed();
  }

  /** On return nothing is being filled or cleared away, and nothing will be. */
  async stop(): Promise<void> {
    this.#mayFill = false;
    await this.#filling?.catch(() => undefined);
  }

  async #tryFilling(): Promise<void> {
    try {
      await this.#fillMissing();
    } catch (error) {
      // It is tried again when the free space is asked for the next time.
      if (isNoDescriptor(error)) return;
      if (!isNoSpace(error)) throw error;
      this.#becomeShort();
      await removeLeftover(this.#storage, TEMPORARY_NAME);
    }
  }

  async #fillMissing(): Promise<void> {
    for (const name of NAMES) {
      if (this.#present.has(name)) continue;
      const isWhole = await this.#fillHalf();
      if (!isWhole) return;
      await replaceFile(this.#storage, TEMPORARY_NAME, name);
      this.#present.add(name);
      if (this.#present.size === 2) this.#isShort = false;
      this.#changed();
      const freeBytes = await this.#storage.freeBytes();
      if (freeBytes < (1 + SPARE_HALVES) * this.#halfBytes) return;
    }
  }

  /** Returns false when it was stopped; then nothing of the half is left. */
  async #fillHalf(): Promise<boolean> {
    await removeLeftover(this.#storage, TEMPORARY_NAME);
    const file = await this.#storage.open(TEMPORARY_NAME, 'create');
    const piece = incompressible(Math.min(PIECE_BYTES, this.#halfBytes));
    try {
      while (this.#mayFill && file.length < this.#halfBytes) {
        appendWhole(file, piece.subarray(0, this.#halfBytes - file.length));
        await file.sync();
      }
    } finally {
      await file.close();
    }
    if (file.length === this.#halfBytes) return true;
    await this.#storage.unlink(TEMPORARY_NAME);
    return false;
  }
}

/** Bytes that take their full room on a file system that compresses or leaves out zeros. */
function incompressible(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = 1;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}
