/**
 * Makes the history of a seed that fails as small as it can: fewer steps until the faults end, and
 * as few kinds of faults and traffic as still show the failure. What is left out changes the chances
 * of all that is left, so that each attempt is made with some other luck as well.
 */

import { type Part, parts } from './conditions.ts';
import type { MakeLog } from './host.ts';
import { type Reduction, World, wholeHistory } from './world.ts';

export interface Shrunk {
  readonly reduction: Reduction;
  readonly error: Error;
  readonly runs: number;
  /** What is still in it. */
  readonly left: readonly Part[];
}

const allParts = Object.keys(parts) as readonly Part[];
const luckMax = 7;

export class Shrinker {
  private readonly seed: number;
  private readonly makeLog: MakeLog | undefined;
  private runs = 0;
  private best!: { reduction: Reduction; error: Error; steps: number };

  constructor(seed: number, makeLog?: MakeLog) {
    this.seed = seed;
    this.makeLog = makeLog;
  }

  /** Undefined: the seed does not fail. */
  async shrink(): Promise<Shrunk | undefined> {
    if (!(await this.fails(wholeHistory))) return undefined;
    // First with all the time that there is, in which other luck finds the failure more often.
    await this.leaveOut();
    await this.shorten();
    await this.leaveOut();
    await this.shorten();
    const { error, steps } = this.best;
    const reduction = { ...this.best.reduction, steps };
    const left = allParts.filter((part) => !reduction.without.includes(part));
    return { reduction, error, runs: this.runs, left };
  }

  /** Bisects: a history without its end fails, or is too short to. */
  private async shorten(): Promise<void> {
    let least = 0;
    while (least < this.best.steps - 1) {
      const steps = (least + this.best.steps) >>> 1;
      if (!(await this.failsWithLuck({ ...this.best.reduction, steps }))) least = steps;
    }
  }

  /** One part after the other, until none can go any more. */
  private async leaveOut(): Promise<void> {
    for (let before = -1; before !== this.best.reduction.without.length; ) {
      before = this.best.reduction.without.length;
      for (const part of allParts) await this.leaveOutPart(part);
    }
  }

  private async leaveOutPart(part: Part): Promise<void> {
    const { without, steps } = this.best.reduction;
    if (without.includes(part)) return;
    await this.failsWithLuck({ without: [...without, part], steps });
  }

  private async failsWithLuck(reduction: Omit<Reduction, 'luck'>): Promise<boolean> {
    for (let luck = 0; luck <= luckMax; luck += 1) {
      if (await this.fails({ ...reduction, luck })) return true;
    }
    return false;
  }

  /** Whether it fails in the same way; then it is the best one so far. */
  private async fails(reduction: Reduction): Promise<boolean> {
    const { makeLog } = this;
    const world = new World(this.seed, { reduction, ...(makeLog && { makeLog }) });
    this.runs += 1;
    try {
      await world.run();
      return false;
    } catch (error) {
      const known = this.best?.error as Error | undefined;
      if (known !== undefined && (error as Error).name !== known.name) return false;
      const steps = Math.min(reduction.steps, world.events);
      this.best = { reduction, error: error as Error, steps };
      return true;
    }
  }
}
