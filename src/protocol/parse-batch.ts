/**
 * The batches within a request: messages and receipts. The two loops that run once a message, so
 * they make no object, and a message of the plainest form has a way of its own.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { BIN_8, FIXARRAY } from './msgpack.ts';
import type { GroupsScratch, MessagesScratch, ReceiptsScratch } from './scratch.ts';
import { badField, type Walker } from './walker.ts';

const ARRAY_OF_1 = FIXARRAY | 1;
/** What precedes the body in `[body]` with the shortest headers: array, bin, length. */
const SHORT_PREFIX_BYTES = 3;

/** Reads `[message, ...]` and notes where each message lies. */
export function parseMessages(
  walker: Walker,
  messages: MessagesScratch,
  bodyBytesMax: number,
  countMax: number,
): void {
  const count = walker.arrayHeader('messages');
  if (count === 0) throw badField('messages', 'must hold at least one message');
  if (count > countMax) throw batchTooLarge('messages', countMax);
  messages.reserve(count);
  messages.start = walker.at;
  const { offsets, lengths } = messages;
  for (let index = 0; index < count; index += 1) {
    const offset = walker.at;
    offsets[index] = offset;
    const group = parseMessage(walker, bodyBytesMax);
    if (group !== undefined) messages.noteGroup(index, group);
    lengths[index] = walker.at - offset;
  }
  messages.count = count;
  messages.end = walker.at;
}

/** Passes `[body, content type, headers, group]`. Returns the group's key. */
function parseMessage(walker: Walker, bodyBytesMax: number): string | undefined {
  const { buffer, at, end } = walker;
  const bodyAt = at + SHORT_PREFIX_BYTES;
  if (bodyAt <= end && buffer[at] === ARRAY_OF_1 && buffer[at + 1] === BIN_8) {
    const length = buffer[at + 2]!;
    if (bodyAt + length <= end && length <= bodyBytesMax) {
      walker.at = bodyAt + length;
      return undefined;
    }
  }
  return parseAnyMessage(walker, bodyBytesMax);
}

function parseAnyMessage(walker: Walker, bodyBytesMax: number): string | undefined {
  const parts = walker.arrayHeader('messages');
  if (parts === 0) throw badField('body', 'is missing');
  if (parts > 4) throw badField('messages', 'must hold messages of 1 to 4 elements');
  const length = walker.bin('body');
  if (length > bodyBytesMax) {
    throw new WonderqError('BODY_TOO_LARGE', `a body may have ${bodyBytesMax} bytes`, {
      field: 'body',
    });
  }
  if (parts > 1 && !walker.nil()) walker.text('contentType', limits.contentTypeBytesMax);
  if (parts > 2 && !walker.nil()) parseHeaders(walker);
  return parts > 3 && !walker.nil() ? parseGroup(walker) : undefined;
}

function parseGroup(walker: Walker): string {
  const key = walker.string('group', limits.groupBytesMax);
  if (key === '') throw badField('group', 'must not be empty');
  return key;
}

function parseHeaders(walker: Walker): void {
  const start = walker.at;
  const count = walker.mapHeader('headers');
  if (count > limits.headersMax) throw badField('headers', `must be at most ${limits.headersMax}`);
  for (let index = 0; index < count; index += 1) {
    walker.text('headers', limits.headerBytesMax);
    walker.text('headers', limits.headerBytesMax);
  }
  if (walker.at - start > limits.headerBytesMax) {
    throw badField('headers', `must be at most ${limits.headerBytesMax} bytes`);
  }
}

/** Reads `[message ID, token, ...]` behind those that are there already. */
export function parseReceipts(
  walker: Walker,
  receipts: ReceiptsScratch,
  countMax: number,
  field = 'receipts',
): void {
  const numbers = walker.arrayHeader(field);
  if (numbers % 2 !== 0) throw badField(field, 'must be pairs of message ID and token');
  const first = receipts.count;
  const count = first + numbers / 2;
  if (count > countMax) throw batchTooLarge(field, countMax);
  receipts.reserve(count);
  const { ids, tokens } = receipts;
  for (let index = first; index < count; index += 1) {
    ids[index] = walker.uint(field);
    tokens[index] = walker.uint(field);
  }
  receipts.count = count;
}

/** Reads `[message ID, ...]` as receipts whose tokens say nothing. */
export function parseIds(walker: Walker, receipts: ReceiptsScratch, countMax: number): void {
  const count = walker.arrayHeader('ids');
  if (count > countMax) throw batchTooLarge('ids', countMax);
  receipts.reserve(count);
  for (let index = 0; index < count; index += 1) receipts.ids[index] = walker.uint('ids');
  receipts.count = count;
}

/** Reads `[[queue, receipts], ...]`. */
export function parseGroups(
  walker: Walker,
  groups: GroupsScratch,
  receipts: ReceiptsScratch,
  countMax: number,
  field: string,
): void {
  const count = walker.arrayHeader(field);
  if (count > countMax) throw batchTooLarge(field, countMax);
  for (let index = 0; index < count; index += 1) {
    if (walker.arrayHeader(field) !== 2) {
      throw badField(field, 'must hold pairs of queue and receipts');
    }
    const queue = walker.name(field);
    const from = receipts.count;
    parseReceipts(walker, receipts, countMax, field);
    groups.add(queue, from, receipts.count);
  }
}

function batchTooLarge(field: string, countMax: number): WonderqError {
  return new WonderqError('BATCH_TOO_LARGE', `${field} may be ${countMax} at most`, { field });
}
