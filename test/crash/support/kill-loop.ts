// Kills a broker again and again while workers use it: at random moments of its work, at random
// moments of its start, and right before, within or after a call on the files of its log.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Kills, workBytesMax } from '../../../src/cli/torture/kills.ts';
import { quantile, Stage } from '../../../src/cli/torture/stage.ts';
import { withProcesses } from '../../support/processes.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import { withTemporary } from '../../support/temporary.ts';
import { brokerStart } from './broker-start.ts';
import { compileLogKill, drawMoment, type KillCall, killEnvironment } from './log-kill.ts';

const workerCount = 2;

export interface KillLoopOptions {
  readonly cycles: number;
  readonly seed: number;
}

class KillLoop {
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #dataDir: string;
  readonly #shim: string | undefined;
  readonly kills: Kills;
  /** Kills by the shim, by the call; `missed`: the call did not come in time. */
  readonly targeted: Record<KillCall | 'missed' | 'atStart', number> = {
    write: 0,
    fdatasync: 0,
    rename: 0,
    unlink: 0,
    fsyncdir: 0,
    atStart: 0,
    missed: 0,
  };

  constructor(stage: Stage, random: Random, dataDir: string, shim: string | undefined) {
    this.#stage = stage;
    this.#random = random;
    this.#dataDir = dataDir;
    this.#shim = shim;
    this.kills = new Kills(stage, random);
  }

  async run(cycles: number): Promise<void> {
    await this.kills.first();
    for (let cycle = 1; cycle < cycles; cycle += 1) await this.#cycle();
    await this.#stage.drain(await this.#stage.startBroker());
  }

  async #cycle(): Promise<void> {
    const chance = this.#random.fraction();
    if (chance < 0.35) await this.kills.atWork();
    else if (chance < 0.5 || this.#shim === undefined) await this.kills.atStart();
    else await this.#killAtCall(this.#shim);
  }

  async #killAtCall(shim: string): Promise<void> {
    const moment = drawMoment(this.#random);
    const env = killEnvironment(shim, join(this.#dataDir, 'log'), moment);
    const broker = this.#stage.spawnBroker(env);
    const hasListened = await this.#stage.listens(broker);
    if (hasListened) {
      await this.#stage.work(2 * workBytesMax, broker);
      this.#stage.goesDown();
    }
    const isMissed = broker.isRunning;
    await this.#stage.kill(broker);
    this.targeted[isMissed ? 'missed' : moment.call] += 1;
    if (!hasListened) this.targeted.atStart += 1;
  }
}

/** Kills a broker `cycles` times; what that did and found, and what was wrong in words. */
export function runKillLoop({ cycles, seed }: KillLoopOptions) {
  const random = seededRandom(seed);
  return withTemporary((directory) =>
    withProcesses(async (start) => {
      const sinceMs = performance.now();
      const dataDir = join(directory, 'data');
      const historyDir = join(directory, 'histories');
      mkdirSync(historyDir);
      const shim = await compileLogKill(directory);
      const broker = brokerStart();
      const stage = new Stage({ start, dataDir, historyDir, seed, workerCount, broker });
      const loop = new KillLoop(stage, random, dataDir, shim);
      await loop.run(cycles);
      const { verdict, violations } = await stage.verdict();
      const report = {
        test: 'kill loop',
        seed,
        cycles,
        ...verdict,
        kills: loop.kills.counts,
        targeted: shim === undefined ? undefined : loop.targeted,
        segmentsRemoved: stage.segmentsRemoved,
        startMsP50: quantile(stage.startsMs, 0.5),
        startMsP99: quantile(stage.startsMs, 0.99),
        seconds: Math.round((performance.now() - sinceMs) / 1000),
      };
      return { report, verdict, violations };
    }),
  );
}
