// A process that locks a directory: `node --import tsx directory-lock-holder.ts DIRECTORY [wait]`.
// With `wait` it says `ready` and starts at SIGUSR2. It prints `locked` and stays, or `refused:
// WHY` and exits with 75. SIGTERM is handled here, as a broker does: it releases and exits with 0.

import { DirectoryLockedError } from '../../../src/errors.ts';
import { DirectoryLock } from '../../../src/log/directory-lock.ts';

const [directory = '', how] = process.argv.slice(2);

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

setInterval(() => {}, 60_000);
if (how === 'wait') {
  process.once('SIGUSR2', lock);
  console.log('ready');
} else {
  await lock();
}
