/**
 * Bytes of a frame -> `Reply`, for the client. It trusts the broker no more than the broker trusts
 * a client: everything is checked. Further elements at the end of an answer or a delivery are
 * passed over, so that a later broker may add some.
 */
import { CODES, type Code, WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { decodePlain } from './codec.ts';
import { ANSWER, DURABILITY } from './operations.ts';
import type { DeliveriesScratch, Reply } from './reply.ts';
import type { Walker } from './walker.ts';

const CODE_BYTES_MAX = 64;
const TEXT_BYTES_MAX = 16 * 1024;
const DELIVERY_FIELDS = 7;

/**
 * Fills the reply from the frame at which the walker stands; throws BAD_FRAME for anything wrong.
 */
export function parseReply(walker: Walker, reply: Reply): void {
  reply.clear();
  try {
    walker.open();
    walker.due('operation');
    reply.operation = walker.uint('operation');
    walker.due('id');
    reply.id = walker.uint('id');
    parseFields(walker, reply);
    for (; walker.fieldsLeft > 0; walker.fieldsLeft -= 1) walker.pass(1);
    walker.close();
  } catch (error) {
    if (!(error instanceof WonderqError)) throw error;
    throw new WonderqError('BAD_FRAME', `in an answer: ${error.message}`, { cause: error });
  }
}

function parseFields(walker: Walker, reply: Reply): void {
  switch (reply.operation) {
    case ANSWER.ok:
      if (walker.given()) reply.value = decodePlain(walker, 'value');
      return;
    case ANSWER.error:
      parseError(walker, reply);
      if (walker.given()) reply.field = walker.string('field', TEXT_BYTES_MAX);
      if (walker.given()) reply.retryAfterMs = walker.uint('retryAfterMs');
      return;
    case ANSWER.produced:
      parseDurability(walker, reply);
      parseRuns(walker, reply);
      if (walker.given()) reply.duplicates = parseDuplicates(walker);
      return;
    case ANSWER.settled:
      parseDurability(walker, reply);
      if (walker.given()) reply.codes = parseCodes(walker);
      return;
    case ANSWER.deliveries:
      parseDeliveries(walker, reply);
      return;
    case ANSWER.ended:
      parseError(walker, reply);
      return;
    case ANSWER.ping:
      return;
    default:
      throw new WonderqError('UNKNOWN_OPERATION');
  }
}

function parseError(walker: Walker, reply: Reply): void {
  walker.due('code');
  const code = walker.string('code', CODE_BYTES_MAX);
  walker.due('message');
  const message = walker.string('message', TEXT_BYTES_MAX);
  const known = isCode(code);
  reply.code = known ? code : 'INTERNAL';
  reply.message = known ? message : `${code}: ${message}`;
}

function parseDurability(walker: Walker, reply: Reply): void {
  walker.due('durability');
  const level = walker.uint('durability', DURABILITY.fsync, DURABILITY.write);
  reply.durability = level === DURABILITY.write ? DURABILITY.write : DURABILITY.fsync;
}

function parseRuns(walker: Walker, reply: Reply): void {
  walker.due('runs');
  const count = walker.arrayHeader('runs');
  if (count % 2 !== 0) throw new WonderqError('BAD_FRAME', 'runs must be pairs');
  for (let index = 0; index < count; index += 1) reply.runs.push(walker.uint('runs'));
}

function parseDuplicates(walker: Walker): number[] {
  const count = walker.arrayHeader('duplicates');
  return Array.from({ length: count }, () => walker.uint('duplicates'));
}

function parseCodes(walker: Walker): (Code | undefined)[] {
  const count = walker.arrayHeader('codes');
  const codes: (Code | undefined)[] = [];
  for (let index = 0; index < count; index += 1) {
    codes.push(walker.nil() ? undefined : parseCode(walker));
  }
  return codes;
}

function parseCode(walker: Walker): Code {
  const code = walker.string('codes', CODE_BYTES_MAX);
  return isCode(code) ? code : 'INTERNAL';
}

function parseDeliveries(walker: Walker, reply: Reply): void {
  if (walker.given()) reply.queue = walker.name('queue');
  walker.due('visibilityMs');
  reply.visibilityMs = walker.uint('visibilityMs');
  walker.due('deliveries');
  const { deliveries } = reply;
  const count = walker.arrayHeader('deliveries');
  deliveries.reserve(count);
  deliveries.buffer = walker.buffer;
  for (let index = 0; index < count; index += 1) parseDelivery(walker, deliveries, index);
  deliveries.count = count;
  if (walker.given()) reply.groupCodes = parseGroupCodes(walker);
}

function parseDelivery(walker: Walker, deliveries: DeliveriesScratch, index: number): void {
  const fields = walker.arrayHeader('deliveries');
  if (fields < DELIVERY_FIELDS) throw new WonderqError('BAD_FRAME', 'a delivery is too short');
  deliveries.ids[index] = walker.uint('id');
  deliveries.tokens[index] = walker.uint('token');
  deliveries.deliveryCounts[index] = walker.uint('deliveryCount');
  deliveries.failureCounts[index] = walker.uint('failureCount');
  deliveries.producedMs[index] = walker.uint('producedMs');
  deliveries.priorities[index] = walker.uint('priority', limits.priorityMax);
  const start = walker.at;
  parseMessage(walker, deliveries, index);
  deliveries.messageBytes[index] = walker.at - start;
  for (let left = fields - DELIVERY_FIELDS; left > 0; left -= 1) walker.pass(3);
}

function parseMessage(walker: Walker, deliveries: DeliveriesScratch, index: number): void {
  const parts = walker.arrayHeader('message');
  if (parts === 0) throw new WonderqError('BAD_FRAME', 'a message has no body');
  walker.bin('body');
  deliveries.bodyStarts[index] = walker.from;
  deliveries.bodyEnds[index] = walker.at;
  deliveries.contentTypeStarts[index] = 0;
  deliveries.headerStarts[index] = 0;
  deliveries.groupStarts[index] = 0;
  if (parts > 1 && !walker.nil()) {
    deliveries.contentTypeStarts[index] = walker.at;
    walker.text('contentType', limits.contentTypeBytesMax);
  }
  if (parts > 2 && !walker.nil()) {
    deliveries.headerStarts[index] = walker.at;
    passHeaders(walker);
  }
  if (parts > 3 && !walker.nil()) {
    deliveries.groupStarts[index] = walker.at;
    walker.text('group', limits.groupBytesMax);
  }
  for (let left = parts - 4; left > 0; left -= 1) walker.pass(4);
}

function passHeaders(walker: Walker): void {
  for (let left = walker.mapHeader('headers'); left > 0; left -= 1) {
    walker.text('headers', limits.headerBytesMax);
    walker.text('headers', limits.headerBytesMax);
  }
}

function parseGroupCodes(walker: Walker): ((Code | undefined)[] | undefined)[] {
  const count = walker.arrayHeader('codes');
  const groups: ((Code | undefined)[] | undefined)[] = [];
  for (let index = 0; index < count; index += 1) {
    groups.push(walker.nil() ? undefined : parseCodes(walker));
  }
  return groups;
}

function isCode(text: string): text is Code {
  return Object.hasOwn(CODES, text);
}
