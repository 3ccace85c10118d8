/**
 * Notices a broker that is silent: asks when nothing came for a while, and gives the connection up
 * after three questions without any answer.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Link } from './link.ts';

export class Heartbeat {
  #timer: NodeJS.Timeout | undefined;
  #missed = 0;

  /** `ask` sends a ping. Counts ticks and not time: a program that computed is no silent broker. */
  start(link: Link, pingMs: number, ask: () => void): void {
    this.stop();
    this.#missed = 0;
    this.#timer = setInterval(() => {
      if (link.hasHeard) this.#missed = 0;
      else if (this.#missed === limits.pingsMissedMax) {
        this.stop();
        link.destroy(new WonderqError('UNRESPONSIVE', 'the broker did not answer three pings'));
        return;
      } else {
        this.#missed += 1;
        ask();
      }
      link.hasHeard = false;
    }, pingMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
