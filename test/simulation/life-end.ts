/** How a life of the broker may end by itself, after what was done to its machine. */
import type { BrokerEnd } from '../../src/broker/broker.ts';
import type { HostCounts } from './host-counts.ts';

type Failure = Exclude<BrokerEnd, { how: 'stopped' }>;

/** Where an end is counted; undefined: it is of no fault, but of damage or a defect. */
export function countOf({ how, error }: Failure): keyof HostCounts | undefined {
  if (how === 'fenced') return 'fencedEnds';
  if (error.name === 'NoSpaceError' || error.message.includes('ENOSPC')) return 'fullDiskEnds';
  if (error.message.includes('simulated')) return 'failedEnds';
  // The page cache let go of what a failed sync left in it.
  return error.name === 'UnsteadyFileError' ? 'changedTails' : undefined;
}
