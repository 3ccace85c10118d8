/**
 * Bytes of a frame -> `Request`, in one pass that checks everything. Which fields an operation has
 * is said here and in `docs/protocol.md`, in the same order.
 */

import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { decodePlain } from './codec.ts';
import { DURABILITY, PROTOCOL_VERSION, REQUEST } from './operations.ts';
import { parseGroups, parseIds, parseMessages, parseReceipts } from './parse-batch.ts';
import type { Request } from './request.ts';
import { badField, type Walker } from './walker.ts';

const SESSION_BYTES = 16;
const VERB_BYTES_MAX = 64;
const ANY = Number.MAX_SAFE_INTEGER;
/**
 * A client tells all it holds in one resume: as many as the credit of a subscription lets it hold.
 */
const HELD_RECEIPTS_MAX = limits.creditMax;

/**
 * Fills the request from the frame at which the walker stands. Throws a WonderqError: BAD_FRAME
 * where the bytes are broken, even if a field is wrong as well; else what is wrong with which
 * field. The request then has the operation and the ID, as far as they could be read.
 */
export function parseRequest(walker: Walker, request: Request): void {
  const start = walker.at;
  request.clear();
  try {
    parseFrame(walker, request);
  } catch (error) {
    checkStructure(walker, start);
    throw error;
  }
}

/** Throws BAD_FRAME unless the frame is one array of the wire's types, whatever it means. */
function checkStructure(walker: Walker, start: number): void {
  walker.at = start;
  walker.pass(0);
  walker.fieldsLeft = 0;
  walker.close();
}

function parseFrame(walker: Walker, request: Request): void {
  walker.open();
  walker.due('operation');
  const operation = walker.uint('operation');
  request.operation = operation;
  if (operation === REQUEST.credit) parseCredit(walker, request);
  else if (operation === REQUEST.pong) request.pingNumber = dueUint(walker, 'number');
  else {
    request.id = dueUint(walker, 'id', ANY, 1);
    parseFields(walker, request, operation);
  }
  walker.close();
}

function parseFields(walker: Walker, request: Request, operation: number): void {
  switch (operation) {
    case REQUEST.produce:
      parseProduce(walker, request);
      return;
    case REQUEST.receive:
      parseReceive(walker, request);
      return;
    case REQUEST.ack:
    case REQUEST.nack:
    case REQUEST.release:
    case REQUEST.extend:
      parseSettle(walker, request, operation);
      return;
    case REQUEST.ackCurrent:
      parseAckCurrent(walker, request);
      return;
    case REQUEST.subscribe:
      parseSubscribe(walker, request);
      return;
    case REQUEST.unsubscribe:
      request.subscription = dueUint(walker, 'subscription', ANY, 1);
      return;
    case REQUEST.hello:
      parseHello(walker, request);
      return;
    case REQUEST.resume:
      parseResume(walker, request);
      return;
    case REQUEST.bye:
    case REQUEST.ping:
      return;
    case REQUEST.cancel:
      request.target = dueUint(walker, 'request', ANY, 1);
      return;
    case REQUEST.administer:
      parseAdminister(walker, request);
      return;
    default:
      throw new WonderqError('UNKNOWN_OPERATION');
  }
}

function parseProduce(walker: Walker, request: Request): void {
  parseSequence(walker, request);
  parseQueue(walker, request);
  request.durability = givenUint(walker, 'durability', DURABILITY.write, DURABILITY.queue);
  request.delayMs = givenUint(walker, 'delayMs', limits.delayMsMax);
  request.priority = givenUint(walker, 'priority', limits.priorityMax);
  walker.due('messages');
  parseMessages(walker, request.messages, request.bodyBytesMax, request.batchMessagesMax);
  if (request.messages.groups !== undefined && request.priority > 0) {
    throw badField('priority', 'and groups exclude each other');
  }
  request.notBeforeMs = givenUint(walker, 'notBeforeMs', ANY);
  if (request.notBeforeMs > 0 && request.delayMs > 0) {
    throw badField('notBeforeMs', 'and delayMs exclude each other');
  }
  request.timeToLiveMs = walker.given() ? walker.uint('timeToLiveMs', limits.delayMsMax, 1) : 0;
  if (walker.given()) parseDeduplicationIds(walker, request);
}

function parseDeduplicationIds(walker: Walker, { messages, deduplicationIds }: Request): void {
  const field = 'deduplicationIds';
  if (walker.arrayHeader(field) !== messages.count) throw badField(field, 'must be one a message');
  for (let left = messages.count; left > 0; left -= 1) {
    const key = walker.nil() ? undefined : walker.string(field, limits.deduplicationIdBytesMax);
    if (key === '') throw badField(field, 'must not be empty');
    deduplicationIds.push(key);
  }
}

function parseReceive(walker: Walker, request: Request): void {
  parseSequence(walker, request);
  parseQueues(walker, request);
  request.messagesMax = walker.given()
    ? walker.uint('messagesMax', request.batchMessagesMax, 1)
    : 1;
  request.bytesMax = givenUint(walker, 'bytesMax', ANY);
  request.waitMs = givenUint(walker, 'waitMs', limits.waitMsMax);
  parseVisibility(walker, request);
  request.detached = walker.given() && walker.bool('detached');
  if (walker.given()) {
    request.hasAcks = true;
    const { groups, receipts } = request;
    const acksMax = Math.min(request.batchMessagesMax, limits.receiveAcksMax);
    parseGroups(walker, groups, receipts, acksMax, 'acks');
  } else if (request.sequence !== 0) {
    throw badField('sequence', 'belongs to a receive with acks only');
  }
}

function parseSettle(walker: Walker, request: Request, operation: number): void {
  parseSequence(walker, request);
  parseQueue(walker, request);
  walker.due('receipts');
  parseReceipts(walker, request.receipts, request.batchMessagesMax);
  if (operation === REQUEST.nack) {
    request.hasDelay = walker.given();
    if (request.hasDelay) request.delayMs = walker.uint('delayMs', limits.delayMsMax);
    if (walker.given()) request.reason = walker.string('reason', limits.failureTextBytesMax);
  } else if (operation === REQUEST.extend) parseVisibility(walker, request);
}

function parseAckCurrent(walker: Walker, request: Request): void {
  parseSequence(walker, request);
  parseQueue(walker, request);
  walker.due('ids');
  parseIds(walker, request.receipts, request.batchMessagesMax);
}

function parseSubscribe(walker: Walker, request: Request): void {
  parseQueues(walker, request);
  request.creditMessages = givenUint(walker, 'creditMessages', limits.creditMax);
  request.creditBytes = givenUint(walker, 'creditBytes', ANY);
  parseVisibility(walker, request);
  request.detached = walker.given() && walker.bool('detached');
}

function parseCredit(walker: Walker, request: Request): void {
  request.subscription = dueUint(walker, 'subscription', ANY, 1);
  request.creditMessages = givenUint(walker, 'messages', limits.creditMax);
  request.creditBytes = givenUint(walker, 'bytes', ANY);
}

function parseHello(walker: Walker, request: Request): void {
  request.version = dueUint(walker, 'version');
  // What follows the version is the version's own matter.
  if (request.version !== PROTOCOL_VERSION) throw new WonderqError('UNSUPPORTED_VERSION');
  if (walker.given()) request.clientName = walker.string('clientName', limits.clientNameBytesMax);
  if (walker.given()) {
    if (walker.bin('session') !== SESSION_BYTES) {
      throw badField('session', `must be ${SESSION_BYTES} bytes`);
    }
    request.session = Buffer.alloc(SESSION_BYTES);
    walker.buffer.copy(request.session, 0, walker.from, walker.at);
  }
  if (walker.given()) request.token = walker.string('token', limits.helloFrameBytesMax);
  request.pinged = !walker.given() || walker.bool('pinged');
}

function parseResume(walker: Walker, request: Request): void {
  if (!walker.given()) return;
  parseGroups(walker, request.groups, request.receipts, HELD_RECEIPTS_MAX, 'held');
}

function parseAdminister(walker: Walker, request: Request): void {
  parseSequence(walker, request);
  walker.due('verb');
  request.verb = walker.string('verb', VERB_BYTES_MAX);
  if (!walker.given()) return;
  const start = walker.at;
  walker.mapHeader('arguments');
  walker.at = start;
  const value = decodePlain(walker, 'arguments', limits.administrationValuesMax);
  request.arguments = value as Readonly<Record<string, unknown>>;
}

function parseSequence(walker: Walker, request: Request): void {
  request.sequence = walker.given() ? walker.uint('sequence', ANY, 1) : 0;
}

function parseVisibility(walker: Walker, request: Request): void {
  request.visibilityMs = walker.given() ? walker.uint('visibility', limits.visibilityMsMax, 1) : 0;
}

function parseQueue(walker: Walker, request: Request): void {
  walker.due('queue');
  request.queue = walker.name('queue');
}

/** One name, or an array of names without repetition. */
function parseQueues(walker: Walker, request: Request): void {
  walker.due('queues');
  const { queues } = request;
  if (!walker.isArray()) queues.push(walker.name('queues'));
  else {
    const count = walker.arrayHeader('queues');
    if (count === 0 || count > limits.queuesPerRequestMax) {
      throw badField('queues', `must be 1 to ${limits.queuesPerRequestMax}`);
    }
    for (let index = 0; index < count; index += 1) {
      const name = walker.name('queues');
      if (queues.includes(name)) throw badField('queues', 'must not repeat a name');
      queues.push(name);
    }
  }
  request.queue = queues[0]!;
}

function dueUint(walker: Walker, field: string, max = ANY, min = 0): number {
  walker.due(field);
  return walker.uint(field, max, min);
}

function givenUint(walker: Walker, field: string, max: number, absent = 0): number {
  return walker.given() ? walker.uint(field, max) : absent;
}
