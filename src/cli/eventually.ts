/**
 * Waits for a condition instead of sleeping: as short as the condition allows, as long as the
 * deadline does.
 */
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';

export interface EventuallyOptions {
  readonly deadlineMs?: number;
  /** 0: a turn of the event loop. */
  readonly intervalMs?: number;
}

/**
 * Calls `check` until it returns something truthy and returns that; a `check` that throws has not
 * come true yet. At the deadline the last error is thrown, or one that names `what`.
 */
export async function eventually<T>(
  what: string,
  check: () => Promise<T> | T,
  { deadlineMs = 5000, intervalMs = 5 }: EventuallyOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    let cause: unknown;
    try {
      const result = await check();
      if (result) return result;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) {
      throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause });
    }
    await (intervalMs === 0 ? turn() : pause(intervalMs));
  }
}
