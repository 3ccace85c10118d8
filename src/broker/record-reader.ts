/**
 * The records of the log back to facts, and these to the state: what replay does for each record.
 */
import assert from 'node:assert';
import { UnknownRecordError } from '../errors.ts';
import { Walker } from '../protocol/walker.ts';
import type { RefusedReceipt } from '../queue/answers.ts';
import type { MessageState } from '../queue/chunk.ts';
import type { ReturnedReason } from '../queue/journal.ts';
import type { QueueSettings } from '../queue/queue.ts';
import * as replay from '../queue/replay.ts';
import type { State } from '../queue/state.ts';
import { DURABILITY_CODES, PAUSED_CODES, RECORD, REFUSED_CODES, recordVersion } from './records.ts';
import { VarintReader } from './varint.ts';

export class RecordReader {
  private readonly state: State;
  private readonly reader = new VarintReader();
  private readonly walker = new Walker();
  private start = 0;
  private position = 0;
  /** Reused for the messages of every record. */
  private offsets = new Uint32Array(1024);
  private lengths = new Uint32Array(1024);

  /** What each kind does, by its number. */
  private readonly actions: Readonly<Record<number, () => void>> = {
    // Told for whoever reads the log: tokens are unlike those of earlier starts.
    [RECORD.started]: () => {},
    [RECORD.queueSet]: () => this.queueSet(),
    [RECORD.queueDeleted]: () => replay.replayQueueDeleted(this.state, this.reader.next()),
    [RECORD.purged]: () => replay.replayPurged(this.state, this.reader.next()),
    [RECORD.produced]: () => this.produced(),
    [RECORD.delivered]: () => this.delivered(),
    [RECORD.settled]: () => this.settled(),
    [RECORD.returned]: () => this.returned(),
    [RECORD.extended]: () => this.extended(),
    [RECORD.sessionOpened]: () => this.sessionOpened(),
    [RECORD.sessionEnded]: () => replay.replaySessionEnded(this.state, this.reader.next()),
    [RECORD.answered]: () => this.answered(),
    [RECORD.restored]: () => this.restored(),
    [RECORD.copied]: () => this.copied(),
  };

  constructor(state: State) {
    this.state = state;
  }

  /** Applies one record; throws `UnknownRecordError` for one that this program does not know. */
  apply(
    kind: number,
    version: number,
    buffer: Buffer,
    start: number,
    end: number,
    position: number,
  ): void {
    const act = this.actions[kind];
    if (act === undefined || version !== recordVersion) throw new UnknownRecordError(kind, version);
    this.reader.reset(buffer, start, end);
    this.start = start;
    this.position = position;
    act();
    if (this.reader.at > end) assert.fail(`a record of kind ${kind} says more than it holds`);
  }

  private queueSet(): void {
    const { reader } = this;
    const number = reader.next();
    const name = reader.text();
    const createdMs = reader.next();
    const paused = PAUSED_CODES[reader.next()]!;
    const durability = DURABILITY_CODES[reader.next()];
    const visibilityMs = reader.next() || undefined;
    const settings: QueueSettings = { durability, visibilityMs };
    const fact = { number, name, createdMs, settings, paused };
    replay.replayQueueSet(this.state, fact, this.position);
  }

  private produced(): void {
    const { reader } = this;
    const queue = reader.next();
    const priority = reader.next();
    const firstId = reader.next();
    const nowMs = reader.next();
    const dueMs = reader.next();
    const count = reader.next();
    const messages = this.findMessages(count);
    const position = this.position + (messages.start - this.start);
    replay.replayProduced(this.state, queue, priority, firstId, nowMs, dueMs, messages, position);
  }

  /** Finds the messages of a slice again, as they lay in the frame. */
  private findMessages(count: number) {
    const { reader, walker } = this;
    if (count > this.offsets.length) {
      this.offsets = new Uint32Array(count);
      this.lengths = new Uint32Array(count);
    }
    walker.reset(reader.buffer, reader.at, reader.end);
    for (let index = 0; index < count; index += 1) {
      const { at } = walker;
      walker.skip(0);
      this.offsets[index] = at;
      this.lengths[index] = walker.at - at;
    }
    const { buffer, at: start, end } = reader;
    return { buffer, start, end, count, first: 0, offsets: this.offsets, lengths: this.lengths };
  }

  private delivered(): void {
    const { reader } = this;
    const queue = reader.next();
    const session = reader.next();
    const firstToken = reader.next();
    const dueMs = reader.next();
    this.list();
    replay.replayDelivered(this.state, queue, session, firstToken, dueMs, this.state.ids);
  }

  private settled(): void {
    const queue = this.reader.next();
    this.reader.next();
    this.list();
    replay.replaySettled(this.state, queue, this.state.ids);
  }

  private returned(): void {
    const { reader } = this;
    const queue = reader.next();
    const reason = reader.next() as ReturnedReason;
    const dueMs = reader.next();
    this.list();
    replay.replayReturned(this.state, queue, reason, dueMs, this.state.ids);
  }

  private extended(): void {
    const queue = this.reader.next();
    const dueMs = this.reader.next();
    this.list();
    replay.replayExtended(this.state, queue, dueMs, this.state.ids);
  }

  private sessionOpened(): void {
    const { reader } = this;
    const number = reader.next();
    const key = reader.bytes(reader.next()).toString('hex');
    const name = reader.text();
    replay.replaySessionOpened(this.state, number, key, name, this.position);
  }

  private answered(): void {
    const { reader } = this;
    const session = reader.next();
    const part = {
      sequence: reader.next(),
      operation: reader.next(),
      complete: reader.next() === 1,
      count: reader.next(),
      value: reader.next(),
      refused: this.refusals(),
    };
    replay.replayAnswered(this.state, session, part, this.position);
  }

  private restored(): void {
    const { reader, position } = this;
    const session = reader.next();
    const sequence = reader.next();
    const operation = reader.next();
    const complete = reader.next() === 1;
    const count = reader.next();
    const value = reader.next();
    const runs = Array.from({ length: reader.next() }, () => reader.next());
    const refused = this.refusals();
    replay.replayRestored(this.state, session, sequence, {
      operation,
      complete,
      count,
      value,
      runs: runs.length === 0 ? undefined : runs,
      refused,
      position,
    });
  }

  private copied(): void {
    const { reader } = this;
    const queue = reader.next();
    const id = reader.next();
    const priority = reader.next();
    const producedMs = reader.next();
    const state = reader.next() as MessageState;
    const deliveryCount = reader.next();
    const failureCount = reader.next();
    const session = reader.next();
    const token = reader.next();
    const dueMs = reader.next();
    const length = reader.end - reader.at;
    const counts = { deliveryCount, failureCount, session, token, dueMs };
    const copy = { id, priority, producedMs, length, state, ...counts };
    const position = this.position + (reader.at - this.start);
    replay.replayCopied(this.state, queue, copy, position);
  }

  /** Fills `state.ids`. */
  private list(): void {
    const { ids } = this.state;
    const count = this.reader.next();
    ids.clear();
    let before = 0;
    for (let index = 0; index < count; index += 1) {
      const coded = this.reader.next();
      before += coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
      ids.push(before);
    }
  }

  private refusals(): RefusedReceipt[] | undefined {
    const count = this.reader.next();
    if (count === 0) return undefined;
    const refused: RefusedReceipt[] = [];
    for (let done = 0; done < count; done += 1) {
      const index = this.reader.next();
      refused.push({ index, code: REFUSED_CODES[this.reader.next()]! });
    }
    return refused;
  }
}
