/**
 * What the broker needs of the world besides the log: clocks, chance, a timer and a place in the
 * event loop. The process gives the real ones, the simulation its own.
 */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';

export interface Runtime {
  wallMs(): number;
  /** Never goes back. */
  monotonicMs(): number;
  /** A whole number of 48 random bits. */
  random48(): number;
  /** Runs `act` once all that is ready now has been read: at the end of this turn of the loop. */
  defer(act: () => void): void;
  /** Runs `act` after so many milliseconds. Returns what takes it back. */
  after(ms: number, act: () => void): () => void;
}

export const processRuntime: Runtime = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  random48: () => randomBytes(6).readUIntBE(0, 6),
  defer: (act) => {
    setImmediate(act);
  },
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};
