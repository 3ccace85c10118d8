// A process that locks a directory: `node --import tsx directory-lock-holder.ts DIRECTORY [HOW]`.
// With `wait` it says `ready` and starts at SIGUSR2. It prints `locked` and stays, or `refused:
// WHY` and exits with 75. SIGTERM is handled here, as a broker does: it releases and exits with 0.
// With `killed STEPS` it is killed after so many changes of the file system, or exits with 0.

import fs from 'node:fs';
import { DirectoryLockedError } from '../../../src/errors.ts';
import { DirectoryLock } from '../../../src/log/directory-lock.ts';

const [directory = '', how, steps] = process.argv.slice(2);

async function lock(): Promise<void> {
  try {
    const lock = await DirectoryLock.acquire(directory);
    process.once('SIGTERM', async () => {
      await lock.release();
      console.log('released');
      process.exit(0);
    });
    console.log('locked');
  } catch (error) {
    if (!(error instanceof DirectoryLockedError)) throw error;
    console.log(`refused: ${error.message}`);
    process.exit(75);
  }
}

/** Each change of the file system, when it is made, is one step. */
function killAfter(steps: number): void {
  let left = steps;
  const killAtLast = () => {
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    left -= 1;
  };
  killAtLast();
  for (const name of ['linkSync', 'rmSync', 'writeFileSync'] as const) {
    const call = fs[name] as (...parameters: unknown[]) => unknown;
    Object.assign(fs, {
      [name]: (...parameters: unknown[]) => {
        const result = call(...parameters);
        killAtLast();
        return result;
      },
    });
  }
  for (const name of ['mkdir', 'utimes'] as const) {
    const call = fs[name] as (...parameters: unknown[]) => void;
    Object.assign(fs, {
      [name]: (...parameters: unknown[]) => {
        const done = parameters.pop() as (...results: unknown[]) => void;
        call(...parameters, (...results: unknown[]) => {
          killAtLast();
          done(...results);
        });
      },
    });
  }
}

setInterval(() => {}, 60_000);
if (how === 'wait') {
  process.once('SIGUSR2', lock);
  console.log('ready');
} else if (how === 'killed') {
  killAfter(Number(steps));
  await lock();
  process.exit(0);
} else {
  await lock();
}
