/**
 * A consumer: messages are pushed to it, a handler takes each, and what becomes of the message
 * follows from how the handler ends. Leases are extended as long as the consumer holds them,
 * whether their handler runs or they wait for one.
 */
import { CODES, type Code, WonderqError } from '../errors.ts';
import { Alarm } from './alarm.ts';
import { checkDelay } from './checks.ts';
import type { Connection } from './connection.ts';
import type { Delivery } from './delivery.ts';
import { reasonOf } from './failure.ts';
import { Fifo } from './fifo.ts';
import type { Lease } from './held.ts';
import type { DelayOf } from './options.ts';
import type { SettleKind, SettleManner } from './settle-call.ts';
import { Subscription, type SubscriptionUser } from './subscription.ts';
import { UnsubscribeCall } from './unsubscribe-call.ts';

/** After a refusal that names no time. */
const RETRY_MS = 100;
/** Leases that are due within this share of their visibility are extended together. */
const EXTEND_SHARE = 0.05;

const released: SettleManner = { kind: 'release', timeMs: undefined };

export type Handler = (delivery: Delivery) => unknown;

export interface ConsumerSettings {
  readonly queues: readonly string[];
  readonly concurrency: number;
  readonly prefetch: number;
  readonly creditBytes: number;
  readonly visibilityMs: number | undefined;
  readonly isDetached: boolean;
  /** Infinity: for as long as the handler runs. */
  readonly runMsMax: number;
  readonly delayMs: DelayOf;
  readonly onError: (error: unknown, delivery: Delivery | undefined) => void;
}

/** One message from its delivery until it is settled. */
interface Holding {
  readonly delivery: Delivery;
  readonly lease: Lease;
  /** When its lease is extended next, by `performance.now()`. */
  extendAtMs: number;
  /** It is extended to then at most; infinity: its handler has not begun, or has no bound. */
  runUntilMs: number;
  /** Its lease ended before its handler did. */
  isLost: boolean;
}

export class Consumer {
  /**
   * Resolves when it has stopped and nothing of it runs any more; with the reason if not asked to.
   */
  readonly ended: Promise<WonderqError | undefined>;

  readonly #connection: Connection;
  readonly #handler: Handler;
  readonly #settings: ConsumerSettings;
  readonly #subscription: Subscription;
  readonly #ready = new Fifo<Holding>();
  readonly #holdings = new Set<Holding>();
  readonly #extensions = new Alarm(() => this.#extendDue());
  readonly #retries = new Set<NodeJS.Timeout>();
  #running = 0;
  #isStopping = false;
  #isSubscribed = true;
  #endedBy: WonderqError | undefined;
  #tellEnded: (reason: WonderqError | undefined) => void = () => {};

  constructor(connection: Connection, handler: Handler, settings: ConsumerSettings) {
    this.#connection = connection;
    this.#handler = handler;
    this.#settings = settings;
    this.ended = new Promise((resolve) => {
      this.#tellEnded = resolve;
    });
    const { concurrency, prefetch, ...rest } = settings;
    const options = { ...rest, creditMessages: concurrency + prefetch };
    this.#subscription = new Subscription(options, this.#asUser());
    connection.subscribe(this.#subscription);
  }

  /** How many handlers run now. */
  get running(): number {
    return this.#running;
  }

  /**
   * Takes no more messages, gives back those that no handler has begun with, and resolves when the
   * running handlers have ended and what they did is confirmed.
   */
  async stop(): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      for (const holding of this.#ready.drain()) this.#settle(released, holding);
      if (this.#isSubscribed) this.#unsubscribe();
      this.#endIfDone();
    }
    await this.ended;
  }

  #asUser(): SubscriptionUser {
    return {
      delivered: (deliveries) => {
        for (const delivery of deliveries) this.#take(delivery);
        this.#startReady();
      },
      sessionLost: () => this.#loseLeases(),
      ended: (error) => this.#endedByBroker(error),
    };
  }

  #take(delivery: Delivery): void {
    const lease = this.#connection.held.add(delivery);
    const extendAtMs = lease.untilMs - delivery.visibilityMs / 2;
    const runUntilMs = Number.POSITIVE_INFINITY;
    const holding = { delivery, lease, extendAtMs, runUntilMs, isLost: false };
    this.#holdings.add(holding);
    this.#ready.push(holding);
    this.#extensions.setFor(extendAtMs);
  }

  #startReady(): void {
    while (this.#running < this.#settings.concurrency) {
      const holding = this.#ready.shift();
      if (holding === undefined) return;
      if (holding.isLost) this.#drop(holding);
      else void this.#run(holding);
    }
  }

  /** Never rejects: whatever the handler throws becomes a nack. */
  async #run(holding: Holding): Promise<void> {
    const { delivery } = holding;
    this.#running += 1;
    holding.runUntilMs = performance.now() + this.#settings.runMsMax;
    try {
      await this.#handler(delivery);
      this.#finish(holding, { kind: 'ack', timeMs: undefined });
    } catch (error) {
      this.#report(error, delivery);
      const timeMs = this.#delayMs(delivery, error);
      this.#finish(holding, { kind: 'nack', timeMs, reason: reasonOf(error) });
    }
    this.#running -= 1;
    this.#giveCredit(delivery);
    this.#startReady();
    this.#endIfDone();
  }

  /** A handler may have settled its message itself, and then it has the last word. */
  #finish(holding: Holding, manner: SettleManner): void {
    if (holding.lease.isSettling) this.#done(holding);
    else this.#settle(manner, holding);
  }

  #settle(manner: SettleManner, holding: Holding): void {
    const { delivery } = holding;
    const { kind } = manner;
    this.#connection.gathering.settle(manner, delivery.queue, delivery, {
      settled: (_slot, code) => {
        this.#done(holding);
        if (code !== undefined && kind !== 'release') this.#report(lost(code, kind), delivery);
      },
      refused: (error) => this.#settleRefused(manner, holding, error),
    });
  }

  /** A refusal that passes is no reason to let the work be done again. */
  #settleRefused(manner: SettleManner, holding: Holding, error: WonderqError): void {
    const passes = 'passes' in CODES[error.code];
    if (!passes || performance.now() >= holding.lease.untilMs) {
      this.#done(holding);
      if (manner.kind !== 'release') this.#report(error, holding.delivery);
      return;
    }
    const retry = setTimeout(() => {
      this.#retries.delete(retry);
      this.#settle(manner, holding);
    }, error.retryAfterMs ?? RETRY_MS);
    this.#retries.add(retry);
  }

  #done(holding: Holding): void {
    this.#holdings.delete(holding);
    this.#endIfDone();
  }

  /** Of one that no handler has begun with. */
  #drop(holding: Holding): void {
    this.#done(holding);
    this.#giveCredit(holding.delivery);
  }

  #giveCredit(delivery: Delivery): void {
    if (this.#isStopping) return;
    this.#subscription.giveCredit(delivery);
    this.#connection.flushSoon();
  }

  #extendDue(): void {
    const nowMs = performance.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const holding of this.#holdings) {
      const { visibilityMs } = holding.delivery;
      if (holding.isLost || holding.lease.isSettling) continue;
      if (holding.lease.untilMs >= holding.runUntilMs) continue;
      if (holding.extendAtMs <= nowMs + visibilityMs * EXTEND_SHARE) {
        holding.extendAtMs = nowMs + visibilityMs / 2;
        this.#extend(holding, nowMs);
      }
      nextMs = Math.min(nextMs, holding.extendAtMs);
    }
    this.#extensions.setFor(nextMs);
  }

  #extend(holding: Holding, nowMs: number): void {
    const { delivery } = holding;
    const { queue, visibilityMs } = delivery;
    const leftMs = Math.ceil(holding.runUntilMs - nowMs);
    const manner = { kind: 'extend', timeMs: Math.min(visibilityMs, leftMs) } as const;
    this.#connection.gathering.settle(manner, queue, delivery, {
      settled: (_slot, code) => {
        if (code !== undefined) holding.isLost = true;
      },
      // The next extension is due before the lease ends; if that fails too, the ack will tell.
      refused: () => {},
    });
  }

  /** Waiting messages will come again; what handlers have begun with, they find out by its ack. */
  #loseLeases(): void {
    for (const holding of this.#holdings) holding.isLost = true;
    for (const holding of this.#ready.drain()) this.#drop(holding);
  }

  /** What is still on its way goes back to the queue, without a handler. */
  #unsubscribe(): void {
    const connection = this.#connection;
    connection.forget(this.#subscription);
    const done = () => {
      this.#isSubscribed = false;
      this.#endIfDone();
    };
    if (!connection.isConnected) done();
    else connection.submit(new UnsubscribeCall(this.#subscription.id, done));
  }

  #endedByBroker(error: WonderqError): void {
    this.#connection.forget(this.#subscription);
    if ('passes' in CODES[error.code]) {
      this.#subscribeLater(error.retryAfterMs ?? RETRY_MS);
      return;
    }
    this.#isSubscribed = false;
    this.#endedBy = error;
    if (error.code !== 'CONNECTION_CLOSED') this.#report(error, undefined);
    void this.stop();
  }

  #subscribeLater(waitMs: number): void {
    const retry = setTimeout(() => {
      this.#retries.delete(retry);
      if (!this.#isStopping) this.#connection.subscribe(this.#subscription);
    }, waitMs);
    this.#retries.add(retry);
  }

  #endIfDone(): void {
    if (!this.#isStopping || this.#isSubscribed) return;
    if (this.#running > 0 || this.#holdings.size > 0) return;
    this.#extensions.clear();
    for (const retry of this.#retries) clearTimeout(retry);
    this.#tellEnded(this.#endedBy);
  }

  #delayMs(delivery: Delivery, error: unknown): number | undefined {
    try {
      const delayMs = this.#settings.delayMs(delivery, error);
      checkDelay(delayMs);
      return delayMs;
    } catch (thrown) {
      this.#report(thrown, delivery);
      return undefined;
    }
  }

  /**
   * A hook that throws must not stop the consumer; it is the program's defect and is not hidden.
   */
  #report(error: unknown, delivery: Delivery | undefined): void {
    try {
      this.#settings.onError(error, delivery);
    } catch (thrown) {
      process.emitWarning(thrown instanceof Error ? thrown : String(thrown));
    }
  }
}

function lost(code: Code, kind: SettleKind): WonderqError {
  return new WonderqError(code, `${kind} came too late: ${CODES[code].meaning}`);
}

export function stopOnAbort(consumer: Consumer, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  const stop = () => void consumer.stop();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  void consumer.ended.then(() => signal.removeEventListener('abort', stop));
}
