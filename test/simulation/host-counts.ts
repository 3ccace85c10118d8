/** How often what happened to the machine on which the broker runs. */
import type { DiskFault } from './disk-faults.ts';

/** How often what happened; the names are printed. */
export interface HostCounts {
  starts: number;
  kills: number;
  powerCuts: number;
  killsInStart: number;
  powerCutsInStart: number;
  crashesInStop: number;
  cleanStops: number;
  powerCutsAfterStop: number;
  failedWrites: number;
  shortWrites: number;
  failedSyncs: number;
  failedReads: number;
  fullDisks: number;
  failuresInStart: number;
  failedEnds: number;
  fullDiskEnds: number;
  directoriesLost: number;
  fencedEnds: number;
  tornTailsCut: number;
  segmentsCompacted: number;
  bytesCompacted: number;
  fetchesFromDisk: number;
  wallJumps: number;
}

export function emptyHostCounts(): HostCounts {
  return {
    starts: 0,
    kills: 0,
    powerCuts: 0,
    killsInStart: 0,
    powerCutsInStart: 0,
    crashesInStop: 0,
    cleanStops: 0,
    powerCutsAfterStop: 0,
    failedWrites: 0,
    shortWrites: 0,
    failedSyncs: 0,
    failedReads: 0,
    fullDisks: 0,
    failuresInStart: 0,
    failedEnds: 0,
    fullDiskEnds: 0,
    directoriesLost: 0,
    fencedEnds: 0,
    tornTailsCut: 0,
    segmentsCompacted: 0,
    bytesCompacted: 0,
    fetchesFromDisk: 0,
    wallJumps: 0,
  };
}

/** Where each failure of the disk is counted. */
export const faultCounts = {
  write: 'failedWrites',
  short: 'shortWrites',
  sync: 'failedSyncs',
  read: 'failedReads',
} as const satisfies Record<DiskFault, keyof HostCounts>;
