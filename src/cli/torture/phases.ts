/**
 * The two ways a broker is tortured, each with workers and histories of its own in a new folder,
 * and what came out of them together.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { settable } from '../../limits.ts';
import { withProcesses } from '../child.ts';
import { UsageError } from '../failure.ts';
import { nothing, type Verdict } from './checker.ts';
import { CutFileSystem } from './file-system.ts';
import { killOften } from './kills.ts';
import { cutOften, dataDirOn } from './power-cuts.ts';
import { seededRandom } from './random.ts';
import { Stage } from './stage.ts';

const workerCount = 2;

export interface Outcome {
  readonly kills: number;
  readonly powerCuts: number;
  readonly verdict: Verdict;
  /** What was wrong, a line each. */
  readonly violations: readonly string[];
}

/** Of several with nothing in common. */
export function outcomeOf(outcomes: readonly Outcome[]): Outcome {
  const sum = (of: (outcome: Outcome) => number) =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const verdict = { ...nothing };
  for (const name of Object.keys(nothing) as (keyof Verdict)[]) {
    verdict[name] = sum((outcome) => outcome.verdict[name]);
  }
  return {
    kills: sum(({ kills }) => kills),
    powerCuts: sum(({ powerCuts }) => powerCuts),
    verdict,
    violations: outcomes.flatMap(({ violations }) => violations),
  };
}

export async function tortureByKills(
  directory: string,
  seed: number,
  rounds: Iterable<number>,
): Promise<Outcome> {
  mkdirSync(directory);
  return await onStage(directory, path.join(directory, 'data'), seed, async (stage) => {
    const { atWork, atStart } = await killOften(stage, seededRandom(seed), rounds);
    return { kills: atWork + atStart, powerCuts: 0 };
  });
}

export async function tortureByPowerCuts(
  directory: string,
  seed: number,
  rounds: Iterable<number>,
): Promise<Outcome> {
  const mountPoint = path.join(directory, 'mounted');
  mkdirSync(mountPoint, { recursive: true });
  const disk = await CutFileSystem.make('ext4', directory, mountPoint).catch((error: Error) => {
    throw new UsageError(`no power can be cut here: ${error.message.trim()}`);
  });
  try {
    return await onStage(directory, dataDirOn(disk), seed, async (stage) => {
      const { shutdown, copy } = await cutOften(stage, disk, seededRandom(seed), rounds);
      return { kills: 0, powerCuts: shutdown + copy };
    });
  } finally {
    await disk.remove();
  }
}

/** The histories are kept in the directory. */
function onStage(
  directory: string,
  dataDir: string,
  seed: number,
  play: (stage: Stage) => Promise<Omit<Outcome, 'verdict' | 'violations'>>,
): Promise<Outcome> {
  return withProcesses(async (start) => {
    const historyDir = path.join(directory, 'histories');
    mkdirSync(historyDir);
    const broker = {
      parameters: [...process.execArgv, process.argv[1]!],
      // Small ones, so that some are compacted away meanwhile.
      segmentBytes: settable.segmentBytes[0],
    };
    const stage = new Stage({ start, dataDir, historyDir, seed, workerCount, broker });
    const counts = await play(stage);
    return { ...counts, ...(await stage.verdict()) };
  });
}
