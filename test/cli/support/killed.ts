// Preloaded into a process that makes a log: it kills itself right before call number KILLED_AT of
// those that change what is on the disk, once a directory for it is there.

import fs from 'node:fs';

let left = Number(process.env.KILLED_AT);

function countDown(): void {
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

function count(calls: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) {
    const call = calls[name] as (...parameters: unknown[]) => unknown;
    calls[name] = (...parameters: unknown[]) => {
      countDown();
      return call.apply(calls, parameters);
    };
  }
}

const synchronous = ['writeSync', 'writevSync', 'fsyncSync', 'renameSync'];
count(fs as never, [...synchronous, 'fdatasync', 'fsync']);
count(fs.promises as never, ['rename']);
