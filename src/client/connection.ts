/**
 * The life of a client behind its calls: one session over as many TCP connections as it takes. It
 * writes what is asked for once a turn, gives answers to the calls they belong to, and after a
 * break takes everything up where it was.
 */
import { CODES, WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { ANSWER } from '../protocol/operations.ts';
import type { Reply } from '../protocol/reply.ts';
import { writeBye, writeCancel, writePing, writePong } from '../protocol/requests.ts';
import type { Address } from './address.ts';
import { Alarm } from './alarm.ts';
import { type Call, PlainCall, timeoutError } from './call.ts';
import { Dialer } from './dialer.ts';
import { refusalOf } from './failure.ts';
import { Fifo } from './fifo.ts';
import { Gathering } from './gathering.ts';
import { type Greeting, usualGreeting } from './greeting.ts';
import { Heartbeat } from './heartbeat.ts';
import { Held } from './held.ts';
import type { Link } from './link.ts';
import { OpenCalls } from './open-calls.ts';
import type { Subscription } from './subscription.ts';

/** A broker that said one of these says it again. */
const FINAL_CODES = new Set([
  'UNAUTHORIZED',
  'UNSUPPORTED_VERSION',
  'SESSION_TAKEN',
  'BAD_REQUEST',
]);
/** Whatever it is that listens there, it is no broker. */
const FOREIGN_CODES = new Set(['BAD_FRAME', 'FRAME_TOO_LARGE']);
/** How long a broker gets to answer a goodbye. */
const BYE_MS = 1000;
/** As many receipts as one resume may hold. */
const HELD_MAX = limits.creditMax;

export interface ConnectionOptions {
  readonly address: Address;
  readonly name: string | undefined;
  readonly token: string | undefined;
  /** 16 random bytes, or undefined for none. */
  readonly session: Uint8Array | undefined;
  readonly isPinged: boolean;
  readonly reconnects: boolean;
  readonly timeoutMs: number;
}

export class Connection {
  readonly options: ConnectionOptions;
  readonly held = new Held();
  readonly gathering = new Gathering(this);
  /** Settles once the client is closed, with the reason. */
  readonly closed: Promise<WonderqError>;
  greeting: Greeting = usualGreeting;

  readonly #calls: OpenCalls;
  readonly #waiting = new Fifo<Call>();
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #deadlines = new Alarm(() => this.#expire());
  readonly #heartbeat = new Heartbeat();
  readonly #dialer: Dialer;
  /** The connection of now, once it is greeted. */
  #link: Link | undefined;
  #flush: NodeJS.Immediate | undefined;
  #opened: ((error: WonderqError | undefined) => void) | undefined;
  /** Why the last attempt to connect failed. */
  #lastFailure: WonderqError | undefined;
  #closedBy: WonderqError | undefined;
  #tellClosed: (reason: WonderqError) => void = () => {};

  constructor(options: ConnectionOptions) {
    this.options = options;
    this.#calls = new OpenCalls(options.session !== undefined);
    this.closed = new Promise((resolve) => {
      this.#tellClosed = resolve;
    });
    const { address, name, session, token, isPinged, timeoutMs } = options;
    const hello = { clientName: name, session, token, pinged: isPinged };
    this.#dialer = new Dialer(address, hello, timeoutMs, {
      greeted: (link, greeting) => this.#begin(link, greeting),
      failed: (error) => this.#notReached(error),
    });
  }

  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  /** Resolves when the broker has greeted; rejects when it cannot be reached in time. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => this.#neverReached(), this.options.timeoutMs);
      this.#opened = (error) => {
        this.#opened = undefined;
        clearTimeout(limit);
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#dialer.start();
    });
  }

  /**
   * The call's frame leaves with this turn's others, or as soon as there is room and a connection.
   */
  submit(call: Call, timeoutMs: number = this.options.timeoutMs): void {
    if (this.#closedBy !== undefined) {
      call.isOver = true;
      call.refused(this.#closedBy);
      return;
    }
    call.deadlineMs = performance.now() + timeoutMs;
    this.#deadlines.setFor(call.deadlineMs);
    this.#waiting.push(call);
    this.flushSoon();
  }

  /** Ends a call for its caller, and takes a waiting request back from the broker. */
  abandon(call: Call, error: WonderqError): void {
    if (call.isOver) return;
    call.isOver = true;
    if (call.isWaiting && call.id !== 0 && this.#link !== undefined) {
      writeCancel(this.#link.writer, this.#calls.nextId(), call.id);
      this.flushSoon();
    }
    call.refused(error);
  }

  subscribe(subscription: Subscription): void {
    if (this.#closedBy !== undefined) {
      subscription.closed(this.#closedBy);
      return;
    }
    subscription.id = this.#calls.nextId();
    this.#subscriptions.set(subscription.id, subscription);
    if (this.#link !== undefined) subscription.writeSubscribe(this.#link.writer);
    this.flushSoon();
  }

  /** What still comes for it goes back to the queue. */
  forget(subscription: Subscription): void {
    this.#subscriptions.delete(subscription.id);
  }

  /** At the end of this turn, when everything that it asks for is there. */
  flushSoon(): void {
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined;
      this.#send();
    });
  }

  /** Says goodbye, and ends everything that waits. */
  async close(): Promise<void> {
    if (this.#closedBy !== undefined) {
      await this.closed;
      return;
    }
    const link = this.#link;
    const reason = new WonderqError('CONNECTION_CLOSED');
    this.#shut(reason);
    if (link !== undefined) await this.#sayBye(link, reason);
    this.#tellClosed(reason);
  }

  #begin(link: Link, greeting: Greeting): void {
    this.greeting = greeting;
    this.#link = link;
    link.user = {
      replied: (reply) => this.#replied(link, reply),
      sent: () => this.#goOn(),
      closed: (error) => this.#lost(link, error),
    };
    this.#heartbeat.start(link, greeting.pingMs, () => {
      writePing(link.writer, this.#calls.nextId());
      this.flushSoon();
    });
    if (this.options.session !== undefined && greeting.resumed) this.#takeUp(link);
    else this.#startAnew();
    for (const subscription of this.#subscriptions.values()) {
      subscription.writeSubscribe(link.writer);
    }
    this.#opened?.(undefined);
    this.#send();
  }

  /** The session goes on: what has no answer is asked again, as it was asked before. */
  #takeUp(link: Link): void {
    const open = this.#calls.all();
    const done = (error: WonderqError | undefined) => {
      if (error !== undefined) link.destroy(error);
    };
    const resume = new PlainCall('resume', done, this.held.groups(HELD_MAX));
    this.#calls.begin(resume);
    resume.write(link.writer);
    for (const call of open) {
      const isForgotten = call.isChange && !this.#calls.isInWindow(call);
      if (call.isOver || isForgotten) this.#giveUp(call);
      else call.write(link.writer);
    }
  }

  /** The broker knows nothing of what was asked: nobody can tell what became of it. */
  #startAnew(): void {
    for (const call of this.#calls.all()) this.#giveUp(call);
    if (this.options.session === undefined) return;
    this.held.clear();
    for (const subscription of this.#subscriptions.values()) subscription.sessionLost();
  }

  #giveUp(call: Call): void {
    this.#calls.end(call);
    if (!call.isOver) {
      call.refused(new WonderqError('TIMEOUT', 'the connection broke before the answer came'));
    }
    call.isOver = true;
  }

  #send(): void {
    this.gathering.close();
    const link = this.#link;
    if (link === undefined) return;
    for (const subscription of this.#subscriptions.values()) subscription.writeCredit(link.writer);
    for (;;) {
      const call = this.#waiting.first();
      if (call === undefined) break;
      if (!call.isOver) {
        if (!link.canTakeMore || !this.#calls.hasRoomFor(call)) break;
        this.#calls.begin(call);
        call.write(link.writer);
      }
      this.#waiting.shift();
    }
    link.send();
  }

  #replied(link: Link, reply: Reply): void {
    if (this.#link !== link) return;
    if (reply.operation === ANSWER.ping) {
      writePong(link.writer, reply.id);
      this.flushSoon();
      return;
    }
    const call = this.#calls.find(reply.id);
    if (call !== undefined) {
      // An answer to a resume is no sign yet that what broke the last connection is over.
      if (!call.isTransient) this.#dialer.reset();
      this.#answer(call, reply);
      return;
    }
    const subscription = this.#subscriptions.get(reply.id);
    if (subscription !== undefined) subscription.replied(reply);
    else if (reply.operation === ANSWER.error) this.#refused(link, refusalOf(reply));
    else this.#giveBack(reply);
  }

  #answer(call: Call, reply: Reply): void {
    if (reply.operation !== ANSWER.error) {
      call.answered(reply);
      if (call.isOver) this.#giveBack(reply);
    } else if (!call.isOver) call.refused(refusalOf(reply));
    call.isOver = true;
    this.#calls.end(call);
    this.#goOn();
  }

  /** There is room again for what had to wait. */
  #goOn(): void {
    if (this.#waiting.length > 0) this.flushSoon();
  }

  /** Deliveries that nobody waits for any more would be stuck until their leases end. */
  #giveBack(reply: Reply): void {
    if (reply.operation !== ANSWER.deliveries || reply.queue === undefined) return;
    const manner = { kind: 'release', timeMs: undefined } as const;
    const { count, ids, tokens } = reply.deliveries;
    const waiter = { settled: () => {}, refused: () => {} };
    for (let index = 0; index < count; index += 1) {
      this.gathering.settle(
        manner,
        reply.queue,
        { id: ids[index]!, token: tokens[index]! },
        waiter,
      );
    }
  }

  /** A refusal of the connection itself. */
  #refused(link: Link, error: WonderqError): void {
    if (error.closes) link.destroy(error);
  }

  #lost(link: Link, error: WonderqError): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#heartbeat.stop();
    for (const call of this.#calls.all()) {
      if (!call.isOver && !call.isTransient) continue;
      this.#calls.end(call);
      if (!call.isOver) call.refused(error);
    }
    if (FINAL_CODES.has(error.code)) this.#end(error);
    else if (this.options.reconnects) this.#dialer.startLater();
    else this.#end(new WonderqError('CONNECTION_CLOSED', error.message, { cause: error }));
  }

  #notReached(error: WonderqError): void {
    const isFirst = this.#opened !== undefined;
    const isFinal = FINAL_CODES.has(error.code) || (isFirst && FOREIGN_CODES.has(error.code));
    this.#lastFailure = error;
    if (isFinal) this.#end(error);
    else if (this.options.reconnects) this.#dialer.startLater();
    else this.#neverReached();
  }

  /** The first connect was given up. A broker that answered has said why. */
  #neverReached(): void {
    const failure = this.#lastFailure ?? new WonderqError('CONNECT_FAILED');
    const hasSaid = 'passes' in CODES[failure.code];
    const unreached = new WonderqError('CONNECT_FAILED', failure.message, { cause: failure });
    this.#end(hasSaid ? failure : unreached);
  }

  #end(reason: WonderqError): void {
    this.#shut(reason);
    this.#tellClosed(reason);
  }

  /** Nothing waits any more, and nothing new begins. */
  #shut(reason: WonderqError): void {
    this.#closedBy = reason;
    this.#heartbeat.stop();
    this.#deadlines.clear();
    clearImmediate(this.#flush);
    this.#dialer.stop(reason);
    for (const call of [...this.#calls.all(), ...this.#waiting.drain()]) {
      this.#calls.end(call);
      if (!call.isOver) call.refused(reason);
      call.isOver = true;
    }
    for (const subscription of this.#subscriptions.values()) subscription.closed(reason);
    this.#subscriptions.clear();
    this.#opened?.(reason);
  }

  /** Resolves when the connection has ended, which takes no longer than a moment. */
  #sayBye(link: Link, reason: WonderqError): Promise<void> {
    return new Promise((resolve) => {
      const id = this.#calls.nextId();
      const limit = setTimeout(() => link.destroy(reason), BYE_MS);
      this.#link = undefined;
      link.user = {
        replied: (reply) => {
          if (reply.id === id) link.destroy(reason);
        },
        closed: () => {
          clearTimeout(limit);
          resolve();
        },
      };
      writeBye(link.writer, id);
      link.send();
    });
  }

  #expire(): void {
    const nowMs = performance.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const call of [...this.#calls.all(), ...this.#waiting]) {
      if (call.isOver) continue;
      if (call.deadlineMs <= nowMs) this.abandon(call, timeoutError(call));
      else nextMs = Math.min(nextMs, call.deadlineMs);
    }
    this.#deadlines.setFor(nextMs);
  }
}
