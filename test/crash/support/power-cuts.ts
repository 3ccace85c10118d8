// Cuts the power under a broker again and again while workers use it, and judges what is there
// afterwards. Runs inside the namespaces of `namespaces.ts`.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CutFileSystem, FileSystemName } from '../../../src/cli/torture/file-system.ts';
import { cutOften, dataDirOn } from '../../../src/cli/torture/power-cuts.ts';
import { quantile, Stage } from '../../../src/cli/torture/stage.ts';
import { type Start, withProcesses } from '../../support/processes.ts';
import { seededRandom } from '../../support/random.ts';
import { withTemporary } from '../../support/temporary.ts';
import { brokerStart } from './broker-start.ts';
import { withMemoryDisk } from './memory-disk.ts';

const workerCount = 2;

export interface PowerCutOptions {
  readonly cuts: number;
  readonly name: FileSystemName;
  readonly seed: number;
  /** Where the broker's sources are; default: here. */
  readonly sourceDir?: string | undefined;
}

async function cutAndJudge(
  directory: string,
  disk: CutFileSystem,
  start: Start,
  options: PowerCutOptions,
) {
  const { cuts, name, seed, sourceDir } = options;
  const sinceMs = performance.now();
  const historyDir = join(directory, 'histories');
  mkdirSync(historyDir);
  const dataDir = dataDirOn(disk);
  const broker = brokerStart(sourceDir);
  const stage = new Stage({ start, dataDir, historyDir, seed, workerCount, broker });
  const counts = await cutOften(stage, disk, seededRandom(seed), Array(cuts).keys());
  const { verdict, violations } = await stage.verdict();
  const report = {
    test: 'power cuts',
    seed,
    fileSystem: name,
    cuts,
    ...verdict,
    ...counts,
    segmentsRemoved: stage.segmentsRemoved,
    startMsP50: quantile(stage.startsMs, 0.5),
    startMsP99: quantile(stage.startsMs, 0.99),
    seconds: Math.round((performance.now() - sinceMs) / 1000),
  };
  return { report, verdict, violations };
}

/** What the cuts did and found, and what was wrong in words. */
export function runPowerCuts(options: PowerCutOptions) {
  return withTemporary((directory) =>
    withMemoryDisk(directory, options.name, (disk) =>
      withProcesses((start) => cutAndJudge(directory, disk, start, options)),
    ),
  );
}
