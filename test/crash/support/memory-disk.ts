// A file system whose image is in memory, and which may have less behind it than it says.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CutFileSystem, type FileSystemName, must } from '../../../src/cli/torture/file-system.ts';

const memoryIn = (directory: string) => join(directory, 'memory');

/** Mounted under an empty directory; `size`: as much memory is behind it, if not enough. */
export async function withMemoryDisk<T>(
  directory: string,
  name: FileSystemName,
  use: (disk: CutFileSystem) => Promise<T>,
  size = '100%',
): Promise<T> {
  const memory = memoryIn(directory);
  const mountPoint = join(directory, 'mounted');
  await mkdir(memory);
  await mkdir(mountPoint);
  await must('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', memory);
  try {
    const disk = await CutFileSystem.make(name, memory, mountPoint);
    try {
      return await use(disk);
    } finally {
      await disk.remove();
    }
  } finally {
    await must('umount', '--lazy', memory);
  }
}

/** From here on the image has room for all that it says it has. */
export async function addMemory(directory: string): Promise<void> {
  await must('mount', '-o', 'remount,size=100%', memoryIn(directory));
}
