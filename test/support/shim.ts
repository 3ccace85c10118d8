// Compiles a C file that is preloaded into a broker's process, where there is a compiler.

import { basename, join } from 'node:path';
import { run } from './processes.ts';

/** Returns the path of the shim, in `directory`; undefined where there is no gcc. */
export async function compileShim(source: string, directory: string): Promise<string | undefined> {
  const path = join(directory, `${basename(source, '.c')}.so`);
  try {
    const { code, stderr } = await run('gcc', ['-shared', '-fPIC', '-O1', '-o', path, source]);
    if (code !== 0) throw new Error(stderr);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return path;
}
