/**
 * A file system in a file, mounted through a loop device, whose power can be cut. It lives in
 * namespaces of its own (`namespaces.ts`).
 */
import { existsSync, readFileSync, utimesSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from '../child.ts';
import { eventually } from '../eventually.ts';
import { namespaceFlags } from './namespaces.ts';

export const fileSystems = ['ext4', 'xfs'] as const;
export type FileSystemName = (typeof fileSystems)[number];

/** The least that mkfs.xfs takes is 300 MB. */
const imageBytes = { ext4: '96M', xfs: '320M' } as const;
const makers = {
  ext4: ['mkfs.ext4', '-q', '-F'],
  xfs: ['mkfs.xfs', '-q', '-f'],
} as const;

/** Runs a command that must end well, and returns what it printed. */
export async function must(command: string, ...parameters: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command, parameters);
  if (code !== 0) throw new Error(`${command} ${parameters.join(' ')}: ${code}, ${stderr}`);
  return stdout;
}

async function makeImage(image: string, name: FileSystemName): Promise<void> {
  await must('truncate', '-s', imageBytes[name], image);
  const [maker, ...flags] = makers[name];
  await must(maker, ...flags, image);
}

/** Why none can be mounted here, or used with some programs; or undefined. */
export async function whyNot(
  name: FileSystemName,
  programs: readonly string[] = [],
): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'this is not root';
  for (const program of [makers[name][0], 'unshare', 'losetup', ...programs]) {
    const { code } = await run('sh', ['-c', `command -v ${program}`]);
    if (code !== 0) return `there is no ${program}`;
  }
  // In a container root may not be allowed to.
  const directory = await mkdtemp(path.join(tmpdir(), 'wonderq-mount-'));
  try {
    const image = path.join(directory, 'image');
    await makeImage(image, name);
    const mount = ['mount', '-o', 'loop', image, directory];
    const { code, stderr } = await run('unshare', [...namespaceFlags, ...mount]);
    return code === 0 ? undefined : `nothing can be mounted: ${stderr.trim()}`;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What a cut of the power is made with. */
export const cutPrograms = ['xfs_io'];

/** A machine takes longer to come back than the lock of one that is gone takes to get stale. */
export function ageLock(dataDir: string): void {
  const longAgo = new Date(Date.now() - 60_000);
  const lock = path.join(dataDir, 'log/lock');
  if (existsSync(lock)) utimesSync(lock, longAgo, longAgo);
}

export class CutFileSystem {
  readonly #name: FileSystemName;
  readonly #image: string;
  readonly #copy: string;
  /** Where it is mounted. */
  readonly path: string;

  private constructor(name: FileSystemName, imageDir: string, mountPoint: string) {
    this.#name = name;
    this.#image = path.join(imageDir, 'image');
    this.#copy = path.join(imageDir, 'copy');
    this.path = mountPoint;
  }

  /** Makes one whose image is in a directory, and mounts it on an empty one. */
  static async make(
    name: FileSystemName,
    imageDir: string,
    mountPoint: string,
  ): Promise<CutFileSystem> {
    const made = new CutFileSystem(name, imageDir, mountPoint);
    await makeImage(made.#image, name);
    await made.#mount();
    return made;
  }

  /** From here on nothing reaches the disk any more, not even the journal in memory. */
  async shutDown(): Promise<void> {
    await must('xfs_io', '-x', '-c', 'shutdown', this.path);
  }

  /**
   * Takes the image as it is now for what the disk has. Nobody may use the file system meanwhile;
   * what the kernel writes during the copy would make it a state that no disk ever had, so it is
   * copied until nothing was written.
   */
  async copyLive(): Promise<void> {
    const device = (await must('losetup', '-n', '-O', 'NAME', '-j', this.#image)).trim();
    const writes = () => readFileSync(`/sys/block/${device.slice(5)}/stat`, 'utf8').split(/\s+/)[7];
    const isStill = async () => {
      const before = writes();
      await must('cp', '--sparse=always', this.#image, this.#copy);
      return writes() === before;
    };
    await eventually('a copy of a disk at rest', isStill, { deadlineMs: 30_000 });
    await this.shutDown();
  }

  /** The machine comes back: the file system is mounted anew and replays its journal. */
  async powerOn(): Promise<void> {
    await must('umount', this.path);
    await rename(this.#copy, this.#image).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error; // It was cut by a shutdown, without a copy.
    });
    await this.#mount();
  }

  /** Also in the middle of everything: then who still uses it is about to be ended. */
  async remove(): Promise<void> {
    await must('umount', '--lazy', this.path);
  }

  async #mount(): Promise<void> {
    await must('mount', '-t', this.#name, '-o', 'loop', this.#image, this.path);
  }
}
