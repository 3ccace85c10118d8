/**
 * Seed after seed, until there were enough of them or the time is over, with the counts of all
 * added up.
 */
import { commitOfSources } from '../support/commit.ts';
import type { MakeLog } from './host.ts';
import { type Counts, type Reduction, World } from './world.ts';

export interface SeedsOptions {
  readonly first: number;
  readonly seeds: number;
  readonly seconds: number;
  /** It goes on for so long until everything that is counted has happened. */
  readonly secondsMax?: number;
  readonly print?: boolean;
  readonly makeLog?: MakeLog;
  readonly reduction?: Reduction;
  /** Stops at the first failure. */
  readonly isStrict?: boolean;
}

export interface Summary {
  readonly commit: string;
  readonly first: number;
  seeds: number;
  events: number;
  virtualSeconds: number;
  seconds: number;
  failures: { seed: number; error: unknown }[];
  counts: Partial<Counts>;
}

export async function runSeeds(options: SeedsOptions): Promise<Summary> {
  const { first, seconds, secondsMax = seconds, print = false, makeLog, reduction } = options;
  const beganMs = performance.now();
  const elapsed = () => (performance.now() - beganMs) / 1000;
  const sums = new Map<string, number>();
  const failures: Summary['failures'] = [];
  let seeds = 0;
  let events = 0;
  let virtualMs = 0;
  const isOver = () =>
    elapsed() >= seconds &&
    (elapsed() >= secondsMax || [...sums.values()].every((count) => count > 0));
  for (; seeds < options.seeds && !isOver(); seeds += 1) {
    const world = new World(first + seeds, {
      print,
      ...(makeLog && { makeLog }),
      ...(reduction && { reduction }),
    });
    try {
      const counts = await world.run();
      for (const [name, count] of Object.entries(counts)) {
        sums.set(name, (sums.get(name) ?? 0) + count);
      }
    } catch (error) {
      failures.push({ seed: first + seeds, error });
      if (options.isStrict) break;
    }
    events += world.events;
    virtualMs += world.nowMs;
  }
  return {
    commit: commitOfSources(),
    first,
    seeds,
    events,
    virtualSeconds: Math.round(virtualMs / 1000),
    seconds: Math.round(elapsed() * 10) / 10,
    failures,
    counts: Object.fromEntries(sums),
  };
}
