/**
 * What goes wrong with the disk under a running broker, or one that starts: an operation fails, or
 * the file system takes only a part of what is written.
 */
import type { Random } from '../support/random.ts';
import { type Operation, type SimulatedStorage, systemError } from './storage.ts';

/** `short`: fewer bytes are taken than given, as on a full disk. */
export type DiskFault =
  | 'write'
  | 'short'
  | 'sync'
  | 'read'
  | 'open'
  | 'rename'
  | 'syncDir'
  | 'unlink'
  | 'list';

const operations: Readonly<Record<DiskFault, Operation>> = {
  write: 'append',
  short: 'append',
  sync: 'sync',
  read: 'read',
  open: 'open',
  rename: 'rename',
  syncDir: 'syncDir',
  unlink: 'unlink',
  list: 'list',
};

/** To draw from: what a failed sync leaves behind has the rarest consequences. */
export const diskFaults = [
  ...Object.keys(operations),
  ...Array(4).fill('sync'),
] as readonly DiskFault[];

/** Other files are written seldom, and a new segment fails like the checkpoint. */
const inSegments: ReadonlySet<DiskFault> = new Set(['write', 'short', 'sync']);

/** A broker goes on after these: the disk seems to be full, or a file stays. */
export const passingFaults: ReadonlySet<DiskFault> = new Set(['short', 'unlink']);

/** Fewer than the shortest batch has. */
const shortBytesMax = 50;

/** After `skipped` others, the next such operation fails; `struck` is called when it does. */
export function strikeOnce(
  storage: SimulatedStorage,
  fault: DiskFault,
  random: Random,
  skipped: number,
  struck: () => void,
): void {
  let left = skipped;
  storage.fault = (operation, name) => {
    if (operation !== operations[fault]) return undefined;
    if (inSegments.has(fault) && !name.endsWith('.wq')) return undefined;
    left -= 1;
    if (left >= 0) return undefined;
    storage.fault = () => undefined;
    struck();
    return fault === 'short' ? random.integer(0, shortBytesMax) : systemError('EIO', operation);
  };
}
