/**
 * What is missing between the batches that were salvaged: exactly which batches and addresses, and
 * between which times and message IDs, since each batch says them.
 */
import type { Run, Salvaged, Where } from './salvage.ts';

/** Batches of which nothing is there. */
export interface LostBatches {
  readonly firstBatch: number;
  readonly lastBatch: number;
  readonly firstPosition: number;
  /** One past the last byte. */
  readonly endPosition: number;
  /** Broker time of the batch before and of the one after. */
  readonly afterMs: number;
  readonly beforeMs: number;
  /** Messages produced meanwhile have IDs from the first one to before the end. */
  readonly firstId: number;
  readonly endId: number;
  readonly where: Where;
}

/** Batches that are there and do not continue the one before. */
export interface BrokenChain {
  readonly batch: number;
  readonly file: string;
}

export interface Losses {
  /** What is kept: batches beyond `after` of each run, in order. */
  readonly kept: readonly { readonly run: Run; readonly after: number }[];
  readonly lost: readonly LostBatches[];
  readonly breaks: readonly BrokenChain[];
}

/** Where the log is, after the last batch that is kept. */
interface End {
  batch: number;
  address: number;
  timeMs: number;
  nextId: number;
  crc: number;
}

export function lossesOf({ runs, checkpoint, oldest }: Salvaged): Losses {
  const kept: Losses['kept'][number][] = [];
  const lost: LostBatches[] = [];
  const breaks: BrokenChain[] = [];
  let end: End = {
    batch: (oldest?.batch ?? 1) - 1,
    address: oldest?.address ?? 0,
    timeMs: 0,
    nextId: 1,
    crc: oldest?.previousCrc ?? 0,
  };
  for (const run of runs) {
    if (run.chain.batch <= end.batch) continue;
    if (run.firstBatch > end.batch + 1) lost.push(lostBefore(run, end, kept.length === 0));
    else if (!continues(run, end)) breaks.push({ batch: end.batch + 1, file: run.file });
    kept.push({ run, after: end.batch });
    end = run.chain;
  }
  if (checkpoint !== undefined && checkpoint.batch > end.batch) {
    lost.push({
      firstBatch: end.batch + 1,
      lastBatch: checkpoint.batch,
      firstPosition: end.address,
      endPosition: checkpoint.position,
      afterMs: end.timeMs,
      beforeMs: checkpoint.timeMs,
      firstId: end.nextId,
      endId: checkpoint.nextId,
      where: 'end',
    });
  }
  return { kept, lost, breaks };
}

function lostBefore(run: Run, end: End, isFirst: boolean): LostBatches {
  return {
    firstBatch: end.batch + 1,
    lastBatch: run.firstBatch - 1,
    firstPosition: end.address,
    endPosition: run.firstAddress,
    afterMs: end.timeMs,
    beforeMs: run.firstTimeMs,
    firstId: end.nextId,
    endId: run.firstNextId,
    where: isFirst ? 'beginning' : 'middle',
  };
}

/** A run that overlaps what is kept has no beginning to compare. */
function continues(run: Run, end: End): boolean {
  if (run.firstBatch <= end.batch) return false;
  return run.firstAddress === end.address && run.previousCrc === end.crc;
}
