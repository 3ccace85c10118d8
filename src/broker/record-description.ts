/**
 * What a record says, as plain values for people and programs; message IDs are strings, as in all
 * JSON.
 */
import { isUtf8 } from 'node:buffer';
import { limits } from '../limits.ts';
import { decodePlain } from '../protocol/codec.ts';
import { REQUEST } from '../protocol/operations.ts';
import { Walker } from '../protocol/walker.ts';
import type { AnswerPart } from '../queue/answers.ts';
import type { Failure } from '../queue/failures.ts';
import { IdList } from '../queue/id-list.ts';
import type { MessageSlice } from '../queue/journal.ts';
import type { MessageSnapshot } from '../queue/relocate.ts';
import { type Facts, RecordParser } from './record-parser.ts';
import { RECORD } from './records.ts';

export interface Description {
  readonly kind: string;
  readonly [field: string]: unknown;
}

export const SETTLED_NAMES = ['', 'acked', 'discarded', 'expired', 'dropped'];
/** Of a death too. */
const RETURNED_NAMES = [
  '',
  'nacked',
  'released',
  'lease ended',
  'session lost',
  'time to live over',
];
export const messageStates = [
  'gone',
  'ready',
  'in flight',
  'delayed',
  'unreadable',
  'dead',
  'held',
];
const kindNames = new Map<number, string>(
  Object.entries(RECORD).map(([name, kind]) => [kind, name]),
);
const operationNames = new Map<number, string>(
  Object.entries(REQUEST).map(([name, operation]) => [operation, name]),
);

export class RecordDescriber {
  private readonly withBodies: boolean;
  private readonly parser: RecordParser;
  private readonly walker = new Walker();
  private said: Record<string, unknown> = {};

  constructor(withBodies: boolean) {
    this.withBodies = withBodies;
    this.parser = new RecordParser(this.facts(), new IdList(limits.sliceMessagesMax));
  }

  /** Throws `UnknownRecordError`, as replay does. */
  describe(...record: Parameters<RecordParser['apply']>): Description {
    const [kind] = record;
    this.parser.apply(...record);
    return { kind: kindNames.get(kind)!, ...this.said };
  }

  private facts(): Facts {
    const say = (said: Record<string, unknown>) => {
      this.said = said;
    };
    return {
      started: (firstToken) => say({ firstToken }),
      queueSet: ({ number, name, createdMs, settings, paused }) =>
        say({ queue: number, name, createdMs, paused, ...settings }),
      queueDeleted: (queue) => say({ queue }),
      templateSet: (pattern, settings) => say({ pattern, ...settings }),
      templateDeleted: (pattern) => say({ pattern }),
      purged: (queue, lastId) => say({ queue, lastId: String(lastId) }),
      produced: (queue, priority, firstId, producedMs, dueMs, expiresMs, messages) => {
        const ids = Array.from({ length: messages.count }, (_, index) => String(firstId + index));
        const times = { producedMs, ...due(dueMs), ...expires(expiresMs) };
        say({ queue, priority, ids, ...times, ...this.messages(messages) });
      },
      delivered: (queue, session, firstToken, dueMs, ids) =>
        say({ queue, session, firstToken, dueMs, ids: listed(ids) }),
      settled: (queue, reason, ids) =>
        say({ queue, reason: SETTLED_NAMES[reason], ids: listed(ids) }),
      returned: (queue, how, ids) =>
        say({ queue, ...failure(how), ...due(how.dueMs), ids: listed(ids) }),
      died: (queue, how, ids) => say({ queue, ...failure(how), ids: listed(ids) }),
      moved: (queue, to, how, ids) =>
        say({ queue, to, ...('by' in how ? how : failure(how)), ids: listed(ids) }),
      deleted: (queue, by, ids) => say({ queue, by, ids: listed(ids) }),
      deduplicated: (queue, { keys, ids, untilMs }) =>
        say({ queue, ids: ids.map(String), untilMs, deduplicationIds: keys }),
      redriven: (queue, ids) => say({ queue, ids: listed(ids) }),
      extended: (queue, dueMs, ids) => say({ queue, dueMs, ids: listed(ids) }),
      unreadable: (queue, ids) => say({ queue, ids: listed(ids) }),
      sessionOpened: (session, key, name) => say({ session, key, name }),
      sessionEnded: (session) => say({ session }),
      answered: (session, part) => say({ session, ...answer(part) }),
      restored: (session, sequence, { runs, ...rest }) =>
        say({ session, ...answer({ sequence, ...rest }), ...(runs === undefined ? {} : { runs }) }),
      copied: (queue, copy, _position, buffer, start) =>
        say({ queue, ...this.copy(copy), ...this.copiedBody(buffer, start, copy.length) }),
    };
  }

  private messages({ buffer, count, offsets, lengths }: MessageSlice) {
    const places = Array.from({ length: count }, (_, index) => {
      return [buffer as Buffer, offsets[index]!, lengths[index]!] as const;
    });
    return { lengths: places.map(([, , length]) => length), ...this.bodies(places) };
  }

  private copy({ id, state, dueMs, expiresMs, failures, ...copy }: MessageSnapshot) {
    const times = { ...due(dueMs), ...expires(expiresMs) };
    const said = { id: String(id), ...copy, state: messageStates[state], ...times };
    return failures.length === 0 ? said : { ...said, failures: failures.map(failure) };
  }

  private copiedBody(buffer: Buffer, start: number, length: number) {
    return length === 0 ? {} : this.bodies([[buffer, start, length]]);
  }

  private bodies(places: readonly (readonly [Buffer, number, number])[]) {
    if (!this.withBodies) return {};
    return { messages: places.map((place) => this.message(...place)) };
  }

  private message(buffer: Buffer, start: number, length: number) {
    const [body, contentType, headers] = readMessage(this.walker, buffer, start, length);
    const isText = isUtf8(body);
    return {
      body: body.toString(isText ? 'utf8' : 'base64'),
      ...(isText ? {} : { bodyEncoding: 'base64' }),
      ...(contentType ? { contentType } : {}),
      ...(headers ? { headers } : {}),
    };
  }
}

/** Body, content type and headers. */
export function readMessage(
  walker: Walker,
  buffer: Buffer,
  start: number,
  length: number,
): [Buffer, ...unknown[]] {
  walker.reset(buffer, start, start + length);
  return decodePlain(walker, 'message') as [Buffer, ...unknown[]];
}

/** What an old record does not tell is left out. */
export function failure({ reason, atMs, consumer, text }: Failure) {
  return {
    reason: RETURNED_NAMES[reason]!,
    ...(atMs === 0 ? {} : { atMs }),
    ...(consumer === '' ? {} : { consumer }),
    ...(text === '' ? {} : { text }),
  };
}

function due(dueMs: number) {
  return dueMs === 0 ? {} : { dueMs };
}

function expires(expiresMs: number) {
  return expiresMs === 0 ? {} : { expiresMs };
}

function listed(ids: IdList): string[] {
  return ids.toArray().map(String);
}

function answer({ operation, refused, ...rest }: Omit<AnswerPart, 'position'>) {
  const plain = { ...rest, operation: operationNames.get(operation) ?? operation };
  return refused === undefined ? plain : { ...plain, refused };
}
