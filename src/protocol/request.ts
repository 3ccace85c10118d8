/**
 * One request as the broker sees it: a single object, used again for each frame, so that parsing
 * makes none. `parseRequest` fills it; everything in it holds only until the next frame is parsed.
 */
import { limits } from '../limits.ts';
import { REQUEST } from './operations.ts';
import { GroupsScratch, MessagesScratch, ReceiptsScratch } from './scratch.ts';

const NO_ARGUMENTS: Readonly<Record<string, unknown>> = Object.freeze({});

/** The bounds that an operator may set. */
export interface RequestLimits {
  readonly bodyBytesMax: number;
  readonly batchMessagesMax: number;
}

export class Request {
  readonly bodyBytesMax: number;
  readonly batchMessagesMax: number;

  operation = 0;
  /** 0 where the frame has none, or none that could be read: then an error answer carries 0 too. */
  id = 0;
  /** 0: none. */
  sequence = 0;

  /** The one queue of the request, or the first of `queues`. */
  queue = '';
  /** Receive and subscribe: the queues in order of preference. */
  readonly queues: string[] = [];

  /** Produce. */
  durability = 0;
  delayMs = 0;
  /** Of a nack: whether it names a delay, and why it is one. */
  hasDelay = false;
  reason = '';
  priority = 0;
  /** 0: none. */
  notBeforeMs = 0;
  /** 0: the queue's. */
  timeToLiveMs = 0;
  readonly messages = new MessagesScratch();
  /** One for each message, where any has one. */
  readonly deduplicationIds: (string | undefined)[] = [];

  /**
   * Ack, nack, release, extend, ackCurrent (IDs alone); those of receive's acks and of resume, by
   * group.
   */
  readonly receipts = new ReceiptsScratch();
  readonly groups = new GroupsScratch();

  /** Receive. `hasAcks`: acks were given, be it none. */
  messagesMax = 0;
  bytesMax = 0;
  waitMs = 0;
  hasAcks = false;
  /** Also of extend and subscribe; 0: the queue's. */
  visibilityMs = 0;
  detached = false;

  /** Credit and unsubscribe: the request ID of the subscribe. */
  subscription = 0;
  creditMessages = 0;
  /** Of subscribe, 0: no bound by bytes. */
  creditBytes = 0;

  /** Cancel: the request that is taken back. */
  target = 0;
  /** Pong: the number of the ping. */
  pingNumber = 0;

  /** Hello. The session is a copy. */
  version = 0;
  clientName = '';
  session: Buffer | undefined = undefined;
  token: string | undefined = undefined;
  pinged = true;

  /** Administer. The arguments are plain values, and not looked at here. */
  verb = '';
  arguments: Readonly<Record<string, unknown>> = NO_ARGUMENTS;

  constructor(bounds: Partial<RequestLimits> = {}) {
    this.bodyBytesMax = bounds.bodyBytesMax ?? limits.bodyBytesMax;
    this.batchMessagesMax = bounds.batchMessagesMax ?? limits.batchMessagesMax;
  }

  /** Back to what a request holds that says nothing. */
  clear(): void {
    if (this.operation < REQUEST.produce || this.operation > REQUEST.ackCurrent) {
      this.#clearRare();
    }
    this.operation = 0;
    this.id = 0;
    this.sequence = 0;
    this.queue = '';
    if (this.queues.length > 0) this.queues.length = 0;
    this.durability = 0;
    this.delayMs = 0;
    this.hasDelay = false;
    this.reason = '';
    this.priority = 0;
    this.notBeforeMs = 0;
    this.timeToLiveMs = 0;
    this.messages.count = 0;
    this.messages.groups = undefined;
    if (this.deduplicationIds.length > 0) this.deduplicationIds.length = 0;
    this.receipts.count = 0;
    this.groups.count = 0;
    this.messagesMax = 0;
    this.bytesMax = 0;
    this.waitMs = 0;
    this.hasAcks = false;
    this.visibilityMs = 0;
    this.detached = false;
    this.subscription = 0;
    this.creditMessages = 0;
    this.creditBytes = 0;
  }

  /** What only the operations outside the run of produce to ackCurrent set. */
  #clearRare(): void {
    this.target = 0;
    this.pingNumber = 0;
    this.version = 0;
    this.clientName = '';
    this.session = undefined;
    this.token = undefined;
    this.pinged = true;
    this.verb = '';
    this.arguments = NO_ARGUMENTS;
  }
}
