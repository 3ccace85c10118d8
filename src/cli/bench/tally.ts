/**
 * What the loops of a workload got done since the warm-up ended.
 */
import { Times, type TimesSummary } from './times.ts';

export class Tally {
  /** The loops end when this is false. */
  isRunning = true;
  messages = 0;
  #confirmations = new Times();
  #deliveries = new Times();

  add(messages: number): void {
    this.messages += messages;
  }

  /** From the call to the confirmation. */
  confirmed(durationMs: number): void {
    this.#confirmations.add(durationMs);
  }

  /** From the call to the start of the consumer's handler. */
  delivered(durationMs: number): void {
    this.#deliveries.add(durationMs);
  }

  /** Forgets what was done so far: it was done while code and disk got warm. */
  restart(): void {
    this.messages = 0;
    this.#confirmations = new Times();
    this.#deliveries = new Times();
  }

  times(): { confirm: TimesSummary; deliver?: TimesSummary } {
    const confirm = this.#confirmations.summary();
    const deliver = this.#deliveries.summary();
    return deliver.count === 0 ? { confirm } : { confirm, deliver };
  }
}
