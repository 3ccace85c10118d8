// Which sources a run is of: a seed shows the same history only with the same ones.

import { spawnSync } from 'node:child_process';

/**
 * The short hash of the commit, with `-dirty` where files differ from it. `unknown` where there is
 * no git or no repository, as in an unpacked archive: the run is worth as much, it is only harder
 * to find again.
 */
export function commitOfSources(directory = import.meta.dirname): string {
  const words = ['describe', '--always', '--dirty', '--exclude', '*'];
  const { status, stdout } = spawnSync('git', words, { cwd: directory, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : 'unknown';
}
