/**
 * The public client: connect to a broker, produce, receive, settle, consume, administer. Every call
 * has a deadline and ends; every error has a code. What one turn of the event loop asks for leaves
 * in one write.
 */
import { randomBytes } from 'node:crypto';
import type { WonderqError } from '../errors.ts';
import { parseAddress } from './address.ts';
import {
  askOfQueue,
  checkWhat,
  type PauseWhat,
  type QueueInfo,
  settingsOf,
} from './administration.ts';
import { PlainCall } from './call.ts';
import { checkQueues } from './checks.ts';
import { Connection } from './connection.ts';
import { Consumer, type Handler, stopOnAbort } from './consumer.ts';
import { forCaller } from './failure.ts';
import type { Greeting } from './greeting.ts';
import { Looking } from './looking.ts';
import type { Body, Message } from './message.ts';
import {
  type Confirmation,
  type ConnectOptions,
  type ConsumeOptions,
  checkConnectOptions,
  checkConsumeOptions,
  type ExtendOptions,
  type NackOptions,
  type Outcome,
  type ProduceOptions,
  type ReceiveOptions,
  type Settings,
  type Settleable,
} from './options.ts';
import { Producing } from './producing.ts';
import { type Deliveries, receive } from './receiving.ts';
import {
  checkRedrive,
  type Redriven,
  type RedriveOptions,
  type RedriveSteps,
  redrive,
} from './redriving.ts';
import type { SettleKind } from './settle-call.ts';
import { idTargets, settle, targetsOf } from './settling.ts';
import * as steering from './steering.ts';
import { deleteTemplate, setTemplate } from './templates.ts';

export type {
  PauseWhat,
  QueueInfo,
  QueuePage,
  Stats,
} from './administration.ts';
export type {
  BodyOptions,
  BrowseOptions,
  FailureInfo,
  MessageInfo,
  MessagePage,
  MessageStateName,
  Why,
  WhyReason,
} from './browsing.ts';
export { Consumer, type Handler } from './consumer.ts';
export type { DeadFilter } from './dead-filter.ts';
export { Delivery } from './delivery.ts';
export type { BrokerLimits, Greeting } from './greeting.ts';
export { type Body, Message, type MessageOptions } from './message.ts';
export type {
  Confirmation,
  ConnectOptions,
  ConsumeOptions,
  DurabilityName,
  ExtendOptions,
  NackOptions,
  Outcome,
  ProduceOptions,
  ReceiveOptions,
  Settings,
  Settleable,
} from './options.ts';
export type { Deliveries } from './receiving.ts';
export type { Redriven, RedriveOptions } from './redriving.ts';
export type { Deleted, Meant, Moved, RefusedMessage, SeenMessage, SeenQueue } from './steering.ts';
export type { TemplateInfo } from './templates.ts';

const TIMEOUT_MS_DEFAULT = 30_000;
const SESSION_BYTES = 16;

/** Connects; rejects with CONNECT_FAILED where nobody answers within `timeoutMs`. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Client> {
  const address = parseAddress(url);
  checkConnectOptions(options);
  const hasSession = options.session ?? true;
  const connection = new Connection({
    address,
    name: options.name,
    token: options.token,
    session: hasSession ? randomBytes(SESSION_BYTES) : undefined,
    isPinged: options.pinged ?? true,
    reconnects: options.reconnect ?? true,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
  });
  try {
    await connection.open();
  } catch (error) {
    throw forCaller(error);
  }
  return new Client(connection, options.durability ?? 'write');
}

export class Client extends Looking {
  /** Settles once the client is closed, by `close` or for good by the broker; with the reason. */
  readonly closed: Promise<WonderqError>;
  readonly #connection: Connection;
  readonly #producing: Producing;

  /** Made by `connect`. */
  constructor(connection: Connection, durability: 'write' | 'fsync') {
    super(connection);
    this.#connection = connection;
    this.#producing = new Producing(connection, durability);
    this.closed = connection.closed;
  }

  /** What the broker said of itself when the present connection began. */
  get greeting(): Greeting {
    return this.#connection.greeting;
  }

  /** Whether there is a connection just now. Without one, calls wait for it. */
  get isConnected(): boolean {
    return this.#connection.isConnected;
  }

  /**
   * Resolves to the message's ID once it is confirmed. Calls of one turn for the same queue with
   * the same options leave as one frame.
   */
  async produce(
    queue: string,
    body: Body | Message,
    options: ProduceOptions = {},
  ): Promise<number> {
    try {
      return await this.#producing.one(queue, body, options);
    } catch (error) {
      throw forCaller(error);
    }
  }

  /** As `produce`; resolves to all that the confirmation says. */
  async produceConfirmed(
    queue: string,
    body: Body | Message,
    options: ProduceOptions = {},
  ): Promise<Confirmation> {
    try {
      return await this.#producing.oneConfirmed(queue, body, options);
    } catch (error) {
      throw forCaller(error);
    }
  }

  /** One frame, confirmed as a whole: all messages are there or none. */
  async produceMany(
    queue: string,
    bodies: readonly (Body | Message)[],
    options: ProduceOptions = {},
  ): Promise<number[]> {
    try {
      return await this.#producing.many(queue, bodies, options);
    } catch (error) {
      throw forCaller(error);
    }
  }

  /** Resolves to messages of one of the queues, or to none after `waitMs`. */
  async receive(
    queues: string | readonly string[],
    options: ReceiveOptions = {},
  ): Promise<Deliveries> {
    try {
      return await receive(this.#connection, checkQueues(queues), options);
    } catch (error) {
      throw forCaller(error);
    }
  }

  /** Rejects with STALE_RECEIPT or GONE; an array resolves to an outcome for each receipt. */
  ack(delivery: Settleable): Promise<void>;
  ack(deliveries: readonly Settleable[]): Promise<Outcome[]>;
  ack(queue: string, receipt: string): Promise<void>;
  ack(queue: string, receipts: readonly string[]): Promise<Outcome[]>;
  ack(
    first: Settleable | readonly Settleable[] | string,
    second?: string | readonly string[],
  ): Promise<unknown> {
    return this.#settle('ack', first, second, undefined);
  }

  /**
   * Acknowledges by message ID what was received with a detached lease, for programs that lost the
   * receipt. Rejects with NOT_LEASED or GONE; an array resolves to an outcome for each ID.
   */
  ackCurrent(queue: string, id: number): Promise<void>;
  ackCurrent(queue: string, ids: readonly number[]): Promise<Outcome[]>;
  async ackCurrent(queue: string, ids: number | readonly number[]): Promise<unknown> {
    try {
      return await settle(this.#connection, 'ackCurrent', idTargets(queue, ids));
    } catch (error) {
      throw forCaller(error);
    }
  }

  /** Gives back, counted as a failure. */
  nack(delivery: Settleable, options?: NackOptions): Promise<void>;
  nack(deliveries: readonly Settleable[], options?: NackOptions): Promise<Outcome[]>;
  nack(queue: string, receipt: string, options?: NackOptions): Promise<void>;
  nack(queue: string, receipts: readonly string[], options?: NackOptions): Promise<Outcome[]>;
  nack(
    first: Settleable | readonly Settleable[] | string,
    second?: string | readonly string[] | NackOptions,
    third?: NackOptions,
  ): Promise<unknown> {
    return this.#settle('nack', first, second, third);
  }

  /** Gives back without counting a failure. */
  release(delivery: Settleable): Promise<void>;
  release(deliveries: readonly Settleable[]): Promise<Outcome[]>;
  release(queue: string, receipt: string): Promise<void>;
  release(queue: string, receipts: readonly string[]): Promise<Outcome[]>;
  release(
    first: Settleable | readonly Settleable[] | string,
    second?: string | readonly string[],
  ): Promise<unknown> {
    return this.#settle('release', first, second, undefined);
  }

  /** Lets the lease end `visibilityMs` from now. */
  extend(delivery: Settleable, options?: ExtendOptions): Promise<void>;
  extend(deliveries: readonly Settleable[], options?: ExtendOptions): Promise<Outcome[]>;
  extend(queue: string, receipt: string, options?: ExtendOptions): Promise<void>;
  extend(queue: string, receipts: readonly string[], options?: ExtendOptions): Promise<Outcome[]>;
  extend(
    first: Settleable | readonly Settleable[] | string,
    second?: string | readonly string[] | ExtendOptions,
    third?: ExtendOptions,
  ): Promise<unknown> {
    return this.#settle('extend', first, second, third);
  }

  /**
   * Calls the handler for each message that is pushed. The message is acknowledged when the handler
   * returns, its lease extended while it runs, and it is given back as failed when it throws.
   */
  consume(
    queues: string | readonly string[],
    handler: Handler,
    options: ConsumeOptions = {},
  ): Consumer {
    checkConsumeOptions(options);
    const { concurrency = 1, delayMs, onError = () => {}, signal } = options;
    const consumer = new Consumer(this.#connection, handler, {
      queues: checkQueues(queues),
      concurrency,
      prefetch: options.prefetch ?? concurrency,
      creditBytes: options.creditBytes ?? 0,
      visibilityMs: options.visibilityMs,
      isDetached: this.#connection.options.session === undefined,
      runMsMax: options.runMsMax ?? Number.POSITIVE_INFINITY,
      delayMs: typeof delayMs === 'function' ? delayMs : () => delayMs,
      onError,
    });
    stopOnAbort(consumer, signal);
    return consumer;
  }

  async createQueue(queue: string, settings: Settings = {}): Promise<QueueInfo> {
    return await this.#queueVerb('queue.create', queue, { settings: settingsOf(settings) });
  }

  /** Changes the settings that are given. */
  async configureQueue(queue: string, settings: Settings): Promise<QueueInfo> {
    return await this.#queueVerb('queue.configure', queue, { settings: settingsOf(settings) });
  }

  async pauseQueue(queue: string, what: PauseWhat = 'both'): Promise<QueueInfo> {
    return await this.#queueVerb('queue.pause', queue, { what: checkWhat(what) });
  }

  async resumeQueue(queue: string, what: PauseWhat = 'both'): Promise<QueueInfo> {
    return await this.#queueVerb('queue.resume', queue, { what: checkWhat(what) });
  }

  /** Removes all messages; resolves to how many. */
  async purgeQueue(queue: string, seen: steering.SeenQueue = {}): Promise<number> {
    const { purged } = await this.#queueVerb('queue.purge', queue, steering.checkSeenQueue(seen));
    return Number(purged);
  }

  /**
   * Makes dead messages ready again, as if they had never failed: those of `ids`, or each dead one
   * once that is meant, of as many as were dead when it began.
   */
  async redrive(queue: string, options: RedriveOptions = {}): Promise<Redriven> {
    checkRedrive(options);
    const deadAfter: RedriveSteps['deadAfter'] = (after, limit, headers) =>
      this.browsePage(queue, { state: 'dead', after, limit, bodyBytes: headers ? 0 : undefined });
    const redriveThese: RedriveSteps['redrive'] = (fields) =>
      askOfQueue(this.#connection, 'queue.redrive', queue, { ...fields });
    return await redrive({ redrive: redriveThese, deadAfter }, options);
  }

  /** Removes the queue with its messages; resolves to how many. */
  async deleteQueue(queue: string, seen: steering.SeenQueue = {}): Promise<number> {
    const { deleted } = await this.#queueVerb('queue.delete', queue, steering.checkSeenQueue(seen));
    return Number(deleted);
  }

  /**
   * Gives settings to the queues that come into being with a name that fits; in the pattern `*`
   * stands for any characters. Resolves to how many that fit are there; they stay as they are.
   */
  setTemplate(pattern: string, settings: Settings): Promise<number> {
    return setTemplate(this.#connection, pattern, settings);
  }

  deleteTemplate(pattern: string): Promise<void> {
    return deleteTemplate(this.#connection, pattern);
  }

  /** By ID, whatever their state; one that was seen only while it is so still. */
  deleteMessages(queue: string, meant: steering.Meant): Promise<steering.Deleted> {
    return steering.deleteMessages(this.#connection, queue, meant);
  }

  /** Those that nobody has are ready in another queue, where their failures begin anew. */
  moveMessages(queue: string, meant: steering.Meant, to: string): Promise<steering.Moved> {
    return steering.moveMessages(this.#connection, queue, meant, to);
  }

  /** Resolves to how long the broker took to answer, in milliseconds. */
  async ping(): Promise<number> {
    const startMs = performance.now();
    try {
      await new Promise<void>((resolve, reject) => {
        const done = (error: Error | undefined) => (error ? reject(error) : resolve());
        this.#connection.submit(new PlainCall('ping', done));
      });
      return performance.now() - startMs;
    } catch (error) {
      throw forCaller(error);
    }
  }

  /**
   * Says goodbye: all leases go back, and calls that wait reject with CONNECTION_CLOSED. Stop
   * consumers first to let them finish.
   */
  close(): Promise<void> {
    return this.#connection.close();
  }

  async #settle(
    kind: SettleKind,
    first: Settleable | readonly Settleable[] | string,
    second: unknown,
    third: unknown,
  ): Promise<unknown> {
    try {
      return await settle(this.#connection, kind, targetsOf(first, second, third));
    } catch (error) {
      throw forCaller(error);
    }
  }

  #queueVerb(
    verb: string,
    queue: string,
    fields: Record<string, unknown> = {},
  ): Promise<QueueInfo> {
    return askOfQueue<QueueInfo>(this.#connection, verb, queue, fields);
  }
}
