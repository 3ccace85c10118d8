/**
 * Kills a broker at random moments of its work and of its start.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Child } from '../child.ts';
import type { Random } from './random.ts';
import { quantile, type Stage } from './stage.ts';

/** Of history between a start and a kill. */
export const workBytesMax = 300_000;

export class Kills {
  readonly #stage: Stage;
  readonly #random: Random;
  readonly counts = { atWork: 0, atStart: 0 };

  constructor(stage: Stage, random: Random) {
    this.#stage = stage;
    this.#random = random;
  }

  /** The one before which the workers begin. */
  async first(): Promise<void> {
    const broker = await this.#stage.startBroker();
    await this.#stage.startWorkers();
    await this.#killAfter(workBytesMax, broker);
  }

  async atWork(): Promise<void> {
    const broker = await this.#stage.startBroker();
    await this.#killAfter(this.#random.integer(0, workBytesMax), broker);
  }

  /** Anywhere in the second half of a start; where it was faster, right after it. */
  async atStart(): Promise<void> {
    const usualMs = quantile(this.#stage.startsMs, 0.5);
    const broker = this.#stage.spawnBroker();
    await pause(usualMs * (0.5 + this.#random.fraction() / 2));
    await this.#stage.kill(broker);
    this.counts.atStart += 1;
  }

  async #killAfter(bytes: number, broker: Child): Promise<void> {
    await this.#stage.work(bytes, broker);
    this.#stage.goesDown();
    await this.#stage.kill(broker);
    this.counts.atWork += 1;
  }
}

/** A kill a round; then everything is settled. Returns how many there were of each kind. */
export async function killOften(stage: Stage, random: Random, rounds: Iterable<number>) {
  const kills = new Kills(stage, random);
  for (const round of rounds) {
    if (round === 0) await kills.first();
    else if (random.chance(0.7)) await kills.atWork();
    else await kills.atStart();
  }
  await stage.drain(await stage.startBroker());
  return kills.counts;
}
