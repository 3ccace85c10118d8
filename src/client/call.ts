/**
 * One request that waits for its answer. It can write its frame more than once, since a request
 * without an answer is sent again after a reconnect.
 */
import { WonderqError } from '../errors.ts';
import type { ByteWriter } from '../protocol/byte-writer.ts';
import { ANSWER } from '../protocol/operations.ts';
import type { Reply } from '../protocol/reply.ts';
import type { ReceiptGroup } from '../protocol/requests.ts';
import { writePing, writeResume } from '../protocol/requests.ts';
import { unexpectedAnswer } from './failure.ts';

export abstract class Call {
  /** The request's ID; 0 until its frame is written for the first time. */
  id = 0;
  /** Its sequence number in the session; 0: none. */
  sequence = 0;
  /** Its place in the window of requests that change something. */
  order = 0;
  /** Whoever asked has been told: its answer, if it comes, is for nobody. */
  isOver = false;
  /** By `performance.now()`. */
  deadlineMs = Number.POSITIVE_INFINITY;

  /** About what it takes on the wire. */
  get bytes(): number {
    return 0;
  }

  /** It changes something: it has a sequence number and a place in the window. */
  get isChange(): boolean {
    return false;
  }

  /** Its answer may wait for a message, so nothing may wait for its answer. */
  get isWaiting(): boolean {
    return false;
  }

  /** It is about its connection and ends with it. */
  get isTransient(): boolean {
    return false;
  }

  abstract write(writer: ByteWriter): void;

  /** Throws BAD_FRAME for an answer that it cannot have. */
  abstract answered(reply: Reply): void;

  abstract refused(error: WonderqError): void;
}

/** Requests that are answered with `ok` and nothing else. */
export type PlainKind = 'ping' | 'resume';

export class PlainCall extends Call {
  readonly #kind: PlainKind;
  readonly #held: readonly ReceiptGroup[];
  readonly #done: (error: WonderqError | undefined) => void;

  constructor(
    kind: PlainKind,
    done: (error: WonderqError | undefined) => void,
    held: readonly ReceiptGroup[] = [],
  ) {
    super();
    this.#kind = kind;
    this.#done = done;
    this.#held = held;
  }

  override get isTransient(): boolean {
    return this.#kind === 'resume';
  }

  write(writer: ByteWriter): void {
    if (this.#kind === 'ping') writePing(writer, this.id);
    else writeResume(writer, this.id, this.#held);
  }

  answered(reply: Reply): void {
    if (reply.operation !== ANSWER.ok) throw unexpectedAnswer(reply);
    this.#done(undefined);
  }

  refused(error: WonderqError): void {
    this.#done(error);
  }
}

export function timeoutError(call: Call): WonderqError {
  const why = call.id === 0 ? 'the request could not be sent in time' : undefined;
  return new WonderqError('TIMEOUT', why);
}
