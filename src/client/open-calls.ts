/**
 * The calls whose frames were written and whose answers are due, in the order written, and the
 * window that bounds them: the broker remembers the last 1,024 answers of a session, so no request
 * that may have to be sent again lies further back than that.
 */
import { limits } from '../limits.ts';
import type { Call } from './call.ts';

const WINDOW = limits.sessionAnswersMax;
/** Requests beyond this wait; one larger than all of it goes alone. */
const BYTES_MAX = 8 * 1024 * 1024;
/** The ID of hello, which is no call. */
export const HELLO_ID = 1;

export class OpenCalls {
  readonly #byId = new Map<number, Call>();
  readonly #hasSession: boolean;
  #lastId = HELLO_ID;

  /** Whether the change of this order is open, for the orders from `#oldest` to `#lastOrder`. */
  readonly #isOpen = new Uint8Array(WINDOW);
  #oldest = 1;
  #lastOrder = 0;
  /** Changes that are open, those that wait for messages counted. */
  #changes = 0;
  #bytes = 0;

  constructor(hasSession: boolean) {
    this.#hasSession = hasSession;
  }

  find(id: number): Call | undefined {
    return this.#byId.get(id);
  }

  /** In the order written. */
  all(): Call[] {
    return [...this.#byId.values()];
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  hasRoomFor(call: Call): boolean {
    if (!call.isChange) return true;
    if (this.#changes >= WINDOW || this.#lastOrder + 1 - this.#oldest >= WINDOW) return false;
    return this.#bytes === 0 || this.#bytes + call.bytes <= BYTES_MAX;
  }

  /** Gives the call its numbers; its frame is written next. */
  begin(call: Call): void {
    call.id = this.nextId();
    this.#byId.set(call.id, call);
    this.#bytes += call.bytes;
    if (!call.isChange) return;
    this.#changes += 1;
    this.#lastOrder += 1;
    call.order = this.#lastOrder;
    if (this.#hasSession) call.sequence = call.order;
    // One that waits for messages would stop the window; it is sent again only while it is in it.
    if (!call.isWaiting) this.#isOpen[call.order % WINDOW] = 1;
    else this.#advance();
  }

  end(call: Call): void {
    if (!this.#byId.delete(call.id)) return;
    this.#bytes -= call.bytes;
    if (!call.isChange) return;
    this.#changes -= 1;
    if (call.isWaiting) return;
    this.#isOpen[call.order % WINDOW] = 0;
    this.#advance();
  }

  /** Whether the broker would still know the call's answer. */
  isInWindow(call: Call): boolean {
    return call.order > this.#lastOrder - WINDOW;
  }

  #advance(): void {
    while (this.#oldest <= this.#lastOrder && this.#isOpen[this.#oldest % WINDOW] === 0) {
      this.#oldest += 1;
    }
  }
}
