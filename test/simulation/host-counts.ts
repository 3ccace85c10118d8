/** How often what happened to the machine on which the broker runs. */
import type { DiskFault } from './disk-faults.ts';
import type { Remains } from './inode.ts';
import type { Operation } from './storage.ts';

/** The names are printed. */
const names = [
  'starts',
  'kills',
  'powerCuts',
  'killsInStart',
  'powerCutsInStart',
  'crashesInStop',
  'cleanStops',
  'powerCutsAfterStop',
  'pauses',
  'failedWrites',
  'shortWrites',
  'failedSyncs',
  'failedReads',
  'failedOpens',
  'failedRenames',
  'failedDirSyncs',
  'failedUnlinks',
  'failedLists',
  'fullDisks',
  'failuresInStart',
  'failedEnds',
  'fullDiskEnds',
  'directoriesLost',
  'directoriesLostAsleep',
  'fencedEnds',
  'crashesInSync',
  'crashesInSyncDir',
  'crashesInUnlink',
  'crashesInRename',
  'startCrashesInOpen',
  'startCrashesInRead',
  'startCrashesInSync',
  'startCrashesInSyncDir',
  'startCrashesInUnlink',
  'startCrashesInRename',
  'cutsLeftNothing',
  'cutsLeftAll',
  'cutsLeftTorn',
  'cutsLeftSectors',
  'cutsLeftZeros',
  'falsePagesEvicted',
  'changedTails',
  'tornTailsCut',
  'rotRefused',
  'rotCut',
  'rotHarmless',
  'segmentsCompacted',
  'bytesCompacted',
  'fetchesFromDisk',
  'wallJumps',
] as const;

export type HostCounts = Record<(typeof names)[number], number>;

export function emptyHostCounts(): HostCounts {
  return Object.fromEntries(names.map((name) => [name, 0])) as HostCounts;
}

/** Where each failure of the disk is counted. */
export const faultCounts = {
  write: 'failedWrites',
  short: 'shortWrites',
  sync: 'failedSyncs',
  read: 'failedReads',
  open: 'failedOpens',
  rename: 'failedRenames',
  syncDir: 'failedDirSyncs',
  unlink: 'failedUnlinks',
  list: 'failedLists',
} as const satisfies Record<DiskFault, keyof HostCounts>;

/** Where each way in which a file came out of a power cut is counted. */
export const leftCounts = {
  nothing: 'cutsLeftNothing',
  all: 'cutsLeftAll',
  torn: 'cutsLeftTorn',
  sectors: 'cutsLeftSectors',
  zeros: 'cutsLeftZeros',
  evicted: 'falsePagesEvicted',
} as const satisfies Record<Remains | 'evicted', keyof HostCounts>;

/** Operations in the middle of which a broker that serves is struck, and where that is counted. */
export const servingCrashes = {
  sync: 'crashesInSync',
  syncDir: 'crashesInSyncDir',
  unlink: 'crashesInUnlink',
  rename: 'crashesInRename',
} as const satisfies Partial<Record<Operation, keyof HostCounts>>;

/** The same for one that starts. */
export const startCrashes = {
  open: 'startCrashesInOpen',
  read: 'startCrashesInRead',
  sync: 'startCrashesInSync',
  syncDir: 'startCrashesInSyncDir',
  unlink: 'startCrashesInUnlink',
  rename: 'startCrashesInRename',
} as const satisfies Partial<Record<Operation, keyof HostCounts>>;
