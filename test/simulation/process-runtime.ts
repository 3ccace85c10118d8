/** The clocks and timers of one life of the broker, which end with it and wait while it is paused. */
import type { Runtime } from '../../src/broker/runtime.ts';
import type { Pause } from './pause.ts';
import type { Scheduler } from './scheduler.ts';

export interface ProcessFacts {
  readonly isAlive: () => boolean;
  readonly wallMs: () => number;
}

export function processRuntime(
  scheduler: Scheduler,
  pause: Pause,
  { isAlive, wallMs }: ProcessFacts,
): Runtime {
  const after = (ms: number, act: () => void) => {
    let isOff = false;
    const run = () => {
      if (isAlive() && !isOff) act();
    };
    const takeBack = scheduler.after(ms, () => pause.run(run));
    return () => {
      isOff = true;
      takeBack();
    };
  };
  return {
    wallMs,
    monotonicMs: () => scheduler.nowMs,
    random48: () => Math.floor(scheduler.random.fraction() * 2 ** 32) * 2 ** 16,
    defer: (act) => {
      after(scheduler.random.fraction() * 0.1, act);
    },
    after,
  };
}
