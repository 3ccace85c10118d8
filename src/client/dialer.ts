/**
 * Makes connections until one is greeted: TCP connect and hello, and after a failure a pause with
 * jitter, so that a thousand clients of a restarted broker do not come at once. What comes after
 * the greeting is the connection's.
 */
import { WonderqError } from '../errors.ts';
import { ANSWER } from '../protocol/operations.ts';
import type { Reply } from '../protocol/reply.ts';
import { type HelloFields, writeHello } from '../protocol/requests.ts';
import { type Address, formatAddress } from './address.ts';
import { refusalOf, unexpectedAnswer } from './failure.ts';
import { type Greeting, readGreeting } from './greeting.ts';
import { Link } from './link.ts';
import { HELLO_ID } from './open-calls.ts';

const PAUSE_MS_FIRST = 200;
const PAUSE_MS_MAX = 1000;
/** A connect or hello that takes longer is given up. */
const ATTEMPT_MS_MAX = 5000;

export interface DialerOutcome {
  greeted(link: Link, greeting: Greeting): void;
  /** An attempt failed; the dialer rests until it is told to go on. */
  failed(error: WonderqError): void;
}

export class Dialer {
  readonly #address: Address;
  readonly #hello: HelloFields;
  readonly #attemptMs: number;
  readonly #outcome: DialerOutcome;
  #link: Link | undefined;
  #pauseMsMax = PAUSE_MS_FIRST;
  #pause: NodeJS.Timeout | undefined;
  #limit: NodeJS.Timeout | undefined;

  constructor(address: Address, hello: HelloFields, timeoutMs: number, outcome: DialerOutcome) {
    this.#address = address;
    this.#hello = hello;
    this.#attemptMs = Math.min(timeoutMs, ATTEMPT_MS_MAX);
    this.#outcome = outcome;
  }

  start(): void {
    const link = new Link(this.#address, {
      connected: () => {
        writeHello(link.writer, HELLO_ID, this.#hello);
        link.send();
      },
      replied: (reply) => this.#answered(link, reply),
      closed: (error) => this.#ended(error),
    });
    this.#link = link;
    this.#limit = setTimeout(() => {
      const where = formatAddress(this.#address);
      link.destroy(new WonderqError('CONNECT_FAILED', `${where} does not answer`));
    }, this.#attemptMs);
  }

  /** Another attempt, after a pause that grows with each until `reset`. */
  startLater(): void {
    const pauseMs = Math.random() * this.#pauseMsMax;
    this.#pauseMsMax = Math.min(this.#pauseMsMax * 2, PAUSE_MS_MAX);
    this.#pause = setTimeout(() => this.start(), pauseMs);
  }

  /** The connection works: the next pause is short again. */
  reset(): void {
    this.#pauseMsMax = PAUSE_MS_FIRST;
  }

  stop(reason: WonderqError): void {
    clearTimeout(this.#pause);
    clearTimeout(this.#limit);
    const link = this.#link;
    this.#link = undefined;
    link?.destroy(reason);
  }

  #answered(link: Link, reply: Reply): void {
    if (reply.operation === ANSWER.error) {
      link.destroy(refusalOf(reply));
      return;
    }
    if (reply.operation !== ANSWER.ok || reply.id !== HELLO_ID) throw unexpectedAnswer(reply);
    const greeting = readGreeting(reply.value);
    clearTimeout(this.#limit);
    this.#link = undefined;
    this.#outcome.greeted(link, greeting);
  }

  #ended(error: WonderqError): void {
    clearTimeout(this.#limit);
    if (this.#link === undefined) return;
    this.#link = undefined;
    this.#outcome.failed(error);
  }
}
