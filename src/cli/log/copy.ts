/**
 * A verified copy of the log of one data directory in another one, as `backup` and `restore` make
 * it.
 */
import fs from 'node:fs';
import { readLogState } from '../../broker/log-state.ts';
import { processRuntime } from '../../broker/runtime.ts';
import { copyLog } from '../../log/copy-log.ts';
import { Disk } from '../../log/disk.ts';
import { logOf, refuseIfEmpty, withSnapshot } from './directory.ts';
import { withProgress } from './progress.ts';
import { type Verdict, verdictOn } from './verify.ts';

/** Returns what there is in the copy. Where it fails nothing of the copy stays. */
export async function copyDirectory(from: string, to: string): Promise<Verdict> {
  return await withSnapshot(from, async (snapshot) => {
    const read = await withProgress(snapshot, () => readLogState(snapshot, processRuntime));
    await refuseIfEmpty(snapshot, from);
    return await withNewLog(to, async (disk) => {
      await copyLog(snapshot, read.findings, read.segments, disk);
      return await verdictOn(to);
    });
  });
}

/** Calls `fill` with the new directory of a log, which is there and empty. */
export async function withNewLog<T>(dataDir: string, fill: (disk: Disk) => Promise<T>): Promise<T> {
  const directory = logOf(dataDir);
  const made = fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    const disk = new Disk(directory);
    try {
      return await fill(disk);
    } finally {
      await disk.close();
    }
  } catch (error) {
    fs.rmSync(made ?? directory, { recursive: true });
    throw error;
  }
}
