/** A crash in the middle of an operation of the disk, in a start or after it. */
import type { Random } from '../support/random.ts';
import { type HostCounts, servingCrashes, startCrashes } from './host-counts.ts';
import type { Operation } from './storage.ts';

export type Phase = 'start' | 'serving';

export class CrashPoint {
  readonly count: keyof HostCounts;
  readonly crash: () => void;
  private readonly phase: Phase;
  private readonly operation: Operation;
  /** So many of its kind pass. */
  private skipped: number;

  constructor(phase: Phase, random: Random, crash: () => void) {
    const points: Partial<Record<Operation, keyof HostCounts>> =
      phase === 'start' ? startCrashes : servingCrashes;
    const isSync = random.chance(0.4);
    // A start removes something only after certain ends of the life before.
    const operations = [...Object.keys(points), 'unlink'] as Operation[];
    this.operation = isSync ? 'sync' : random.pick(operations);
    this.count = points[this.operation]!;
    this.phase = phase;
    const skipped = phase === 'start' ? random.pick([0, 0, 0, 1, 2, 4]) : 0;
    this.skipped = this.operation === 'unlink' ? 0 : skipped;
    this.crash = crash;
  }

  /** Whether it is reached by an operation that begins. */
  isReached(operation: Operation, phase: Phase): boolean {
    if (operation !== this.operation || phase !== this.phase) return false;
    this.skipped -= 1;
    return this.skipped < 0;
  }
}
