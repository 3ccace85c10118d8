/**
 * The few steps on files that several parts of the log take: making one whole, replacing one,
 * copying bytes. Every one of them leaves either the old state or the new one, whenever the process
 * ends.
 */
import { UnsteadyFileError } from '../errors.ts';
import type { Storage, StorageFile } from './storage.ts';

const COPY_BYTES = 1024 * 1024;

/** The file system is full, or the user's share of it. */
export class NoSpaceError extends Error {
  override readonly name = 'NoSpaceError';
}

export function isNoSpace(error: unknown): boolean {
  if (error instanceof NoSpaceError) return true;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** The process or the machine has no file descriptor left: that passes. */
export function isNoDescriptor(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'EMFILE' || code === 'ENFILE';
}

/** Appends all of `bytes`; taking fewer is how a file system says that it is full. */
export function appendWhole(file: StorageFile, bytes: Uint8Array): void {
  if (file.append([bytes]) !== bytes.length) throw new NoSpaceError('short write');
}

/**
 * Makes the new file `name` with these bytes and syncs it, not its name. Without space for it,
 * nothing of it stays.
 */
export async function createFile(
  storage: Storage,
  name: string,
  bytes: Uint8Array,
): Promise<StorageFile> {
  const file = await storage.open(name, 'create');
  try {
    appendWhole(file, bytes);
    await file.sync();
    return file;
  } catch (error) {
    await file.close();
    if (isNoSpace(error)) await storage.unlink(name);
    throw error;
  }
}

/** On return the file is durably gone. */
export async function removeFile(storage: Storage, name: string): Promise<void> {
  await storage.unlink(name);
  await storage.syncDir();
}

/** Removes what a start or a write that did not finish left under this name. */
export async function removeLeftover(storage: Storage, name: string): Promise<void> {
  const names = await storage.list();
  if (names.includes(name)) await storage.unlink(name);
}

/** On return `to` is durably what `from` was. */
export async function replaceFile(storage: Storage, from: string, to: string): Promise<void> {
  await storage.rename(from, to);
  await storage.syncDir();
}

/** Copies bytes `start` to `end` of a file into the new file `name` and syncs that. */
export async function copyBytes(
  storage: Storage,
  from: string,
  start: number,
  end: number,
  name: string,
): Promise<void> {
  await removeLeftover(storage, name);
  const source = await storage.open(from, 'read');
  try {
    await copyFile(source, start, end, storage, name);
  } finally {
    await source.close();
  }
}

/** As above, from a file that may be of another storage. */
export async function copyFile(
  source: StorageFile,
  start: number,
  end: number,
  storage: Storage,
  name: string,
): Promise<void> {
  const target = await storage.open(name, 'create');
  try {
    const piece = Buffer.allocUnsafe(Math.min(COPY_BYTES, Math.max(1, end - start)));
    for (let offset = start; offset < end; ) {
      const wanted = piece.subarray(0, Math.min(piece.length, end - offset));
      const length = await source.read(wanted, offset);
      if (length !== wanted.length) {
        throw new UnsteadyFileError(name, offset + length, 'what is copied into it became shorter');
      }
      appendWhole(target, wanted);
      offset += length;
    }
    await target.sync();
  } finally {
    await target.close();
  }
}
