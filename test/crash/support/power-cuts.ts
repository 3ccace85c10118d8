// Cuts the power under a broker again and again while workers use it, and judges what is there
// afterwards. Runs inside the namespaces of `file-system.ts`.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Start, type TestProcess, withProcesses } from '../../support/processes.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import { withTemporary } from '../../support/temporary.ts';
import { ageLock, CutFileSystem, type FileSystemName } from './file-system.ts';
import { quantile, Stage } from './stage.ts';

const workerCount = 2;
/** Of history between a start and a cut. */
const workBytesMax = 200_000;

export interface PowerCutOptions {
  readonly cuts: number;
  readonly name: FileSystemName;
  readonly seed: number;
  /** Where the broker's sources are; default: here. */
  readonly sourceDir?: string | undefined;
}

const dataDirOn = (disk: CutFileSystem) => join(disk.path, 'data');

type Cut = 'shutdown' | 'copy';

/**
 * Returns how it was cut. The processor stops before the disk does: while ext4 shuts down, an
 * `fdatasync` on its way may succeed without its data, which no power cut can tell anyone.
 */
async function cutPower(disk: CutFileSystem, broker: TestProcess, random: Random): Promise<Cut> {
  const cut = random.pick(['shutdown', 'copy'] as const);
  broker.signal('SIGSTOP');
  await (cut === 'shutdown' ? disk.shutDown() : disk.copyLive());
  await broker.end('SIGKILL');
  await disk.powerOn();
  ageLock(dataDirOn(disk));
  return cut;
}

async function cutOften(stage: Stage, disk: CutFileSystem, cuts: number, random: Random) {
  const counts = { shutdown: 0, copy: 0 };
  for (let count = 0; count < cuts; count += 1) {
    const broker = await stage.startBroker();
    if (count === 0) stage.startWorkers();
    await stage.work(random.integer(count === 0 ? workBytesMax : 0, workBytesMax), broker);
    stage.goesDown();
    counts[await cutPower(disk, broker, random)] += 1;
  }
  await stage.drain(await stage.startBroker());
  return counts;
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
  const source = sourceDir === undefined ? {} : { sourceDir };
  const dataDir = dataDirOn(disk);
  const stage = new Stage({ start, dataDir, historyDir, seed, workerCount, ...source });
  const counts = await cutOften(stage, disk, cuts, seededRandom(seed));
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
  return withTemporary(async (directory) => {
    const disk = await CutFileSystem.make(directory, options.name);
    try {
      return await withProcesses((start) => cutAndJudge(directory, disk, start, options));
    } finally {
      await disk.remove();
    }
  });
}
