/**
 * Client -> broker: one function for each request, writing a whole frame behind what the writer
 * holds. Many requests gather in one writer and leave in one write. A sequence of undefined or 0
 * stands for none, as without a session; times of undefined take the queue's or the broker's
 * default.
 */
import type { ByteWriter } from './byte-writer.ts';
import { encodePlain } from './codec.ts';
import { PROTOCOL_VERSION, REQUEST } from './operations.ts';

export interface HelloFields {
  clientName?: string | undefined;
  /** 16 bytes. */
  session?: Uint8Array | undefined;
  token?: string | undefined;
  /** False asks not to be pinged. */
  pinged?: boolean | undefined;
}

export interface OutgoingMessage {
  body: Uint8Array;
  contentType?: string | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  /** The key of its group. */
  group?: string | undefined;
  /** Not in the message itself. */
  deduplicationId?: string | undefined;
}

export interface ProduceFields {
  sequence?: number | undefined;
  queue: string;
  durability?: number | undefined;
  delayMs?: number | undefined;
  priority?: number | undefined;
  messages: readonly OutgoingMessage[];
  notBeforeMs?: number | undefined;
  timeToLiveMs?: number | undefined;
}

export interface Receipt {
  id: number;
  token: number;
}

export interface ReceiptGroup {
  queue: string;
  receipts: readonly Receipt[];
}

export interface ReceiveFields {
  /** With acks only. */
  sequence?: number | undefined;
  queues: readonly string[];
  messagesMax: number;
  bytesMax?: number | undefined;
  waitMs?: number | undefined;
  visibilityMs?: number | undefined;
  detached?: boolean | undefined;
  acks?: readonly ReceiptGroup[] | undefined;
}

export interface SettleFields extends ReceiptGroup {
  sequence?: number | undefined;
}

export interface SubscribeFields {
  queues: readonly string[];
  creditMessages: number;
  creditBytes?: number | undefined;
  visibilityMs?: number | undefined;
  detached?: boolean | undefined;
}

export interface AdministerFields {
  sequence?: number | undefined;
  verb: string;
  arguments?: Readonly<Record<string, unknown>> | undefined;
}

export function writeHello(writer: ByteWriter, id: number, fields: HelloFields): void {
  const start = begin(writer, REQUEST.hello, id, 7);
  writer.uint(PROTOCOL_VERSION);
  writer.stringOrNil(fields.clientName);
  if (fields.session === undefined) writer.nil();
  else writer.binary(fields.session);
  writer.stringOrNil(fields.token);
  writer.bool(fields.pinged ?? true);
  writer.endFrame(start);
}

export function writeResume(writer: ByteWriter, id: number, held: readonly ReceiptGroup[]): void {
  const start = begin(writer, REQUEST.resume, id, 3);
  writeGroups(writer, held);
  writer.endFrame(start);
}

export function writeBye(writer: ByteWriter, id: number): void {
  writer.endFrame(begin(writer, REQUEST.bye, id, 2));
}

export function writePing(writer: ByteWriter, id: number): void {
  writer.endFrame(begin(writer, REQUEST.ping, id, 2));
}

export function writePong(writer: ByteWriter, number: number): void {
  writer.endFrame(begin(writer, REQUEST.pong, number, 2));
}

export function writeCancel(writer: ByteWriter, id: number, target: number): void {
  const start = begin(writer, REQUEST.cancel, id, 3);
  writer.uint(target);
  writer.endFrame(start);
}

export function writeProduce(writer: ByteWriter, id: number, fields: ProduceFields): void {
  const { notBeforeMs, timeToLiveMs } = fields;
  // A broker of before takes a frame that does not have what is not asked for.
  const isOnce = fields.messages.some(({ deduplicationId }) => deduplicationId !== undefined);
  const extra = isOnce ? 3 : timeToLiveMs !== undefined ? 2 : notBeforeMs !== undefined ? 1 : 0;
  const start = begin(writer, REQUEST.produce, id, 8 + extra);
  writer.uintOrNil(fields.sequence);
  writer.string(fields.queue);
  writer.uint(fields.durability ?? 0);
  writer.uint(fields.delayMs ?? 0);
  writer.uint(fields.priority ?? 0);
  writer.arrayHeader(fields.messages.length);
  for (const message of fields.messages) writeMessage(writer, message);
  if (extra > 0) writer.uintOrNil(notBeforeMs);
  if (extra > 1) writer.uintOrNil(timeToLiveMs);
  if (extra > 2) writer.arrayHeader(fields.messages.length);
  if (extra > 2)
    for (const { deduplicationId } of fields.messages) writer.stringOrNil(deduplicationId);
  writer.endFrame(start);
}

export function writeReceive(writer: ByteWriter, id: number, fields: ReceiveFields): void {
  const start = begin(writer, REQUEST.receive, id, 10);
  writer.uintOrNil(fields.sequence);
  writeQueues(writer, fields.queues);
  writer.uint(fields.messagesMax);
  writer.uint(fields.bytesMax ?? 0);
  writer.uint(fields.waitMs ?? 0);
  writer.uintOrNil(fields.visibilityMs);
  writer.bool(fields.detached ?? false);
  if (fields.acks === undefined) writer.nil();
  else writeGroups(writer, fields.acks);
  writer.endFrame(start);
}

export function writeAck(writer: ByteWriter, id: number, fields: SettleFields): void {
  writer.endFrame(beginSettle(writer, REQUEST.ack, id, fields, 5));
}

/**
 * The messages come again, counted as failed, not before `delayMs`; undefined: as the queue says.
 */
export function writeNack(
  writer: ByteWriter,
  id: number,
  fields: SettleFields & { delayMs?: number | undefined; reason?: string | undefined },
): void {
  const start = beginSettle(writer, REQUEST.nack, id, fields, 7);
  // 0 is a delay, too.
  if (fields.delayMs === undefined) writer.nil();
  else writer.uint(fields.delayMs);
  writer.stringOrNil(fields.reason);
  writer.endFrame(start);
}

export function writeRelease(writer: ByteWriter, id: number, fields: SettleFields): void {
  writer.endFrame(beginSettle(writer, REQUEST.release, id, fields, 5));
}

export function writeExtend(
  writer: ByteWriter,
  id: number,
  fields: SettleFields & { visibilityMs?: number | undefined },
): void {
  const start = beginSettle(writer, REQUEST.extend, id, fields, 6);
  writer.uintOrNil(fields.visibilityMs);
  writer.endFrame(start);
}

export interface AckCurrentFields {
  sequence?: number | undefined;
  queue: string;
  ids: readonly number[];
}

/** Acknowledges what is leased without a session, by ID alone. */
export function writeAckCurrent(writer: ByteWriter, id: number, fields: AckCurrentFields): void {
  const start = begin(writer, REQUEST.ackCurrent, id, 5);
  writer.uintOrNil(fields.sequence);
  writer.string(fields.queue);
  writer.arrayHeader(fields.ids.length);
  for (const message of fields.ids) writer.uint(message);
  writer.endFrame(start);
}

export function writeSubscribe(writer: ByteWriter, id: number, fields: SubscribeFields): void {
  const start = begin(writer, REQUEST.subscribe, id, 7);
  writeQueues(writer, fields.queues);
  writer.uint(fields.creditMessages);
  writer.uint(fields.creditBytes ?? 0);
  writer.uintOrNil(fields.visibilityMs);
  writer.bool(fields.detached ?? false);
  writer.endFrame(start);
}

export function writeCredit(
  writer: ByteWriter,
  subscription: number,
  messages: number,
  bytes: number,
): void {
  const start = begin(writer, REQUEST.credit, subscription, 4);
  writer.uint(messages);
  writer.uint(bytes);
  writer.endFrame(start);
}

export function writeUnsubscribe(writer: ByteWriter, id: number, subscription: number): void {
  const start = begin(writer, REQUEST.unsubscribe, id, 3);
  writer.uint(subscription);
  writer.endFrame(start);
}

export function writeAdminister(writer: ByteWriter, id: number, fields: AdministerFields): void {
  const start = begin(writer, REQUEST.administer, id, 5);
  writer.uintOrNil(fields.sequence);
  writer.string(fields.verb);
  const bytes = encodePlain(fields.arguments ?? {});
  writer.copy(bytes, 0, bytes.length);
  writer.endFrame(start);
}

/** One message as it stands in a produce, in the log and in a delivery. */
export function writeMessage(writer: ByteWriter, message: OutgoingMessage): void {
  const { body, contentType, headers, group } = message;
  const plain = headers !== undefined ? 3 : contentType !== undefined ? 2 : 1;
  const parts = group !== undefined ? 4 : plain;
  writer.arrayHeader(parts);
  writer.binary(body);
  if (parts > 1) writer.stringOrNil(contentType);
  if (parts > 2) writeHeaders(writer, headers);
  if (parts > 3) writer.stringOrNil(group);
}

function writeHeaders(
  writer: ByteWriter,
  headers: Readonly<Record<string, string>> | undefined,
): void {
  if (headers === undefined) {
    writer.nil();
    return;
  }
  const entries = Object.entries(headers);
  writer.mapHeader(entries.length);
  for (const [key, value] of entries) {
    writer.string(key);
    writer.string(value);
  }
}

function begin(writer: ByteWriter, operation: number, id: number, fields: number): number {
  const start = writer.beginFrame();
  writer.arrayHeader(fields);
  writer.uint(operation);
  writer.uint(id);
  return start;
}

function beginSettle(
  writer: ByteWriter,
  operation: number,
  id: number,
  fields: SettleFields,
  count: number,
): number {
  const start = begin(writer, operation, id, count);
  writer.uintOrNil(fields.sequence);
  writer.string(fields.queue);
  writeReceipts(writer, fields.receipts);
  return start;
}

function writeQueues(writer: ByteWriter, queues: readonly string[]): void {
  if (queues.length === 1) {
    writer.string(queues[0]!);
    return;
  }
  writer.arrayHeader(queues.length);
  for (const queue of queues) writer.string(queue);
}

function writeGroups(writer: ByteWriter, groups: readonly ReceiptGroup[]): void {
  writer.arrayHeader(groups.length);
  for (const group of groups) {
    writer.arrayHeader(2);
    writer.string(group.queue);
    writeReceipts(writer, group.receipts);
  }
}

function writeReceipts(writer: ByteWriter, receipts: readonly Receipt[]): void {
  writer.arrayHeader(receipts.length * 2);
  for (const receipt of receipts) {
    writer.uint(receipt.id);
    writer.uint(receipt.token);
  }
}
