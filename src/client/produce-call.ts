/**
 * Produce requests: one frame for a program's own batch, and one for the single messages that a
 * program produces in one turn to the same queue in the same way.
 */
import { WonderqError } from '../errors.ts';
import type { ByteWriter } from '../protocol/byte-writer.ts';
import { ANSWER, type Durability } from '../protocol/operations.ts';
import type { Reply } from '../protocol/reply.ts';
import { type OutgoingMessage, writeProduce } from '../protocol/requests.ts';
import { Call } from './call.ts';
import { unexpectedAnswer } from './failure.ts';
import type { BrokerLimits } from './greeting.ts';

/** A message's array, its length and a usual content type. */
const MESSAGE_OVERHEAD_BYTES = 24;
/** What a frame has besides its messages, with room to spare. */
const FRAME_OVERHEAD_BYTES = 256;
/** Frames that form by themselves stay small: the broker takes turns between connections. */
const GATHERED_BYTES_MAX = 256 * 1024;
const GATHERED_MESSAGES_MAX = 1024;

/** How all messages of one frame are produced. */
export interface ProduceManner {
  readonly queue: string;
  /** 0: the queue's. */
  readonly durability: number;
  readonly delayMs: number;
  readonly priority: number;
  readonly notBeforeMs: number | undefined;
  /** Undefined: the queue's. */
  readonly timeToLiveMs: number | undefined;
  /** Less in the confirmation is refused. */
  readonly weakest: Durability;
}

/** What one message's confirmation says. */
export type Confirmed = (id: number, durability: Durability, isDuplicate: boolean) => void;

abstract class ProduceCall extends Call {
  readonly manner: ProduceManner;
  readonly messages: OutgoingMessage[] = [];
  #bytes = FRAME_OVERHEAD_BYTES;

  constructor(manner: ProduceManner) {
    super();
    this.manner = manner;
  }

  override get bytes(): number {
    return this.#bytes;
  }

  override get isChange(): boolean {
    return true;
  }

  write(writer: ByteWriter): void {
    const { sequence, messages } = this;
    writer.ensure(this.#bytes);
    writeProduce(writer, this.id, { ...this.manner, sequence, messages });
  }

  answered(reply: Reply): void {
    if (reply.operation !== ANSWER.produced) throw unexpectedAnswer(reply);
    const ids = idsOf(reply, this.messages.length);
    if (this.isOver) return;
    if (reply.durability >= this.manner.weakest) this.confirmed(ids, reply);
    else this.refused(weaker(ids[0]!));
  }

  protected take(message: OutgoingMessage): void {
    this.messages.push(message);
    this.#bytes += messageBytes(message);
  }

  protected abstract confirmed(ids: number[], reply: Reply): void;
}

/** A program's own batch: all or nothing. */
export class ProduceManyCall extends ProduceCall {
  readonly #resolve: (ids: number[]) => void;
  readonly #reject: (error: WonderqError) => void;

  constructor(
    manner: ProduceManner,
    messages: readonly OutgoingMessage[],
    resolve: (ids: number[]) => void,
    reject: (error: WonderqError) => void,
  ) {
    super(manner);
    for (const message of messages) this.take(message);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  refused(error: WonderqError): void {
    this.#reject(error);
  }

  protected confirmed(ids: number[]): void {
    this.#resolve(ids);
  }
}

/** Single messages of one turn; each caller gets its own ID. */
export class GatheredProduceCall extends ProduceCall {
  readonly #resolves: Confirmed[] = [];
  readonly #rejects: ((error: WonderqError) => void)[] = [];

  /** Whether the message may go with those that are here. */
  hasRoomFor(manner: ProduceManner, message: OutgoingMessage, bounds: BrokerLimits): boolean {
    const bytes = this.bytes + messageBytes(message);
    return (
      this.id === 0 &&
      !this.isOver &&
      isSameManner(this.manner, manner) &&
      this.messages.length < Math.min(GATHERED_MESSAGES_MAX, bounds.batchMessagesMax) &&
      bytes <= Math.min(GATHERED_BYTES_MAX, bounds.frameBytesMax)
    );
  }

  add(message: OutgoingMessage, resolve: Confirmed, reject: (error: WonderqError) => void): void {
    this.take(message);
    this.#resolves.push(resolve);
    this.#rejects.push(reject);
  }

  refused(error: WonderqError): void {
    for (const reject of this.#rejects) reject(error);
  }

  protected confirmed(ids: number[], { durability, duplicates }: Reply): void {
    const isDuplicate = duplicatesOf(duplicates, ids.length);
    for (let index = 0; index < ids.length; index += 1) {
      this.#resolves[index]!(ids[index]!, durability, isDuplicate?.[index] === 1);
    }
  }
}

/** By message: 1 where it is a duplicate; undefined: none is. */
function duplicatesOf(indices: number[] | undefined, count: number): Uint8Array | undefined {
  if (indices === undefined) return undefined;
  const marks = new Uint8Array(count);
  for (const index of indices) marks[index] = 1;
  return marks;
}

/** What a message takes in its frame, at most. */
function messageBytes(message: OutgoingMessage): number {
  const { body, contentType, headers, deduplicationId, group } = message;
  const keys = (deduplicationId?.length ?? 0) + (group?.length ?? 0);
  const texts = (contentType?.length ?? 0) + keys;
  let bytes = body.length + MESSAGE_OVERHEAD_BYTES + texts * 3;
  for (const [key, value] of Object.entries(headers ?? {})) {
    bytes += (key.length + value.length) * 3 + 10;
  }
  return bytes;
}

/** Throws where a program's own batch is more than one frame may be. */
export function checkBatch(messages: readonly OutgoingMessage[], bounds: BrokerLimits): void {
  const { batchMessagesMax, frameBytesMax } = bounds;
  if (messages.length > batchMessagesMax) {
    const what = `a batch may have ${batchMessagesMax} messages`;
    throw new WonderqError('BATCH_TOO_LARGE', what, { field: 'messages' });
  }
  let bytes = FRAME_OVERHEAD_BYTES;
  for (const message of messages) bytes += messageBytes(message);
  if (bytes > frameBytesMax) {
    throw new WonderqError('FRAME_TOO_LARGE', `a batch may have ${frameBytesMax} bytes`);
  }
}

function isSameManner(one: ProduceManner, other: ProduceManner): boolean {
  return (
    one.queue === other.queue &&
    one.durability === other.durability &&
    one.delayMs === other.delayMs &&
    one.priority === other.priority &&
    one.notBeforeMs === other.notBeforeMs &&
    one.timeToLiveMs === other.timeToLiveMs &&
    one.weakest === other.weakest
  );
}

/** The runs of an answer, spread out: an ID for each of the `count` messages. */
function idsOf(reply: Reply, count: number): number[] {
  const { runs } = reply;
  const ids: number[] = [];
  for (let index = 0; index < runs.length; index += 2) {
    const first = runs[index]!;
    const length = runs[index + 1]!;
    // Checked before the loop: the broker's number is not trusted with our memory.
    if (length > count - ids.length) throw unexpectedAnswer(reply);
    for (let offset = 0; offset < length; offset += 1) ids.push(first + offset);
  }
  if (ids.length !== count) throw unexpectedAnswer(reply);
  return ids;
}

function weaker(firstId: number): WonderqError {
  const what = 'is in the queue, but confirmed as written and not as synced';
  return new WonderqError('WEAKER_DURABILITY', `message ${firstId} ${what}`);
}
