/**
 * What is known of the broker's time: each answer to a hello tells it once, and from there it goes
 * on with the true time, drawn by at most one in a thousand. So every moment of a life has a lowest
 * and a highest broker time.
 */
interface Telling {
  readonly sentMs: number;
  readonly arrivedMs: number;
  readonly timeMs: number;
}

const drift = 0.0011;
const roundingMs = 1.5;

export class OracleClock {
  private readonly tellings = new Map<number, Telling>();

  told(life: number, sentMs: number, arrivedMs: number, timeMs: number): void {
    const known = this.tellings.get(life);
    const isTighter =
      known === undefined || arrivedMs - sentMs <= known.arrivedMs - known.sentMs + 1;
    if (isTighter) this.tellings.set(life, { sentMs, arrivedMs, timeMs });
  }

  /** The earliest that the broker's clock can have shown at `ms`. */
  low(life: number, ms: number): number {
    const { arrivedMs, timeMs } = this.of(life);
    return timeMs + scaled(ms - arrivedMs, -drift) - roundingMs;
  }

  high(life: number, ms: number): number {
    const { sentMs, timeMs } = this.of(life);
    return timeMs + scaled(ms - sentMs, drift) + roundingMs;
  }

  /** Whether anybody was greeted in that life. */
  knows(life: number): boolean {
    return this.tellings.has(life);
  }

  private of(life: number): Telling {
    const telling = this.tellings.get(life);
    if (telling === undefined) throw new Error(`nobody was greeted in life ${life}`);
    return telling;
  }
}

/** Elapsed time, longer or shorter by the drift; before the telling the signs are turned. */
function scaled(ms: number, by: number): number {
  return ms * (1 + (ms >= 0 ? by : -by));
}
