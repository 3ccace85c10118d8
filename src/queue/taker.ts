/**
 * A taker: somebody who wants messages. A *receive* takes once, and may wait for it; a
 * *subscription* takes as long as it has credit. It stands in the line of each of its queues while
 * it can take.
 */
import type { Queue } from './queue.ts';
import type { Session } from './session.ts';

export interface TakerOptions {
  /** The connection it came on, and the request's ID there. Opaque to the rules. */
  readonly connection: object;
  readonly requestId: number;
  /** In order of preference. */
  readonly queues: readonly Queue[];
  /** Undefined: its leases are detached. */
  readonly session: Session | undefined;
  readonly kind: 'receive' | 'subscription';
  /** Messages a receive takes at most; the credit of a subscription. */
  readonly messages: number;
  /** Bytes likewise; infinity: no bound. */
  readonly bytes: number;
  /** 0: the queue's. */
  readonly visibilityMs: number;
  /** What a receive acknowledged on the way, for its answer. Opaque to the rules. */
  readonly acknowledged?: unknown;
  /** Whether the request had a sequence number. */
  readonly isSequenced?: boolean;
}

export class Taker {
  readonly connection: object;
  readonly requestId: number;
  readonly queues: readonly Queue[];
  readonly session: Session | undefined;
  readonly kind: 'receive' | 'subscription';
  readonly visibilityMs: number;
  readonly acknowledged: unknown;
  readonly isSequenced: boolean;
  /** What it may still take. */
  messages: number;
  bytes: number;
  /** Its number among the takers, for its deadline. */
  handle = 0;
  /** Whether it stands in line. */
  inLine = false;

  constructor(options: TakerOptions) {
    this.connection = options.connection;
    this.requestId = options.requestId;
    this.queues = options.queues;
    this.session = options.session;
    this.kind = options.kind;
    this.messages = options.messages;
    this.bytes = options.bytes;
    this.visibilityMs = options.visibilityMs;
    this.acknowledged = options.acknowledged;
    this.isSequenced = options.isSequenced ?? false;
  }

  get hasCredit(): boolean {
    return this.messages > 0 && this.bytes > 0;
  }
}
