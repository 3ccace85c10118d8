/**
 * Cuts the power under a broker again and again while workers use it. Runs inside `namespaces.ts`.
 */
import path from 'node:path';
import type { Child } from '../child.ts';
import { ageLock, type CutFileSystem } from './file-system.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';

/** Of history between a start and a cut. */
const workBytesMax = 200_000;

export const dataDirOn = (disk: CutFileSystem) => path.join(disk.path, 'data');

const ways = ['shutdown', 'copy'] as const;

/** A cut a round; then everything is settled. Returns how many there were of each kind. */
export async function cutOften(
  stage: Stage,
  disk: CutFileSystem,
  random: Random,
  rounds: Iterable<number>,
) {
  const counts = { shutdown: 0, copy: 0 };
  for (const round of rounds) {
    const broker = await stage.startBroker();
    if (round === 0) await stage.startWorkers();
    await stage.work(random.integer(round === 0 ? workBytesMax : 0, workBytesMax), broker);
    stage.goesDown();
    const way = random.pick(ways);
    await cutPower(stage, disk, broker, way);
    counts[way] += 1;
  }
  await stage.drain(await stage.startBroker());
  return counts;
}

/**
 * The processor stops before the disk does: while ext4 shuts down, an `fdatasync` on its way may
 * succeed without its data, which no power cut can tell anyone.
 */
async function cutPower(
  stage: Stage,
  disk: CutFileSystem,
  broker: Child,
  way: (typeof ways)[number],
): Promise<void> {
  broker.signal('SIGSTOP');
  await (way === 'shutdown' ? disk.shutDown() : disk.copyLive());
  await stage.kill(broker);
  await disk.powerOn();
  ageLock(dataDirOn(disk));
}
