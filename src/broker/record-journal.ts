/**
 * The journal over the log: each fact is encoded in place into the log's memory as one record. The
 * other direction is `record-reader.ts`.
 */
import assert from 'node:assert';
import { limits } from '../limits.ts';
import type { Log } from '../log/log.ts';
import { settingNames, settingRows } from '../protocol/queue-settings.ts';
import type { AnswerPart, RefusedReceipt, RememberedAnswer } from '../queue/answers.ts';
import type { Entries } from '../queue/deduplication.ts';
import type { Failure } from '../queue/failures.ts';
import type { IdList } from '../queue/id-list.ts';
import type {
  ByOperator,
  Death,
  Journal,
  MessageSlice,
  Return,
  SettledReason,
} from '../queue/journal.ts';
import type { Queue, QueueSettings } from '../queue/queue.ts';
import type { MessageSnapshot } from '../queue/relocate.ts';
import type { Session } from '../queue/session.ts';
import type { Template } from '../queue/template.ts';
import {
  messageOverheadBytes,
  PAUSED_CODES,
  RECORD,
  REFUSED_CODES,
  recordVersionOf,
} from './records.ts';
import { varintBytesMax, writeVarint } from './varint.ts';

/** Room for the numbers of a record that has no list. */
const numbersBytesMax = 12 * varintBytesMax;
/** Likewise, with a failure. */
const returnBytesMax = numbersBytesMax + limits.clientNameBytesMax + limits.failureTextBytesMax;
/** Likewise, with all settings of a queue. */
const settingsBytesMax =
  numbersBytesMax + settingNames.length * (2 * varintBytesMax + limits.nameBytesMax);

export class RecordJournal implements Journal {
  private readonly log: Log;
  /** Where the record being written goes on. */
  private at = 0;

  constructor(log: Log) {
    this.log = log;
  }

  started(firstToken: number): void {
    this.begin(RECORD.started, numbersBytesMax);
    this.number(firstToken);
    this.end();
  }

  queueSet(queue: Queue): number {
    const name = Buffer.from(queue.name);
    const position = this.begin(RECORD.queueSet, settingsBytesMax + name.length);
    this.number(queue.number);
    this.bytes(name);
    this.number(queue.createdMs);
    this.number(PAUSED_CODES.indexOf(queue.paused));
    this.settings(queue.settings);
    this.end();
    return position;
  }

  /** A count, and the number and value of each that is set. */
  private settings(settings: QueueSettings): void {
    const set = settingNames.filter((name) => settings[name] !== undefined);
    this.number(set.length);
    for (const name of set) {
      const { code, takes } = settingRows[name];
      this.number(code);
      const value = settings[name]!;
      if (takes.kind === 'whole') this.number(value as number);
      else if (takes.kind === 'word') this.number(takes.words.indexOf(value as string));
      else this.bytes(Buffer.from(value as string));
    }
  }

  templateSet({ pattern, settings }: Template): number {
    const bytes = Buffer.from(pattern);
    const position = this.begin(RECORD.templateSet, settingsBytesMax + bytes.length);
    this.bytes(bytes);
    this.settings(settings);
    this.end();
    return position;
  }

  templateDeleted(pattern: string): void {
    const bytes = Buffer.from(pattern);
    this.begin(RECORD.templateDeleted, numbersBytesMax + bytes.length);
    this.bytes(bytes);
    this.end();
  }

  queueDeleted(queue: Queue): void {
    this.begin(RECORD.queueDeleted, numbersBytesMax);
    this.number(queue.number);
    this.end();
  }

  purged(queue: Queue, lastId: number): void {
    this.begin(RECORD.purged, numbersBytesMax);
    this.number(queue.number);
    this.number(lastId);
    this.end();
  }

  produced(
    queue: Queue,
    priority: number,
    firstId: number,
    nowMs: number,
    dueMs: number,
    expiresMs: number,
    messages: MessageSlice,
  ): number {
    const length = messages.end - messages.start;
    const position = this.begin(RECORD.produced, numbersBytesMax + length);
    const start = this.at;
    this.number(queue.number);
    this.number(priority);
    this.number(firstId);
    this.number(nowMs);
    this.number(dueMs);
    this.number(expiresMs);
    this.number(messages.count);
    const slice = position + (this.at - start);
    this.copy(messages.buffer, messages.start, messages.end);
    this.end();
    return slice;
  }

  deduplicated(queue: Queue, { keys, ids, untilMs }: Entries): number {
    const entryBytesMax = 3 * varintBytesMax + limits.deduplicationIdBytesMax;
    const position = this.begin(RECORD.deduplicated, numbersBytesMax + keys.length * entryBytesMax);
    this.number(queue.number);
    this.number(keys.length);
    for (const [at, key] of keys.entries()) {
      this.number(ids[at]!);
      this.number(untilMs[at]!);
      this.bytes(Buffer.from(key));
    }
    this.end();
    return position;
  }

  delivered(queue: Queue, session: number, firstToken: number, dueMs: number, ids: IdList): void {
    this.begin(RECORD.delivered, numbersBytesMax + ids.count * varintBytesMax);
    this.number(queue.number);
    this.number(session);
    this.number(firstToken);
    this.number(dueMs);
    this.list(ids);
    this.end();
  }

  settled(queue: Queue, reason: SettledReason, ids: IdList): void {
    this.begin(RECORD.settled, numbersBytesMax + ids.count * varintBytesMax);
    this.number(queue.number);
    this.number(reason);
    this.list(ids);
    this.end();
  }

  returned(queue: Queue, how: Return, ids: IdList): void {
    this.begin(RECORD.returned, returnBytesMax + ids.count * varintBytesMax);
    this.number(queue.number);
    this.how(how);
    this.number(how.dueMs);
    this.list(ids);
    this.end();
  }

  died(queue: Queue, how: Death, ids: IdList): void {
    this.begin(RECORD.died, returnBytesMax + ids.count * varintBytesMax);
    this.number(queue.number);
    this.how(how);
    this.list(ids);
    this.end();
  }

  moved(from: Queue, to: Queue, how: Return | ByOperator, ids: IdList): void {
    this.begin(RECORD.moved, returnBytesMax + ids.count * varintBytesMax);
    this.number(from.number);
    this.number(to.number);
    if ('by' in how) {
      this.number(0);
      this.bytes(Buffer.from(how.by));
    } else this.how(how);
    this.list(ids);
    this.end();
  }

  deleted(queue: Queue, by: string, ids: IdList): void {
    this.begin(RECORD.deleted, returnBytesMax + ids.count * varintBytesMax);
    this.number(queue.number);
    this.bytes(Buffer.from(by));
    this.list(ids);
    this.end();
  }

  private how({ reason, atMs, consumer, text }: Failure): void {
    this.number(reason);
    this.number(atMs);
    this.bytes(Buffer.from(consumer));
    this.bytes(Buffer.from(text));
  }

  redriven(queue: Queue, ids: IdList): void {
    this.begin(RECORD.redriven, numbersBytesMax + ids.count * varintBytesMax);
    this.number(queue.number);
    this.list(ids);
    this.end();
  }

  extended(queue: Queue, dueMs: number, ids: IdList): void {
    this.begin(RECORD.extended, numbersBytesMax + ids.count * varintBytesMax);
    this.number(queue.number);
    this.number(dueMs);
    this.list(ids);
    this.end();
  }

  unreadable(queue: Queue, ids: IdList): void {
    this.begin(RECORD.unreadable, numbersBytesMax + ids.count * varintBytesMax);
    this.number(queue.number);
    this.list(ids);
    this.end();
  }

  sessionOpened(session: Session): number {
    const key = Buffer.from(session.key, 'hex');
    const name = Buffer.from(session.name);
    const bytesMax = numbersBytesMax + key.length + name.length;
    const position = this.begin(RECORD.sessionOpened, bytesMax);
    this.number(session.number);
    this.bytes(key);
    this.bytes(name);
    this.end();
    return position;
  }

  sessionEnded(session: Session): void {
    this.begin(RECORD.sessionEnded, numbersBytesMax);
    this.number(session.number);
    this.end();
  }

  answered(session: Session, part: AnswerPart): number {
    const refused = part.refused?.length ?? 0;
    const bytesMax = numbersBytesMax + refused * 2 * varintBytesMax;
    const position = this.begin(RECORD.answered, bytesMax);
    this.number(session.number);
    this.number(part.sequence);
    this.number(part.operation);
    this.number(part.complete ? 1 : 0);
    this.number(part.count);
    this.number(part.value);
    this.refusals(part.refused);
    this.end();
    return position;
  }

  /** A remembered answer again, whole, because the record that told it is about to go. */
  restored(session: Session, sequence: number, answer: RememberedAnswer): number {
    const runs = answer.runs ?? [];
    const entries = runs.length + 2 * (answer.refused?.length ?? 0);
    const position = this.begin(RECORD.restored, numbersBytesMax + entries * varintBytesMax);
    this.number(session.number);
    this.number(sequence);
    this.number(answer.operation);
    this.number(answer.complete ? 1 : 0);
    this.number(answer.count);
    this.number(answer.value);
    this.number(runs.length);
    for (const run of runs) this.number(run);
    this.refusals(answer.refused);
    this.end();
    return position;
  }

  /**
   * A live message again, because the segment that holds it is about to go. Returns the position of
   * its bytes.
   */
  copied(queue: Queue, copy: MessageSnapshot, buffer: Buffer, start: number): number {
    // The bytes of a message tell its group, where there are any.
    const group = Buffer.from(copy.length === 0 ? (copy.group ?? '') : '');
    const failuresBytesMax = copy.failures.length * returnBytesMax;
    const bytesMax = numbersBytesMax + failuresBytesMax + group.length + copy.length;
    const position = this.begin(RECORD.copied, bytesMax);
    const first = this.at;
    this.number(queue.number);
    this.number(copy.id);
    this.number(copy.priority);
    this.number(copy.producedMs);
    this.number(copy.state);
    this.number(copy.deliveryCount);
    this.number(copy.failureCount);
    this.number(copy.session);
    this.number(copy.token);
    this.number(copy.dueMs);
    this.number(copy.expiresMs);
    this.number(copy.failures.length);
    for (const failure of copy.failures) this.how(failure);
    this.bytes(group);
    const message = position + (this.at - first);
    this.copy(buffer, start, start + copy.length);
    this.end();
    return message;
  }

  addLive(position: number, bytes: number): void {
    this.log.addLive(position, bytes + messageOverheadBytes);
  }

  addDead(position: number, bytes: number): void {
    this.log.addDead(position, bytes + messageOverheadBytes);
  }

  /** Returns the position of the first byte of the body. */
  private begin(kind: number, bytesMax: number): number {
    this.at = this.log.begin(kind, recordVersionOf(kind), bytesMax);
    return this.log.beginPosition;
  }

  private end(): void {
    this.log.end(this.at);
  }

  private number(value: number): void {
    if (value < 0) assert.fail('numbers of records are not negative');
    this.at = writeVarint(this.log.buffer, this.at, value);
  }

  private copy(source: Uint8Array, start: number, end: number): void {
    const { buffer } = this.log;
    const length = end - start;
    let at = this.at;
    if (length < 48) {
      for (let from = start; from < end; from += 1) buffer[at++] = source[from]!;
    } else {
      buffer.set(source.subarray(start, end), at);
    }
    this.at += length;
  }

  /** A length and the bytes. */
  private bytes(bytes: Buffer): void {
    this.number(bytes.length);
    this.copy(bytes, 0, bytes.length);
  }

  /** A count, the first ID, and the difference to the one before for each other; IDs may fall. */
  private list(ids: IdList): void {
    this.number(ids.count);
    let before = 0;
    for (let index = 0; index < ids.count; index += 1) {
      const id = ids.values[index]!;
      const difference = id - before;
      this.number(difference >= 0 ? difference * 2 : difference * -2 - 1);
      before = id;
    }
  }

  private refusals(refused: readonly RefusedReceipt[] | undefined): void {
    this.number(refused?.length ?? 0);
    for (const { index, code } of refused ?? []) {
      this.number(index);
      this.number(REFUSED_CODES.indexOf(code));
    }
  }
}
