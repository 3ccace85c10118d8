/**
 * What the log has to tell its owner: gathered, and told in a microtask of its own, so that the
 * owner is never called from inside a call it makes, and once for all that happened together.
 */
import type { BlockDamagedError } from '../errors.ts';
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
  #damages: BlockDamagedError[] = [];
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

  readonly damaged = (error: BlockDamagedError): void => {
    this.#damages.push(error);
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
    const damages = this.#damages;
    const [progressed, spaceChanged] = [this.#hasProgressed, this.#hasSpaceChanged];
    this.#hasProgressed = false;
    this.#hasSpaceChanged = false;
    this.#damages = [];
    this.#ending = undefined;
    if (progressed) listener.progressed();
    if (spaceChanged) listener.spaceChanged();
    for (const error of damages) listener.damaged(error);
    if (ending !== undefined) listener.ended(ending.how, ending.error);
  };
}
