/**
 * A journal that keeps every fact as a plain object, with a copy of what it holds, at positions that it
 * makes up; and that knows which bytes are needed still, and says so when an account of them is wrong.
 */
import * as assert from 'uvu/assert';
import type { AnswerPart, RememberedAnswer } from '../../../src/queue/answers.ts';
import type { Entries } from '../../../src/queue/deduplication.ts';
import type { IdList } from '../../../src/queue/id-list.ts';
import type {
  ByOperator,
  Death,
  Journal,
  MessageSlice,
  Return,
  SettledReason,
} from '../../../src/queue/journal.ts';
import type { Queue, QueueSettings } from '../../../src/queue/queue.ts';
import type { MessageSnapshot } from '../../../src/queue/relocate.ts';
import type { QueueFact } from '../../../src/queue/replay.ts';
import type { Session } from '../../../src/queue/session.ts';
import type { Template } from '../../../src/queue/template.ts';

interface OfQueue {
  readonly number: number;
  readonly ids: readonly number[];
}

export type Told =
  | ({ readonly kind: 'queueSet' } & QueueFact)
  | { readonly kind: 'queueDeleted'; readonly number: number }
  | {
      readonly kind: 'templateSet';
      readonly pattern: string;
      readonly settings: QueueSettings;
    }
  | { readonly kind: 'templateDeleted'; readonly pattern: string }
  | { readonly kind: 'purged'; readonly number: number; readonly lastId: number }
  | {
      readonly kind: 'produced';
      readonly number: number;
      readonly priority: number;
      readonly firstId: number;
      readonly nowMs: number;
      readonly dueMs: number;
      readonly expiresMs: number;
      readonly bytes: Buffer;
      readonly offsets: readonly number[];
      readonly lengths: readonly number[];
      readonly groups?: readonly (string | undefined)[];
    }
  | ({
      readonly kind: 'delivered';
      readonly session: number;
      readonly firstToken: number;
      readonly dueMs: number;
    } & OfQueue)
  | ({ readonly kind: 'settled'; readonly reason: SettledReason } & OfQueue)
  | ({ readonly kind: 'returned'; readonly how: Return } & OfQueue)
  | ({ readonly kind: 'died'; readonly how: Death } & OfQueue)
  | ({
      readonly kind: 'moved';
      readonly to: number;
      readonly how: Return | ByOperator;
    } & OfQueue)
  | ({ readonly kind: 'deleted'; readonly by: string } & OfQueue)
  | ({ readonly kind: 'extended'; readonly dueMs: number } & OfQueue)
  | ({ readonly kind: 'redriven' | 'unreadable' } & OfQueue)
  | { readonly kind: 'deduplicated'; readonly number: number; readonly entries: Entries }
  | {
      readonly kind: 'sessionOpened';
      readonly session: number;
      readonly key: string;
      readonly name: string;
    }
  | { readonly kind: 'sessionEnded'; readonly session: number }
  | { readonly kind: 'answered'; readonly session: number; readonly part: AnswerPart }
  | {
      readonly kind: 'restored';
      readonly session: number;
      readonly sequence: number;
      readonly answer: RememberedAnswer;
    }
  | {
      readonly kind: 'copied';
      readonly number: number;
      readonly copy: MessageSnapshot;
      readonly bytes: Buffer;
    };

/** A fact and where it stands; what it holds begins at `inside`. */
export type Fact = Told & { readonly position: number; readonly inside: number };

const headBytes = 16;

export class Recorder implements Journal {
  facts: Fact[] = [];
  /** The length of every message that is needed, by its position. */
  readonly live = new Map<number, number>();
  liveBytes = 0;
  /** By the position of their record: how many deduplication IDs, and their length, are needed. */
  readonly keys = new Map<number, { count: number; bytes: number }>();
  /** Where such records stand. */
  readonly keyPositions = new Set<number>();
  private nextPosition = 1000;
  private readonly bodies = new Map<number, Buffer>();

  /** Where the next fact will stand. */
  get end(): number {
    return this.nextPosition;
  }

  /** The message that stands at a position. */
  bodyAt(position: number, length: number): Buffer {
    const body = this.bodies.get(position);
    assert.ok(body !== undefined, `no message stands at ${position}`);
    assert.is(body.length, length);
    return body;
  }

  /** Forgets all that stands before a position, as compaction does. Nothing there is needed. */
  dropBefore(position: number): void {
    for (const needed of [...this.live.keys(), ...this.keys.keys()])
      assert.ok(needed >= position, `${needed} is needed`);
    this.facts = this.facts.filter((fact) => fact.position >= position);
    for (const at of this.bodies.keys()) if (at < position) this.bodies.delete(at);
  }

  /** The facts of one kind. */
  of<K extends Told['kind']>(kind: K): (Fact & { kind: K })[] {
    return this.facts.filter((fact): fact is Fact & { kind: K } => fact.kind === kind);
  }

  queueSet(queue: Queue): number {
    const { number, name, createdMs, paused } = queue;
    const settings = { ...queue.settings };
    return this.tell({ kind: 'queueSet', number, name, createdMs, settings, paused }).position;
  }

  queueDeleted({ number }: Queue): void {
    this.tell({ kind: 'queueDeleted', number });
  }

  templateSet({ pattern, settings }: Template): number {
    return this.tell({ kind: 'templateSet', pattern, settings: { ...settings } }).position;
  }

  templateDeleted(pattern: string): void {
    this.tell({ kind: 'templateDeleted', pattern });
  }

  purged({ number }: Queue, lastId: number): void {
    this.tell({ kind: 'purged', number, lastId });
  }

  produced(
    { number }: Queue,
    priority: number,
    firstId: number,
    nowMs: number,
    dueMs: number,
    expiresMs: number,
    messages: MessageSlice,
  ): number {
    const { buffer, start, end, count, first } = messages;
    const bytes = Buffer.from(buffer.subarray(start, end));
    const offsets = [...messages.offsets.subarray(first, first + count)].map((at) => at - start);
    const lengths = [...messages.lengths.subarray(first, first + count)];
    const times = { nowMs, dueMs, expiresMs };
    const keys = messages.groups?.slice(first, first + count);
    const groups = keys === undefined ? {} : { groups: keys };
    const fact = this.tell(
      { kind: 'produced', number, priority, firstId, ...times, bytes, offsets, lengths, ...groups },
      bytes.length,
    );
    for (const [at, offset] of offsets.entries()) {
      this.bodies.set(fact.inside + offset, bytes.subarray(offset, offset + lengths[at]!));
    }
    return fact.inside;
  }

  delivered({ number }: Queue, session: number, firstToken: number, dueMs: number, ids: IdList) {
    this.tell({ kind: 'delivered', number, session, firstToken, dueMs, ids: listed(ids) });
  }

  settled({ number }: Queue, reason: SettledReason, ids: IdList): void {
    this.tell({ kind: 'settled', number, reason, ids: listed(ids) });
  }

  returned({ number }: Queue, how: Return, ids: IdList): void {
    this.tell({ kind: 'returned', number, how: told(how), ids: listed(ids) });
  }

  extended({ number }: Queue, dueMs: number, ids: IdList): void {
    this.tell({ kind: 'extended', number, dueMs, ids: listed(ids) });
  }

  died({ number }: Queue, how: Death, ids: IdList): void {
    this.tell({ kind: 'died', number, how: told(how), ids: listed(ids) });
  }

  moved({ number }: Queue, to: Queue, how: Return | ByOperator, ids: IdList): void {
    const copy = 'by' in how ? how : told(how);
    this.tell({ kind: 'moved', number, to: to.number, how: copy, ids: listed(ids) });
  }

  deleted({ number }: Queue, by: string, ids: IdList): void {
    this.tell({ kind: 'deleted', number, by, ids: listed(ids) });
  }

  deduplicated({ number }: Queue, { keys, ids, untilMs }: Entries): number {
    const entries = { keys: [...keys], ids: [...ids], untilMs: [...untilMs] };
    const { position } = this.tell({ kind: 'deduplicated', number, entries });
    this.keyPositions.add(position);
    return position;
  }

  redriven({ number }: Queue, ids: IdList): void {
    this.tell({ kind: 'redriven', number, ids: listed(ids) });
  }

  unreadable({ number }: Queue, ids: IdList): void {
    this.tell({ kind: 'unreadable', number, ids: listed(ids) });
  }

  sessionOpened({ number, key, name }: Session): number {
    return this.tell({ kind: 'sessionOpened', session: number, key, name }).position;
  }

  sessionEnded({ number }: Session): void {
    this.tell({ kind: 'sessionEnded', session: number });
  }

  answered({ number }: Session, part: AnswerPart): number {
    return this.tell({ kind: 'answered', session: number, part: structuredClone(part) }).position;
  }

  /** An answer told again, whole. */
  restored({ number }: Session, sequence: number, answer: RememberedAnswer): number {
    const copy = structuredClone(answer);
    return this.tell({ kind: 'restored', session: number, sequence, answer: copy }).position;
  }

  /** A message that was copied; returns where its bytes now stand. */
  copied({ number }: Queue, snapshot: MessageSnapshot, body: Buffer): number {
    const bytes = Buffer.from(body);
    const fact = this.tell({ kind: 'copied', number, copy: { ...snapshot }, bytes }, bytes.length);
    this.bodies.set(fact.inside, bytes);
    return fact.inside;
  }

  addLive(position: number, bytes: number): void {
    if (this.keyPositions.has(position)) {
      this.countKey(position, 1, bytes);
      return;
    }
    assert.not(this.live.has(position), `${position} is live already`);
    this.live.set(position, bytes);
    this.liveBytes += bytes;
  }

  addDead(position: number, bytes: number): void {
    if (this.keyPositions.has(position)) {
      this.countKey(position, -1, -bytes);
      return;
    }
    assert.is(this.live.get(position), bytes, `${position} was not live with so many bytes`);
    this.live.delete(position);
    this.liveBytes -= bytes;
  }

  private countKey(position: number, count: number, bytes: number): void {
    const counted = this.keys.get(position) ?? { count: 0, bytes: 0 };
    counted.count += count;
    counted.bytes += bytes;
    assert.ok(counted.count >= 0 && counted.bytes >= 0, `${position} freed more than it told`);
    if (counted.count > 0) this.keys.set(position, counted);
    else this.keys.delete(position);
  }

  private tell(told: Told, bytes = 0): Fact {
    const position = this.nextPosition;
    const fact: Fact = { ...told, position, inside: position + headBytes };
    this.nextPosition = fact.inside + bytes;
    this.facts.push(fact);
    return fact;
  }
}

function told<How extends Death>({ reason, atMs, dueMs, consumer, text }: How): How {
  return { reason, atMs, dueMs, consumer, text } as How;
}

function listed(ids: IdList): number[] {
  assert.ok(ids.count > 0, 'a fact about no message');
  return [...ids.values.subarray(0, ids.count)];
}
