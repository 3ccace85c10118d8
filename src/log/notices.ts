/**
 * What the log has to tell its owner: gathered, and told in a microtask of its own, so that the
 * owner is never called from inside a call it makes, and once for all that happened together.
 */
import type { LogListener } from './log.ts';

interface Ending {
  how: 'fenced' | 'failed';
  error: Error;
}

export class Notices {
  #listener: LogListener | undefined;
  #isScheduled = false;
  #hasProgressed = false;
  #hasSpaceChanged = false;
  #ending: Ending | undefined;

  listen(listener: LogListener): void {
    this.#listener = listener;
    this.#schedule();
  }

  readonly progressed = (): void => {
    this.#hasProgressed = true;
    this.#schedule();
  };

  readonly spaceChanged = (): void => {
    this.#hasSpaceChanged = true;
    this.#schedule();
  };

  readonly ended = (how: 'fenced' | 'failed', error: Error): void => {
    this.#ending = { how, error };
    this.#schedule();
  };

  #schedule(): void {
    if (this.#isScheduled || this.#listener === undefined) return;
    this.#isScheduled = true;
    void Promise.resolve().then(this.#tell);
  }

  readonly #tell = (): void => {
    this.#isScheduled = false;
    const listener = this.#listener!;
    const ending = this.#ending;
    const [progressed, spaceChanged] = [this.#hasProgressed, this.#hasSpaceChanged];
    this.#hasProgressed = false;
    this.#hasSpaceChanged = false;
    this.#ending = undefined;
    if (progressed) listener.progressed();
    if (spaceChanged) listener.spaceChanged();
    if (ending !== undefined) listener.ended(ending.how, ending.error);
  };
}
