/**
 * The data directory that a command of `wonderq log` works on, and the log in it, only to be read.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { CHECKPOINT_NAME } from '../../log/checkpoint.ts';
import { Disk } from '../../log/disk.ts';
import { segmentNumber } from '../../log/segment.ts';
import { Snapshot } from '../../log/snapshot.ts';
import { logDirectoryOf, refuseIfUnfinished } from '../../server/data-directory.ts';
import { resolve } from '../environment.ts';
import { UsageError } from '../failure.ts';

export interface DirectoryFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
}

const DATA_DIR = {
  variables: ['WONDERQ_DATA_DIR'],
  fallback: 'data',
  parse: (text: string) => text,
};

export function withDirectory(command: Command): Command {
  return command.option(
    '--data-dir <directory>',
    'where the log is kept; also WONDERQ_DATA_DIR (default: data)',
  );
}

export function dataDirOf(flags: DirectoryFlags): string {
  return resolve('data-dir', DATA_DIR, flags.dataDir).value;
}

/** Calls `use` with the log as it is now. It may lie elsewhere while it is made. */
export async function withSnapshot<T>(
  dataDir: string,
  use: (snapshot: Snapshot) => Promise<T>,
  directory = logDirectoryOf(dataDir),
): Promise<T> {
  if (!isDirectory(directory)) {
    refuseIfUnfinished(dataDir);
    throw noLog(dataDir);
  }
  const disk = new Disk(directory, 'read');
  try {
    const snapshot = await Snapshot.take(disk);
    try {
      return await use(snapshot);
    } finally {
      await snapshot.close();
    }
  } finally {
    await disk.close();
  }
}

/** False also where a file is in the place of a directory above it. */
export function isDirectory(place: string): boolean {
  try {
    return fs.statSync(place, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false;
    throw error;
  }
}

/** Asked after the validation, which knows a segment under any name. */
export async function refuseIfEmpty(snapshot: Snapshot, dataDir: string): Promise<void> {
  const names = await snapshot.list();
  const isThere = names.some((name) => name === CHECKPOINT_NAME || segmentNumber(name) > 0);
  if (!isThere) throw noLog(dataDir);
}

function noLog(dataDir: string): UsageError {
  return new UsageError(`there is no log in ${dataDir}; a broker started there would begin one`);
}

/** Names in `quarantine/` of a log, if there is one. */
export function quarantineOf(directory: string): string[] {
  const quarantine = path.join(directory, 'quarantine');
  return isDirectory(quarantine) ? fs.readdirSync(quarantine).sort() : [];
}
