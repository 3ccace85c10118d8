/**
 * Looks at messages: a page of a queue, or one message. A look shows what is in memory, says what
 * must be read before it can go on, and looks at each message anew when it does.
 */
import { WonderqError } from '../errors.ts';
import { limits, settable } from '../limits.ts';
import { type Browsed, browse, type Place } from '../queue/browse.ts';
import type { MessageState } from '../queue/chunk.ts';
import { toldState } from '../queue/grouping.ts';
import type { Queue } from '../queue/queue.ts';
import { type Arguments, badField, name, text, whole } from './arguments.ts';
import type { Core } from './core.ts';
import {
  type BodyRange,
  type Described,
  describeBytes,
  describeLocated,
} from './message-description.ts';
import { messageStates } from './record-description.ts';
import { WhyLook } from './why.ts';

/** What is counted for one message beside its bytes, and for each of its failures. */
const shownBytes = 256;
const failureBytes = 512;
/** Bytes of messages that one page looks through. */
const lookedBytesMax = limits.fetchBytesMax;
const [, bodyBytesMost] = settable.bodyBytesMax;
const pageMax = limits.sliceMessagesMax;
const pageDefault = Math.min(100, pageMax);

/** Bytes of the log that are not in memory. */
export interface Missing {
  readonly position: number;
  readonly length: number;
}

export interface Look {
  /** Whether it may have to wait for the disk. */
  readonly mayRead: boolean;
  /** Undefined: it is done. May refuse. */
  goOn(): Missing | undefined;
  /** Once it is done. */
  readonly value: Described;
  /** What it did so far, in messages. */
  readonly cost: number;
}

/** The verbs, by name. */
export const looks: Readonly<Record<string, (core: Core, args: Arguments) => Look>> = {
  messages: (core, args) => new PageLook(core, args),
  message: (core, args) => new MessageLook(core, args),
  why: (core, args) => new WhyLook(core, args),
};

class PageLook implements Look {
  private readonly core: Core;
  private readonly queue: string;
  private readonly state: MessageState | undefined;
  private readonly after: Place | undefined;
  private readonly limit: number;
  private readonly range: BodyRange | undefined;
  private readonly messages: Described[] = [];
  private found: Browsed | undefined;
  /** Of the messages found, how many were looked at. */
  private at = 0;
  private isFull = false;
  private bytes = 0;
  private lookedBytes = 0;

  constructor(core: Core, args: Arguments) {
    this.core = core;
    this.queue = name(args);
    this.state = stateOf(args);
    this.after = cursorOf(args);
    this.limit = whole(args, 'limit', 1, pageMax, pageDefault);
    this.range = rangeOf(args);
  }

  get mayRead(): boolean {
    return this.range !== undefined;
  }

  get cost(): number {
    return 1 + this.messages.length + Math.floor(this.bytes / limits.sliceBytesPerMessage);
  }

  get value(): Described {
    const { places, next } = this.found!;
    const last = this.at === places.length ? next : places[this.at - 1];
    return { messages: this.messages, next: last ? `${last.priority}-${last.id}` : null };
  }

  goOn(): Missing | undefined {
    const queue = this.core.state.required(this.queue);
    this.found ??= browse(queue, this.after, this.state, this.limit);
    const { places } = this.found;
    while (this.at < places.length && !this.isFull) {
      const isThere = queue.locate(places[this.at]!.id) && this.isWanted(queue);
      const missing = isThere ? missingOf(this.core, queue, this.range) : undefined;
      if (missing !== undefined) return missing;
      if (isThere) this.show(queue);
      if (!this.isFull) this.at += 1;
    }
    return undefined;
  }

  private isWanted(queue: Queue): boolean {
    const state = toldState(queue, queue.foundChunk!, queue.foundIndex);
    return this.state === undefined || state === this.state;
  }

  /** The first message is shown whatever its size. */
  private show(queue: Queue): void {
    const length = queue.foundChunk!.lengths[queue.foundIndex]!;
    const message = describe(this.core, queue, this.range);
    this.lookedBytes += this.mayRead ? length : 0;
    const bytes = this.bytes + sizeOf(message);
    const isTooMuch = bytes > limits.deliveryFrameBytesMax || this.lookedBytes > lookedBytesMax;
    this.isFull = this.messages.length > 0 && isTooMuch;
    if (this.isFull) return;
    this.bytes = bytes;
    this.messages.push(message);
  }
}

class MessageLook implements Look {
  readonly mayRead = true;
  readonly cost = 1;
  value: Described = {};
  private readonly core: Core;
  private readonly queue: string;
  private readonly id: number;
  private readonly range: BodyRange;

  constructor(core: Core, args: Arguments) {
    this.core = core;
    this.queue = name(args);
    this.id = whole(args, 'id', 1, Number.MAX_SAFE_INTEGER);
    this.range = rangeOf({ ...args, bodyBytes: args.bodyBytes ?? bodyBytesMost })!;
  }

  goOn(): Missing | undefined {
    const queue = this.core.state.required(this.queue);
    if (!queue.locate(this.id)) {
      const what = `there is no message ${this.id} in queue ${this.queue}`;
      throw new WonderqError('GONE', what, { field: 'id' });
    }
    const missing = missingOf(this.core, queue, this.range);
    if (missing === undefined) this.value = describe(this.core, queue, this.range);
    return missing;
  }
}

/** What of the located message is wanted and not in memory. A message that rotted has no bytes. */
function missingOf(core: Core, queue: Queue, range: BodyRange | undefined): Missing | undefined {
  const position = queue.foundChunk!.positions[queue.foundIndex]!;
  const length = queue.foundChunk!.lengths[queue.foundIndex]!;
  const isThere = length === 0 || core.state.bodies.inMemory(position, length);
  return range === undefined || isThere ? undefined : { position, length };
}

function describe(core: Core, queue: Queue, range: BodyRange | undefined): Described {
  const known = describeLocated(core.state, queue);
  const position = queue.foundChunk!.positions[queue.foundIndex]!;
  const length = queue.foundChunk!.lengths[queue.foundIndex]!;
  if (range === undefined || length === 0) return known;
  const { buffer, address } = core.log.cached(position, length)!;
  return { ...known, ...describeBytes(core.walker, buffer, position - address, length, range) };
}

function sizeOf({ bytes, bodyBytes, body, failures }: Described): number {
  const besides = bodyBytes === undefined ? 0 : Number(bytes) - Number(bodyBytes);
  const ofBody = body instanceof Buffer ? body.length : 0;
  const ofFailures = Array.isArray(failures) ? failures.length * failureBytes : 0;
  return shownBytes + besides + ofBody + ofFailures;
}

function stateOf(args: Arguments): MessageState | undefined {
  const wanted = text(args, 'state');
  if (wanted === undefined) return undefined;
  const state = messageStates.indexOf(wanted);
  if (state > 0) return state as MessageState;
  throw badField('state', `must be ${messageStates.slice(1).join(', ')}`);
}

function cursorOf(args: Arguments): Place | undefined {
  const after = text(args, 'after');
  if (after === undefined) return undefined;
  const [, priority, id] = /^(\d{1,3})-(\d{1,16})$/.exec(after) ?? [];
  const place = { priority: Number(priority), id: Number(id) };
  if (place.priority <= limits.priorityMax && Number.isSafeInteger(place.id)) return place;
  throw badField('after', 'must be what a page gave as next');
}

/** Nil: nothing that only the bytes of a message tell. */
function rangeOf(args: Arguments): BodyRange | undefined {
  const from = whole(args, 'bodyFrom', 0, bodyBytesMost, 0);
  if (args.bodyBytes === undefined || args.bodyBytes === null) return undefined;
  return { from, bytes: whole(args, 'bodyBytes', 0, bodyBytesMost) };
}
