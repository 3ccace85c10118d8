// A program for the namespaces of `namespaces.ts`: a broker on a file system that has less behind it
// than it says, so that the kernel takes the bytes and cannot write them back; then the next start,
// with enough behind it and no page cache left. Prints one JSON line.

import { join } from 'node:path';
import { ageLock } from '../../../src/cli/torture/file-system.ts';
import { withTemporary } from '../../support/temporary.ts';
import { holds, lifeWith } from './failing-run.ts';
import { addMemory, withMemoryDisk } from './memory-disk.ts';

/** Enough for the reserve and most of what is produced in a life. */
const memory = '21M';

await withTemporary((directory) =>
  withMemoryDisk(
    directory,
    'ext4',
    async (disk) => {
      const dataDir = join(disk.path, 'data');
      const life = await lifeWith(dataDir, {});
      await addMemory(directory);
      await disk.powerOn();
      ageLock(dataDir);
      const wrong = await holds(dataDir, life).then(
        () => null,
        (error: Error) => error.message,
      );
      const { confirmed, acked, ending, stderr } = life;
      const told = { confirmed: confirmed.length, acked: acked.length };
      console.log(JSON.stringify({ ...told, exitCode: ending.code, stderr, wrong }));
    },
    memory,
  ),
);
