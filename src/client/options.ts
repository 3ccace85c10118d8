/**
 * The options of the client's calls, and what they are checked against.
 */
import type { Code } from '../errors.ts';
import { limits } from '../limits.ts';
import type { QueueSettings } from '../protocol/queue-settings.ts';
import { badField, checkDelay, checkInteger, checkText, checkVisibility } from './checks.ts';
import type { Delivery } from './delivery.ts';
import type { MessageOptions } from './message.ts';

export type DurabilityName = 'write' | 'fsync';

export interface ConnectOptions {
  /** The least that produce accepts: a confirmation with less rejects. Default: write. */
  durability?: DurabilityName | undefined;
  /** Shown to operators. */
  name?: string | undefined;
  token?: string | undefined;
  /** The deadline of each call, and of the first connect. Default 30,000. */
  timeoutMs?: number | undefined;
  /** False: no session, so no safe retries, and leases that belong to nobody. Default true. */
  session?: boolean | undefined;
  /** False asks the broker not to ping, for a program that blocks while it works. Default true. */
  pinged?: boolean | undefined;
  /** False: a lost connection closes the client. Default true. */
  reconnect?: boolean | undefined;
}

export interface ProduceOptions extends MessageOptions {
  /** Not delivered before. */
  delayMs?: number | undefined;
  /** Likewise, a time, in milliseconds since 1970 where it is a number. One of the two. */
  notBefore?: Date | number | undefined;
  /** How long it may be delivered, from now on. Default: the queue's. */
  timeToLiveMs?: number | undefined;
  /** 0 to 255, the higher first. */
  priority?: number | undefined;
  /** 'write': confirmed, and accepted, as soon as the operating system has it. */
  durability?: 'write' | undefined;
}

export interface ReceiveOptions {
  /** Messages at most. Default 1. */
  max?: number | undefined;
  /**
   * Bytes of messages, as they are encoded, at most; the first one comes whatever its size.
   * Default: no bound.
   */
  bytesMax?: number | undefined;
  /** How long to wait for a first message. Default 0. */
  waitMs?: number | undefined;
  /** How long the messages may be held. Default: the queue's. */
  visibilityMs?: number | undefined;
  /** True: the leases belong to no session, and end only by their receipts or their time. */
  detached?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Acknowledged in the same frame; `acked` of the result tells what became of them. */
  ack?: readonly Settleable[] | undefined;
}

export interface NackOptions {
  /** Not delivered again before. Default: as the queue's back-off says. */
  delayMs?: number | undefined;
  /** Why, for whoever looks at it later: at most 256 bytes. */
  reason?: string | undefined;
}

export interface ExtendOptions {
  /** How long the lease lasts from now. Default: the queue's visibility timeout. */
  visibilityMs?: number | undefined;
}

/** Undefined: as the queue's back-off says. */
export type DelayOf = (delivery: Delivery, error: unknown) => number | undefined;

export interface ConsumeOptions {
  /** Handlers at a time. Default 1. */
  concurrency?: number | undefined;
  /**
   * Messages that may wait here for a handler, besides those that have one. Default: concurrency.
   */
  prefetch?: number | undefined;
  /**
   * Bytes of messages, as they are encoded, held here, above which no more are sent. Default 0: no
   * bound.
   */
  creditBytes?: number | undefined;
  visibilityMs?: number | undefined;
  /**
   * How long leases are extended for a handler that runs; then its message comes again, as one that
   * failed. Default: for as long as it runs.
   */
  runMsMax?: number | undefined;
  /** How long a message waits after its handler has thrown. Default: as the queue says. */
  delayMs?: number | DelayOf | undefined;
  /** What a handler threw, an ack that came too late, or why the broker ended the subscription. */
  onError?: ((error: unknown, delivery: Delivery | undefined) => void) | undefined;
  /** Aborted: as `stop()`. */
  signal?: AbortSignal | undefined;
}

/** A delivery, or what another process knows of one. */
export type Settleable = Delivery | { readonly queue: string; readonly receipt: string };

/** What became of one receipt of several. */
export type Outcome = 'ok' | Code;

/** Of a queue; null: back to the default, undefined: as it is. */
export type Settings = {
  [Name in keyof QueueSettings]?: QueueSettings[Name] | null;
};

export function checkConnectOptions(options: ConnectOptions): void {
  checkInteger('timeoutMs', options.timeoutMs, 1, limits.timerMsMax);
  checkText('name', options.name, limits.clientNameBytesMax);
  // The hello must fit its frame with the token in it.
  checkText('token', options.token, limits.helloFrameBytesMax / 2);
  const { durability } = options;
  if (durability !== undefined && durability !== 'write' && durability !== 'fsync') {
    throw badField('durability', 'must be write or fsync');
  }
}

export function checkProduceOptions(options: ProduceOptions): void {
  checkDelay(options.delayMs);
  checkInteger('notBefore', notBeforeMsOf(options), 0, Number.MAX_SAFE_INTEGER);
  if (options.notBefore !== undefined && options.delayMs) {
    throw badField('notBefore', 'and delayMs exclude each other');
  }
  checkInteger('timeToLiveMs', options.timeToLiveMs, 1, limits.delayMsMax);
  checkInteger('priority', options.priority, 0, limits.priorityMax);
  if (options.durability !== undefined && options.durability !== 'write') {
    throw badField('durability', 'of a produce can only be lowered, to write');
  }
}

export function notBeforeMsOf({ notBefore }: ProduceOptions): number | undefined {
  return notBefore instanceof Date ? notBefore.getTime() : notBefore;
}

/** What a message was confirmed with. */
export interface Confirmation {
  /** Of a duplicate: that of the first message. */
  readonly id: number;
  readonly durability: DurabilityName;
  /** Not produced, since one with the same deduplication ID was there before. */
  readonly isDuplicate: boolean;
}

/** Several messages cannot share one deduplication ID: give each a `Message` of its own. */
export function checkShared({ deduplicationId }: ProduceOptions, count: number): void {
  if (deduplicationId === undefined || count === 1) return;
  throw badField('deduplicationId', 'must be one a message');
}

export function checkReceiveOptions(options: ReceiveOptions, batchMessagesMax: number): void {
  checkInteger('max', options.max, 1, batchMessagesMax);
  checkInteger('bytesMax', options.bytesMax, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('waitMs', options.waitMs, 0, limits.waitMsMax);
  checkVisibility(options.visibilityMs);
}

export function checkConsumeOptions(options: ConsumeOptions): void {
  const { concurrency, prefetch, creditBytes, visibilityMs, delayMs, runMsMax } = options;
  checkInteger('concurrency', concurrency, 1, limits.creditMax / 2);
  checkInteger('prefetch', prefetch, 0, limits.creditMax / 2);
  checkInteger('creditBytes', creditBytes, 0, Number.MAX_SAFE_INTEGER);
  checkVisibility(visibilityMs);
  checkInteger('runMsMax', runMsMax, 1, limits.timerMsMax);
  if (typeof delayMs !== 'function') checkDelay(delayMs);
}
