/**
 * What lies in a data directory: the log, in a directory of its own, and while a copy or a repair
 * of a log is made there, what is whole of it so far.
 */
import fs from 'node:fs';
import path from 'node:path';
import { LogDamagedError, SettingsError } from '../errors.ts';
import { Disk } from '../log/disk.ts';

const LOG = 'log';
/** It becomes the log by its name, as a whole, once it is verified. */
const UNFINISHED = 'log.part';

export function logDirectoryOf(dataDir: string): string {
  return path.join(dataDir, LOG);
}

export function unfinishedLogOf(dataDir: string): string {
  return path.join(dataDir, UNFINISHED);
}

/**
 * Where a copy or a repair is under way or was cut off, nothing may begin a log: it would be taken
 * for the one that was to come.
 */
export function refuseIfUnfinished(dataDir: string): void {
  if (!fs.existsSync(unfinishedLogOf(dataDir))) return;
  const what =
    'a backup, restore or repair that runs or was cut off; ' +
    'if none is running, remove it and begin that again';
  throw new LogDamagedError(UNFINISHED, 0, what);
}

/**
 * Makes it if need be. A file where a directory should be is no failure of the disk, which may
 * pass: it is there until somebody moves it.
 */
export function openDirectory(directory: string): Disk {
  try {
    return new Disk(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTDIR' && code !== 'EEXIST') throw error;
    throw new SettingsError(`${directory} cannot be made: there is a file in its way`);
  }
}

/** What others may write to they may change unseen: checksums are no signatures. */
export async function refuseIfWritableByOthers(directory: string): Promise<void> {
  const { mode } = await fs.promises.stat(directory);
  if ((mode & 0o022) === 0) return;
  const shown = (mode & 0o777).toString(8);
  throw new SettingsError(`${directory} may be written by others (mode ${shown}): chmod 700 it`);
}

/** Messages are in it. */
export function isReadableByOthers(directory: string): boolean {
  return (fs.statSync(directory).mode & 0o055) !== 0;
}
