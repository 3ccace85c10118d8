/**
 * How far a command has read, as a bar on standard error where that is a terminal.
 */
import { SingleBar } from 'cli-progress';
import type { Snapshot } from '../../log/snapshot.ts';

const updateMs = 100;

/** Calls `read` and shows how far it is. */
export async function withProgress<T>(snapshot: Snapshot, read: () => Promise<T>): Promise<T> {
  const bar = new SingleBar({ format: '{bar} {percentage} % of {total} bytes', barsize: 30 });
  bar.start(snapshot.segmentBytes, 0);
  const timer = setInterval(() => bar.update(snapshot.bytesRead), updateMs);
  try {
    return await read();
  } finally {
    clearInterval(timer);
    bar.stop();
  }
}
