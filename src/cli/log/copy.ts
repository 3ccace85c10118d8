/**
 * A verified copy of the log of one data directory in another one, as `backup` and `restore` make
 * it.
 */
import fs from 'node:fs';
import { readLogState } from '../../broker/log-state.ts';
import { processRuntime } from '../../broker/runtime.ts';
import { copyLog } from '../../log/copy-log.ts';
import { Disk } from '../../log/disk.ts';
import { logDirectoryOf, unfinishedLogOf } from '../../server/data-directory.ts';
import { UsageError } from '../failure.ts';
import { refuseIfEmpty, withSnapshot } from './directory.ts';
import { withProgress } from './progress.ts';
import { type Verdict, verdictOn } from './verify.ts';

/** Returns what there is in the copy. Where it fails nothing of the copy stays. */
export async function copyDirectory(from: string, to: string): Promise<Verdict> {
  return await withSnapshot(from, async (snapshot) => {
    const read = await withProgress(snapshot, () => readLogState(snapshot, processRuntime));
    await refuseIfEmpty(snapshot, from);
    return await withNewLog(to, async (disk, directory) => {
      await copyLog(snapshot, read.findings, read.segments, disk);
      return await verdictOn(to, directory);
    });
  });
}

/**
 * Calls `fill` with a new directory, which is there and empty. What `fill` made becomes the log of
 * the data directory when it is done, as a whole: whoever ends this process leaves the whole log or
 * none, and where it is none, `log.part`, on which no broker starts.
 */
export async function withNewLog<T>(
  dataDir: string,
  fill: (disk: Disk, directory: string) => Promise<T>,
): Promise<T> {
  const directory = unfinishedLogOf(dataDir);
  const made = fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  begin(directory);
  try {
    const disk = new Disk(directory);
    try {
      const result = await fill(disk, directory);
      disk.moveTo(logDirectoryOf(dataDir));
      return result;
    } finally {
      await disk.close();
    }
  } catch (error) {
    fs.rmSync(made ?? directory, { recursive: true, force: true });
    throw error;
  }
}

/** What is there already may be what another process is filling: it is nobody's to remove. */
function begin(directory: string): void {
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UsageError(
      `${directory} is there: of a backup, restore or repair that runs or was cut off; ` +
        'if none is running, remove it',
    );
  }
}
