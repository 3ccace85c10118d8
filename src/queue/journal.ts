/**
 * The three things that the rules need from outside, as interfaces, so that the rules stay pure:
 * where facts are written down (`Journal`), where deliveries go (`Outlet`), and which bodies are in
 * memory (`Bodies`). The broker implements them over the log and the connections, tests over plain
 * arrays.
 */
import type { AnswerPart } from './answers.ts';
import type { Entries } from './deduplication.ts';
import type { DeliveryBatch } from './delivery-batch.ts';
import type { IdList } from './id-list.ts';
import type { Queue } from './queue.ts';
import type { Session } from './session.ts';
import type { Taker } from './taker.ts';
import type { Template } from './template.ts';

/** Why a message left for good. The numbers are written to the log. */
export const SETTLED_ACKED = 1;
export const SETTLED_DISCARDED = 2;
/** Its time to live was over. */
export const SETTLED_EXPIRED = 3;
/** There was no room for it beside newer ones. */
export const SETTLED_DROPPED = 4;
export type SettledReason =
  | typeof SETTLED_ACKED
  | typeof SETTLED_DISCARDED
  | typeof SETTLED_EXPIRED
  | typeof SETTLED_DROPPED;

/**
 * Why a delivery ended without an ack. All but a release count as a failure. The numbers are
 * written to the log.
 */
export const RETURNED_NACKED = 1;
export const RETURNED_RELEASED = 2;
export const RETURNED_EXPIRED = 3;
export const RETURNED_SESSION_LOST = 4;
export type ReturnedReason =
  | typeof RETURNED_NACKED
  | typeof RETURNED_RELEASED
  | typeof RETURNED_EXPIRED
  | typeof RETURNED_SESSION_LOST;

/** How deliveries of some messages of one queue ended without an ack. */
export interface Return {
  readonly reason: ReturnedReason;
  /** Broker time. */
  readonly atMs: number;
  /** Not delivered again before; 0: ready at once. */
  readonly dueMs: number;
  /** The name of the client that had them; empty for detached leases. */
  readonly consumer: string;
  /** What the consumer said about it. */
  readonly text: string;
}

/** Why messages are dead that did not fail: their time to live was over. */
export const DIED_EXPIRED = 5;
export type DiedReason = ReturnedReason | typeof DIED_EXPIRED;
export interface Expiry extends Omit<Return, 'reason'> {
  readonly reason: typeof DIED_EXPIRED;
}
export type Death = Return | Expiry;

/** An operator did it. */
export interface ByOperator {
  /** The client's name; empty where it has none, or where an old record told of it. */
  readonly by: string;
}

/** The messages of one slice of a produce frame, in place in the frame's bytes. */
export interface MessageSlice {
  readonly buffer: Uint8Array;
  /** From the first message's first byte to the last one's end. */
  readonly start: number;
  readonly end: number;
  readonly count: number;
  /** Where each message lies in `buffer`: entries from `first` on. */
  readonly first: number;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  /** The keys of their groups, likewise from `first` on; undefined: none has one. */
  readonly groups: readonly (string | undefined)[] | undefined;
}

/** Facts, in the order in which they happened. Each is one record. */
export interface Journal {
  /** A queue exists with these settings. Also replaces what was written before. */
  queueSet(queue: Queue): number;
  /** A queue and all its messages are gone. */
  queueDeleted(queue: Queue): void;
  /** A pattern has these settings. Also replaces what was written before. */
  templateSet(template: Template): number;
  templateDeleted(pattern: string): void;
  /** All messages of a queue up to this ID are gone. */
  purged(queue: Queue, lastId: number): void;
  /**
   * Returns the position of the first byte of the messages. `dueMs` 0: ready at once; `expiresMs`
   * 0: no time to live.
   */
  produced(
    queue: Queue,
    priority: number,
    firstId: number,
    nowMs: number,
    dueMs: number,
    expiresMs: number,
    messages: MessageSlice,
  ): number;
  /** Deduplication IDs of messages that were produced. Returns where the record stands. */
  deduplicated(queue: Queue, entries: Entries): number;
  /** Tokens count up from `firstToken` in the order of the IDs. Session 0: detached. */
  delivered(queue: Queue, session: number, firstToken: number, dueMs: number, ids: IdList): void;
  settled(queue: Queue, reason: SettledReason, ids: IdList): void;
  returned(queue: Queue, how: Return, ids: IdList): void;
  /** What would have come back failed once too often, or its time to live was over. */
  died(queue: Queue, how: Death, ids: IdList): void;
  /** So did this, or an operator moved it, and is ready in another queue now. */
  moved(from: Queue, to: Queue, how: Return | ByOperator, ids: IdList): void;
  /** An operator deleted these, whatever their state. */
  deleted(queue: Queue, by: string, ids: IdList): void;
  /** Dead messages are ready again, as if they had never failed. */
  redriven(queue: Queue, ids: IdList): void;
  extended(queue: Queue, dueMs: number, ids: IdList): void;
  /** The bytes of these messages can no longer be read. */
  unreadable(queue: Queue, ids: IdList): void;
  sessionOpened(session: Session): number;
  sessionEnded(session: Session): void;
  /** Part of the answer to a request with a sequence number. */
  answered(session: Session, part: AnswerPart): number;

  /** Bytes of a message are needed, or no longer needed. */
  addLive(position: number, bytes: number): void;
  addDead(position: number, bytes: number): void;
}

export interface Outlet {
  /** Whether the taker's connection can take more deliveries now. If not it will say so later. */
  canDeliver(taker: Taker): boolean;
  /** These messages were leased to the taker. The batch is valid only during the call. */
  deliver(taker: Taker, queue: Queue, batch: DeliveryBatch): void;
  /** A receive that waited found nothing. */
  answerEmpty(taker: Taker): void;
  /** The broker ends a receive or subscription; the taker is out of all lists already. */
  end(taker: Taker, code: 'QUEUE_DELETED'): void;
}

export interface Bodies {
  inMemory(position: number, length: number): boolean;
  /** Asks for bytes; when they are there the queue is to be marked as changed. */
  fetch(queue: Queue, position: number, length: number): void;
}
