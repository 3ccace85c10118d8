/**
 * What is refused before anything of it is executed, and when nothing is executed at all. What was
 * executed is written, or the log has ended.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Log } from '../log/log.ts';
import type { Gate } from './gate.ts';

export const retryAfterMs = 1000;

/** Why what is asked now is refused, and why connections end. */
export function draining(): WonderqError {
  return new WonderqError('DRAINING', undefined, { retryAfterMs });
}

function diskFull(): WonderqError {
  return new WonderqError('DISK_FULL', undefined, { retryAfterMs });
}

export class Admission {
  private readonly log: Log;
  private readonly gate: Gate;
  /** What is left of the log's reserve: below 2 the disk is full. */
  reserveHalves: 0 | 1 | 2 = 2;
  isDraining = false;

  constructor(log: Log, gate: Gate) {
    this.log = log;
    this.gate = gate;
  }

  /** Refuses what needs space on the disk. */
  refuseWhatNeedsSpace(): void {
    this.refuseWhatChanges();
    if (this.reserveHalves < 2) throw diskFull();
  }

  /** Refuses what is delivered later, while nothing is. */
  refuseDeliveries(): void {
    if (this.isDraining) throw draining();
    if (this.reserveHalves === 0) throw diskFull();
  }

  /** Refuses what changes anything. */
  refuseWhatChanges(): void {
    if (this.isDraining) throw draining();
    if (this.log.stalled) throw new WonderqError('UNAVAILABLE', undefined, { retryAfterMs });
  }

  get mayDeliver(): boolean {
    return this.reserveHalves > 0 && !this.isDraining;
  }

  /** Too much is on its way to the disk or to slow readers: nothing new is read or executed. */
  get isOverloaded(): boolean {
    const unsynced = this.log.appended - this.log.synced;
    const unsyncedMax = limits.unsyncedBytesMax - this.log.batchBytesMax;
    return unsynced > unsyncedMax || this.gate.heldBytes > limits.heldBytesMax;
  }
}
