/**
 * The records of the log back to facts, the one place that knows how to read them. What becomes of
 * a fact is its receiver's: replay changes the state, `dump` prints it.
 */
import { MalformedRecordError, UnknownRecordError } from '../errors.ts';
import { settingOfCode, settingRows } from '../protocol/queue-settings.ts';
import type { AnswerPart, RefusedReceipt, RememberedAnswer } from '../queue/answers.ts';
import type { MessageState } from '../queue/chunk.ts';
import type { Entries } from '../queue/deduplication.ts';
import type { Failure } from '../queue/failures.ts';
import type { IdList } from '../queue/id-list.ts';
import type {
  ByOperator,
  Death,
  DiedReason,
  MessageSlice,
  Return,
  ReturnedReason,
  SettledReason,
} from '../queue/journal.ts';
import type { QueueSettings } from '../queue/queue.ts';
import type { MessageSnapshot } from '../queue/relocate.ts';
import type { QueueFact } from '../queue/replay.ts';
import { MessageFinder } from './message-finder.ts';
import {
  FIRST_DURABILITIES,
  FIRST_WHEN_FAILED,
  isKnownVersion,
  PAUSED_CODES,
  RECORD,
  REFUSED_CODES,
} from './records.ts';
import { VarintReader } from './varint.ts';

/** Positions are those of what compaction copies: a record's body, or its first message. */
export interface Facts {
  started(firstToken: number): void;
  queueSet(fact: QueueFact, position: number): void;
  queueDeleted(queue: number): void;
  templateSet(pattern: string, settings: QueueSettings, position: number): void;
  templateDeleted(pattern: string): void;
  purged(queue: number, lastId: number): void;
  produced(
    queue: number,
    priority: number,
    firstId: number,
    producedMs: number,
    dueMs: number,
    expiresMs: number,
    messages: MessageSlice,
    position: number,
  ): void;
  delivered(queue: number, session: number, firstToken: number, dueMs: number, ids: IdList): void;
  settled(queue: number, reason: SettledReason, ids: IdList): void;
  returned(queue: number, how: Return, ids: IdList): void;
  died(queue: number, how: Death, ids: IdList): void;
  moved(from: number, to: number, how: Return | ByOperator, ids: IdList): void;
  deleted(queue: number, by: string, ids: IdList): void;
  redriven(queue: number, ids: IdList): void;
  deduplicated(queue: number, entries: Entries, position: number): void;
  extended(queue: number, dueMs: number, ids: IdList): void;
  unreadable(queue: number, ids: IdList): void;
  sessionOpened(session: number, key: string, name: string, position: number): void;
  sessionEnded(session: number): void;
  answered(session: number, part: AnswerPart, position: number): void;
  restored(session: number, sequence: number, answer: RememberedAnswer): void;
  /** `buffer` holds the message from `start` on; an unreadable one has no bytes. */
  copied(
    queue: number,
    copy: MessageSnapshot,
    position: number,
    buffer: Buffer,
    start: number,
  ): void;
}

export class RecordParser {
  private readonly facts: Facts;
  /** Reused for the IDs of every record. */
  private readonly ids: IdList;
  private readonly reader = new VarintReader();
  private readonly finder = new MessageFinder();
  private version = 0;
  private start = 0;
  private position = 0;

  /** What each kind does, by its number. */
  private readonly actions: Readonly<Record<number, () => void>> = {
    [RECORD.started]: () => this.facts.started(this.reader.next()),
    [RECORD.queueSet]: () => this.queueSet(),
    [RECORD.queueDeleted]: () => this.facts.queueDeleted(this.reader.next()),
    [RECORD.purged]: () => this.facts.purged(this.reader.next(), this.reader.next()),
    [RECORD.produced]: () => this.produced(),
    [RECORD.delivered]: () => this.delivered(),
    [RECORD.settled]: () => this.settled(),
    [RECORD.returned]: () => this.returned(),
    [RECORD.extended]: () => this.extended(),
    [RECORD.sessionOpened]: () => this.sessionOpened(),
    [RECORD.sessionEnded]: () => this.facts.sessionEnded(this.reader.next()),
    [RECORD.answered]: () => this.answered(),
    [RECORD.restored]: () => this.restored(),
    [RECORD.copied]: () => this.copied(),
    [RECORD.unreadable]: () => this.unreadable(),
    [RECORD.died]: () => this.died(),
    [RECORD.redriven]: () => this.redriven(),
    [RECORD.moved]: () => this.moved(),
    [RECORD.deduplicated]: () => this.deduplicated(),
    [RECORD.templateSet]: () =>
      this.facts.templateSet(this.reader.text(), this.settings(), this.position),
    [RECORD.templateDeleted]: () => this.facts.templateDeleted(this.reader.text()),
    [RECORD.deleted]: () => this.deleted(),
  };

  constructor(facts: Facts, ids: IdList) {
    this.facts = facts;
    this.ids = ids;
  }

  /**
   * Tells one record. Throws `UnknownRecordError` for one that this program does not know, and
   * `MalformedRecordError` for one that cannot be read; then nothing of it was told.
   */
  apply(
    kind: number,
    version: number,
    buffer: Buffer,
    start: number,
    end: number,
    position: number,
  ): void {
    const act = this.actions[kind];
    if (act === undefined || !isKnownVersion(kind, version))
      throw new UnknownRecordError(kind, version);
    this.reader.reset(buffer, start, end);
    this.version = version;
    this.start = start;
    this.position = position;
    act();
  }

  private queueSet(): void {
    const { reader } = this;
    const number = reader.next();
    const name = reader.text();
    const createdMs = reader.next();
    const paused = reader.code(PAUSED_CODES);
    const settings = this.version < 3 ? this.firstSettings() : this.settings();
    this.facts.queueSet({ number, name, createdMs, settings, paused }, this.position);
  }

  /** As versions 1 and 2 have them. */
  private firstSettings(): QueueSettings {
    const { reader } = this;
    const durability = reader.code(FIRST_DURABILITIES);
    const visibilityMs = reader.next() || undefined;
    if (this.version === 1) return { durability, visibilityMs };
    const failuresMax = reader.next() || undefined;
    return { durability, visibilityMs, failuresMax, whenFailed: reader.code(FIRST_WHEN_FAILED) };
  }

  private settings(): QueueSettings {
    const { reader } = this;
    const settings: Record<string, unknown> = {};
    for (let left = reader.count(); left > 0; left -= 1) {
      const name = settingOfCode(reader.next());
      if (name === undefined) throw new MalformedRecordError();
      const { takes } = settingRows[name];
      if (takes.kind === 'queue') settings[name] = reader.text();
      else if (takes.kind === 'word') settings[name] = reader.code(takes.words);
      else settings[name] = reader.next();
    }
    return settings;
  }

  private produced(): void {
    const { reader } = this;
    const queue = reader.next();
    const priority = reader.next();
    const firstId = reader.next();
    const nowMs = reader.next();
    const dueMs = reader.next();
    const expiresMs = this.version === 1 ? 0 : reader.next();
    const count = reader.count();
    const messages = this.finder.find(reader, count);
    const position = this.position + (messages.start - this.start);
    this.facts.produced(queue, priority, firstId, nowMs, dueMs, expiresMs, messages, position);
  }

  private deduplicated(): void {
    const { reader } = this;
    const queue = reader.next();
    const entries = { keys: [] as string[], ids: [] as number[], untilMs: [] as number[] };
    for (let left = reader.count(); left > 0; left -= 1) {
      entries.ids.push(reader.next());
      entries.untilMs.push(reader.next());
      entries.keys.push(reader.text());
    }
    this.facts.deduplicated(queue, entries, this.position);
  }

  private delivered(): void {
    const { reader } = this;
    const queue = reader.next();
    const session = reader.next();
    const firstToken = reader.next();
    const dueMs = reader.next();
    this.list();
    this.facts.delivered(queue, session, firstToken, dueMs, this.ids);
  }

  private settled(): void {
    const queue = this.reader.next();
    const reason = this.reader.next() as SettledReason;
    this.list();
    this.facts.settled(queue, reason, this.ids);
  }

  private returned(): void {
    const { reader } = this;
    const queue = reader.next();
    const how = this.how(reader.next() as ReturnedReason, 2);
    const dueMs = reader.next();
    this.list();
    this.facts.returned(queue, { ...how, dueMs }, this.ids);
  }

  private died(): void {
    const queue = this.reader.next();
    const how = this.how(this.reader.next() as DiedReason, 2);
    this.list();
    this.facts.died(queue, { ...how, dueMs: 0 }, this.ids);
  }

  private moved(): void {
    const { reader } = this;
    const from = reader.next();
    const to = reader.next();
    const reason = reader.next();
    const how =
      reason === 0
        ? { by: this.version === 1 ? '' : reader.text() }
        : { ...this.how(reason as ReturnedReason, 1), dueMs: 0 };
    this.list();
    this.facts.moved(from, to, how, this.ids);
  }

  private deleted(): void {
    const queue = this.reader.next();
    const by = this.reader.text();
    this.list();
    this.facts.deleted(queue, by, this.ids);
  }

  /** What follows the reason, in records from version `since` on. */
  private how<R extends DiedReason>(reason: R, since: number): Failure & { readonly reason: R } {
    const { reader } = this;
    if (this.version < since) return { reason, atMs: 0, consumer: '', text: '' };
    return { reason, atMs: reader.next(), consumer: reader.text(), text: reader.text() };
  }

  private redriven(): void {
    const queue = this.reader.next();
    this.list();
    this.facts.redriven(queue, this.ids);
  }

  private extended(): void {
    const queue = this.reader.next();
    const dueMs = this.reader.next();
    this.list();
    this.facts.extended(queue, dueMs, this.ids);
  }

  private unreadable(): void {
    const queue = this.reader.next();
    this.list();
    this.facts.unreadable(queue, this.ids);
  }

  private sessionOpened(): void {
    const { reader } = this;
    const number = reader.next();
    const key = reader.bytes(reader.next()).toString('hex');
    const name = reader.text();
    this.facts.sessionOpened(number, key, name, this.position);
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
    this.facts.answered(session, part, this.position);
  }

  private restored(): void {
    const { reader, position } = this;
    const session = reader.next();
    const sequence = reader.next();
    const operation = reader.next();
    const complete = reader.next() === 1;
    const count = reader.next();
    const value = reader.next();
    const runs = Array.from({ length: reader.count() }, () => reader.next());
    const refused = this.refusals();
    this.facts.restored(session, sequence, {
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
    const expiresMs = this.version === 1 ? 0 : reader.next();
    const failures = this.version === 1 ? [] : this.failures();
    const told = this.version < 3 ? '' : reader.text();
    const length = reader.end - reader.at;
    const group = length > 0 ? this.finder.find(reader, 1).groups?.[0] : told || undefined;
    const counts = { deliveryCount, failureCount, session, token, dueMs, expiresMs, failures };
    const copy = { id, priority, producedMs, length, state, ...counts, group };
    const position = this.position + (reader.at - this.start);
    this.facts.copied(queue, copy, position, reader.buffer, reader.at);
  }

  private failures(): Failure[] {
    const { reader } = this;
    return Array.from({ length: reader.count() }, () => {
      return this.how(reader.next() as ReturnedReason, 1);
    });
  }

  /** Fills `ids`. */
  private list(): void {
    const { ids } = this;
    const count = this.reader.count(ids.values.length);
    ids.clear();
    let before = 0;
    for (let index = 0; index < count; index += 1) {
      const coded = this.reader.next();
      before += coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
      ids.push(before);
    }
  }

  private refusals(): RefusedReceipt[] | undefined {
    const count = this.reader.count();
    if (count === 0) return undefined;
    const refused: RefusedReceipt[] = [];
    for (let done = 0; done < count; done += 1) {
      const index = this.reader.next();
      refused.push({ index, code: this.reader.code(REFUSED_CODES) });
    }
    return refused;
  }
}
