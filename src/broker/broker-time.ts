/**
 * Broker time in milliseconds: starts at the later of the wall clock and the last logged time, goes
 * on with the monotonic clock, and is drawn towards the wall clock by at most 1 ms a second. It
 * never goes back, so that a jump of the wall clock neither ends a lease nor lengthens one.
 */
import { limits } from '../limits.ts';
import type { Runtime } from './runtime.ts';

const slewPerMs = 0.001;

/** The log was written by a clock far ahead of ours: the start is refused (exit 65). */
export class ClockError extends Error {
  override readonly name = 'ClockError';
}

export class BrokerTime {
  private readonly runtime: Runtime;
  private currentMs: number;
  private lastMonotonicMs: number;

  constructor(runtime: Runtime, lastLoggedMs: number) {
    const wallMs = runtime.wallMs();
    if (lastLoggedMs > wallMs + limits.clockAheadMsMax) {
      throw new ClockError(
        `the log was last written at ${isoOf(lastLoggedMs)}, ` +
          `but the clock says ${isoOf(wallMs)}: set the clock`,
      );
    }
    this.runtime = runtime;
    this.currentMs = Math.max(wallMs, lastLoggedMs);
    this.lastMonotonicMs = runtime.monotonicMs();
  }

  now(): number {
    const monotonicMs = this.runtime.monotonicMs();
    const elapsedMs = Math.max(0, monotonicMs - this.lastMonotonicMs);
    const plainMs = this.currentMs + elapsedMs;
    const gapMs = this.runtime.wallMs() - plainMs;
    const slewMs = Math.max(-slewPerMs * elapsedMs, Math.min(slewPerMs * elapsedMs, gapMs));
    this.currentMs = plainMs + slewMs;
    this.lastMonotonicMs = monotonicMs;
    return Math.floor(this.currentMs);
  }

  /** How far the wall clock is ahead of broker time. */
  gapMs(): number {
    return Math.round(this.runtime.wallMs() - this.currentMs);
  }
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
