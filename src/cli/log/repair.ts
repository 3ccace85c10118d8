/**
 * `wonderq log repair`: a new log of what still checks of a damaged one, in another directory, and
 * an exact report of what is lost. Never in place, never by itself.
 */
import type { Command } from 'commander';
import { Repair, type RepairReport } from '../../broker/repair.ts';
import type { LostBatches } from '../../log/losses.ts';
import type { DamagedBytes, MissingSegments } from '../../log/salvage.ts';
import { counted, jsonLine, writeLine } from '../text.ts';
import { withNewLog } from './copy.ts';
import {
  type DirectoryFlags,
  dataDirOf,
  refuseIfEmpty,
  withDirectory,
  withSnapshot,
} from './directory.ts';
import { refuseIfEmptyName, refuseIfInside, refuseIfThere } from './target.ts';
import { describeVerdict, type Verdict, verdictOn } from './verify.ts';

interface Flags extends DirectoryFlags {
  readonly to: string;
  readonly time?: boolean;
}

export interface RepairResult extends RepairReport {
  /** What `verify` says of the repaired log. */
  readonly repaired: Verdict;
}

const ASIDE = {
  beginning: ' (from the beginning of the log on, where compaction may have dropped them before)',
  middle: '',
  end: ' (as far as the checkpoint knows; later ones may be lost too)',
} as const;

export function addRepair(log: Command): void {
  withDirectory(log.command('repair'))
    .description('a new log of what still checks of a damaged one; tells what is lost')
    .requiredOption('--to <directory>', 'a new data directory, which must not be there')
    .option('--time', 'a log from ahead of the clock: no time in it is later than now')
    .option('--json', 'one object')
    .action(repair);
}

async function repair(flags: Flags): Promise<void> {
  const dataDir = dataDirOf(flags);
  refuseIfEmptyName('--to', flags.to);
  refuseIfThere(flags.to);
  refuseIfInside(dataDir, flags.to);
  const timeMsMax = flags.time ? Date.now() : undefined;
  const result = await repairDirectory(dataDir, flags.to, timeMsMax);
  await writeLine(flags.json ? jsonLine(result) : describe(result));
}

/** Where it fails nothing of the new directory stays. */
export async function repairDirectory(
  from: string,
  to: string,
  timeMsMax?: number,
): Promise<RepairResult> {
  return await withSnapshot(from, async (snapshot) => {
    await refuseIfEmpty(snapshot, from);
    return await withNewLog(to, async (disk, directory) => {
      const report = await new Repair(snapshot, disk, { timeMsMax }).run();
      return { ...report, repaired: await verdictOn(to, directory) };
    });
  });
}

function describe(result: RepairResult): string {
  const { kept, damaged, missing, lost, breaks, checkpoint, repaired } = result;
  const batches = counted(kept.batches, 'batch', 'batches');
  const lines = [`kept: ${batches}, ${counted(kept.records, 'record')}`];
  if (result.nothingLost) lines.push('nothing is lost');
  if (checkpoint !== 'intact') lines.push(describeNewCheckpoint(checkpoint));
  lines.push(...missing.map(describeMissing), ...damaged.map(describeDamaged));
  lines.push(...lost.map(describeLost));
  for (const { batch, file } of breaks) {
    lines.push(`batch ${batch} in ${file} does not continue the one before; both are kept`);
  }
  lines.push(...describeMended(result));
  if (!result.nothingLost) {
    lines.push('a message whose acknowledgement, purge or deletion is lost comes back');
  }
  return `${lines.join('\n')}\n\nthe repaired log is ${describeVerdict(repaired)}`;
}

/** It alone says where the log ended. */
function describeNewCheckpoint(why: string): string {
  const unknown = 'nobody can tell whether batches or segments are missing at the end';
  return `the checkpoint is written anew: ${why}; ${unknown}`;
}

function describeMissing({ first, last, where }: MissingSegments): string {
  return `missing: ${first === last ? first : `${first} to ${last}`}${ASIDE[where]}`;
}

function describeDamaged({ file, offset, bytes, what }: DamagedBytes): string {
  return `damaged: ${file}, offset ${offset}, ${counted(bytes, 'byte')}: ${what}`;
}

function describeLost(lost: LostBatches): string {
  const batches = `batches ${lost.firstBatch} to ${lost.lastBatch}`;
  const positions = `positions ${lost.firstPosition} to ${lost.endPosition - 1}`;
  const ids = `messages produced there have IDs from ${lost.firstId} to ${lost.endId - 1}`;
  const what = `lost: ${batches}, ${positions}, up to ${new Date(lost.beforeMs).toISOString()}`;
  return `${what}${ASIDE[lost.where]}; ${ids}`;
}

type Told = Pick<RepairReport, 'mended' | 'batchesSetBack'>;

export function describeMended({ mended, batchesSetBack }: Told): string[] {
  const { released, redriven, moved, delivered, extensionsDropped, sessionsEnded } = mended;
  const figures: [number, string][] = [
    [released, `${counted(released, 'lease')} given back`],
    [redriven, `${counted(redriven, 'dead message')} redriven, as what follows tells`],
    [moved, `${counted(moved, 'message')} moved to another queue, as what follows tells`],
    [delivered, `${counted(delivered, 'delivery', 'deliveries')} written, as what follows tells`],
    [extensionsDropped, `${counted(extensionsDropped, 'extension')} left out of a lost delivery`],
    [sessionsEnded, `${counted(sessionsEnded, 'session')} ended, as answers may be lost`],
    [batchesSetBack, `${counted(batchesSetBack, 'batch', 'batches')} set back to the clock's time`],
  ];
  const lines = figures.filter(([count]) => count > 0).map(([, line]) => line);
  const { queuesDeleted, queuesNamed, deadQueuesCleared } = mended;
  if (queuesDeleted.length > 0) {
    lines.push(`deleted, as another queue has its name or number: ${queuesDeleted.join(', ')}`);
  }
  if (queuesNamed.length > 0) {
    lines.push(`queues whose name is lost: ${queuesNamed.join(', ')}`);
  }
  if (deadQueuesCleared.length > 0) {
    lines.push(`without their dead-letter queue, which led back: ${deadQueuesCleared.join(', ')}`);
  }
  return lines;
}
