// A small project in an empty directory, with a copy of this runner in it, for the tests of the
// runner and of the planted bugs.

import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const test = join(import.meta.dirname, '..');

/** Copies the runner and the named files of `test/` into the directory `path`. */
export async function plantRunner(path: string, entries: readonly string[]): Promise<void> {
  await mkdir(join(path, 'test'));
  await writeFile(join(path, 'package.json'), '{ "type": "module" }');
  await symlink(join(test, '../node_modules'), join(path, 'node_modules'));
  for (const entry of ['runner', ...entries]) {
    await cp(join(test, entry), join(path, 'test', entry), { recursive: true });
  }
}
