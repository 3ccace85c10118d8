/**
 * What goes wrong with the disk under a running broker: an operation on a segment fails, or the
 * file system takes only a part of what is written.
 */
import type { Random } from '../support/random.ts';
import { type Operation, type SimulatedStorage, systemError } from './storage.ts';

/** `short`: fewer bytes are taken than given, as on a full disk. */
export type DiskFault = 'write' | 'short' | 'sync' | 'read';

export const diskFaults: readonly DiskFault[] = ['write', 'short', 'sync', 'read'];

const operations: Readonly<Record<DiskFault, Operation>> = {
  write: 'append',
  short: 'append',
  sync: 'sync',
  read: 'read',
};

/** Fewer than the shortest batch has. */
const shortBytesMax = 50;

/** The next such operation on a segment fails; `struck` is called when it does. */
export function strikeOnce(
  storage: SimulatedStorage,
  fault: DiskFault,
  random: Random,
  struck: () => void,
): void {
  storage.fault = (operation, name) => {
    if (operation !== operations[fault] || !name.endsWith('.wq')) return undefined;
    storage.fault = () => undefined;
    struck();
    return fault === 'short' ? random.integer(0, shortBytesMax) : systemError('EIO', operation);
  };
}
