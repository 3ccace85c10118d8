/**
 * The disk's own time for what a confirmation waits for: a small write at the end of a file and its
 * `fdatasync`. The figure that those of a broker are read beside.
 */
import { closeSync, fdatasyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Times } from './times.ts';

const writeBytes = 4096;

/** Writes and syncs for `durationMs` in a file of its own in the directory. */
export function measureDiskSync(directory: string, durationMs: number): Times {
  const file = path.join(directory, `fdatasync-${process.pid}`);
  const handle = openSync(file, 'wx');
  try {
    return writeAndSync(handle, durationMs);
  } finally {
    closeSync(handle);
    unlinkSync(file);
  }
}

function writeAndSync(handle: number, durationMs: number): Times {
  const times = new Times();
  const bytes = Buffer.alloc(writeBytes, 1);
  const endMs = performance.now() + durationMs;
  for (let written = 0; performance.now() < endMs; written += writeBytes) {
    const startMs = performance.now();
    writeSync(handle, bytes, 0, writeBytes, written);
    fdatasyncSync(handle);
    times.add(performance.now() - startMs);
  }
  return times;
}
