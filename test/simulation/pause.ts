/**
 * A process that is stopped for a while and goes on (SIGSTOP, a suspended virtual machine): what is
 * to run in it runs once it is awake, in the order in which it became due. All other clocks go on.
 */
import type { Scheduler } from './scheduler.ts';

/** Keeps the order of what became due meanwhile. */
const orderFactor = 1e-6;

export class Pause {
  untilMs = 0;
  private fromMs = 0;
  private readonly scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  begin(ms: number): void {
    this.fromMs = this.scheduler.nowMs;
    this.untilMs = this.fromMs + ms;
  }

  /** The process is gone. */
  end(): void {
    this.untilMs = 0;
  }

  get leftMs(): number {
    return Math.max(0, this.untilMs - this.scheduler.nowMs);
  }

  /** At once, or when the process is awake. */
  run(act: () => void): void {
    const { leftMs, scheduler } = this;
    if (leftMs === 0) act();
    else {
      const dueMs = (scheduler.nowMs - this.fromMs) * orderFactor;
      scheduler.after(leftMs + dueMs, () => this.run(act));
    }
  }
}
