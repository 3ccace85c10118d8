/** A log in memory that is repaired, and what a start would make of the result. */
import * as assert from 'uvu/assert';
import { readLogState } from '../../../src/broker/log-state.ts';
import { Repair, type RepairReport } from '../../../src/broker/repair.ts';
import { processRuntime } from '../../../src/broker/runtime.ts';
import { Snapshot } from '../../../src/log/snapshot.ts';
import { checkInvariants } from '../../../src/queue/invariants.ts';
import type { State } from '../../../src/queue/state.ts';
import { blocks, type Files, segmentNames, without } from '../../log/support/damage.ts';
import { sizes } from '../../log/support/small-log.ts';
import { viewOf } from '../../queue/support/replayed.ts';
import { SimulatedStorage } from '../../simulation/storage.ts';

export function storageWith(files: Files): SimulatedStorage {
  const storage = new SimulatedStorage({ random: () => 0.5, schedule: (run) => run() });
  return storage.load(files);
}

export interface Repaired {
  readonly report: RepairReport;
  readonly state: State;
}

/** Repairs them; on return a start would take the result. */
export async function repaired(files: Files): Promise<Repaired> {
  const source = await Snapshot.take(storageWith(files));
  const target = storageWith(new Map());
  const report = await new Repair(source, target, { sizes }).run();
  const { state, findings } = await stateOf(target.files());
  assert.ok(findings.checkpoint!.isClean);
  checkInvariants(state);
  return { report, state };
}

export async function stateOf(files: Files, watch?: Parameters<typeof readLogState>[2]) {
  return await readLogState(await Snapshot.take(storageWith(files)), processRuntime, watch, sizes);
}

export interface FoundBatch {
  readonly batch: number;
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

export function batchesOf(files: Files): FoundBatch[] {
  return segmentNames(files).flatMap((file) => {
    const all = blocks(files.get(file)!);
    return all
      .filter(({ isFirst }) => isFirst)
      .map(({ batch, offset: start }) => {
        const { end } = all.findLast((block) => block.batch === batch)!;
        return { batch, file, start, end };
      });
  });
}

/** Without some batches, as if nothing had been there. */
export function withoutBatches(files: Files, gone: readonly FoundBatch[]): Files {
  const result = new Map(files);
  for (const { file, start, end } of gone.toSorted((a, b) => b.start - a.start)) {
    result.set(file, without(result.get(file)!, start, end));
  }
  return result;
}

/** Everything but where it stands. */
export function contentOf(state: State): string {
  const leaveOut = (key: string, value: unknown) => (key === 'position' ? undefined : value);
  return JSON.stringify(viewOf(state), leaveOut);
}
