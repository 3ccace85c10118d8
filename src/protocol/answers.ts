/**
 * Broker -> client: one function for each answer, writing a whole frame behind what the writer
 * holds. The fields and their order are those of `docs/protocol.md`.
 */
import type { Code, WonderqError } from '../errors.ts';
import type { ByteWriter } from './byte-writer.ts';
import { encodePlain } from './codec.ts';
import { ANSWER, type Durability } from './operations.ts';

/** One entry for each receipt: undefined where it is done. Undefined for all: every one is done. */
export type Codes = readonly (Code | undefined)[] | undefined;

export function writeOk(writer: ByteWriter, id: number, value?: unknown): void {
  const start = begin(writer, ANSWER.ok, id, value === undefined ? 2 : 3);
  if (value !== undefined) {
    const bytes = encodePlain(value);
    writer.copy(bytes, 0, bytes.length);
  }
  writer.endFrame(start);
}

/** `id` 0: the request's ID could not be read, or it has none. */
export function writeError(writer: ByteWriter, id: number, error: WonderqError): void {
  const { code, message, field, retryAfterMs } = error;
  const count = retryAfterMs !== undefined ? 6 : field !== undefined ? 5 : 4;
  const start = begin(writer, ANSWER.error, id, count);
  writer.string(code);
  writer.string(message);
  if (count >= 5) writer.stringOrNil(field);
  if (retryAfterMs !== undefined) writer.uint(retryAfterMs);
  writer.endFrame(start);
}

/**
 * `runs`: flat [first message ID, count ...] in the order of the messages. `duplicates`: by their
 * index, those that had been produced before.
 */
export function writeProduced(
  writer: ByteWriter,
  id: number,
  durability: Durability,
  runs: readonly number[],
  duplicates: readonly number[] = [],
): void {
  const start = begin(writer, ANSWER.produced, id, duplicates.length > 0 ? 5 : 4);
  writer.uint(durability);
  writer.arrayHeader(runs.length);
  for (const number of runs) writer.uint(number);
  if (duplicates.length > 0) writer.arrayHeader(duplicates.length);
  for (const index of duplicates) writer.uint(index);
  writer.endFrame(start);
}

/** `writeProduced` for one run, the common case. */
export function writeProducedRun(
  writer: ByteWriter,
  id: number,
  durability: Durability,
  firstId: number,
  count: number,
): void {
  const start = begin(writer, ANSWER.produced, id, 4);
  writer.uint(durability);
  writer.arrayHeader(2);
  writer.uint(firstId);
  writer.uint(count);
  writer.endFrame(start);
}

export function writeSettled(
  writer: ByteWriter,
  id: number,
  durability: Durability,
  codes?: Codes,
): void {
  const start = begin(writer, ANSWER.settled, id, codes === undefined ? 3 : 4);
  writer.uint(durability);
  if (codes !== undefined) writeCodes(writer, codes);
  writer.endFrame(start);
}

/**
 * Begins an answer of `count` deliveries; exactly so many `writeDelivery` and one `endDeliveries`
 * follow. `id` is that of the receive or of the subscription. Gives the place that the end takes.
 */
export function beginDeliveries(
  writer: ByteWriter,
  id: number,
  queue: string | undefined,
  visibilityMs: number,
  count: number,
): number {
  const start = begin(writer, ANSWER.deliveries, id, 6);
  writer.stringOrNil(queue);
  writer.uint(visibilityMs);
  writer.arrayHeader(count);
  return start;
}

/** `message[start]` and `length` bytes: the message as it was produced. */
export function writeDelivery(
  writer: ByteWriter,
  id: number,
  token: number,
  deliveryCount: number,
  failureCount: number,
  producedMs: number,
  priority: number,
  message: Uint8Array,
  start: number,
  length: number,
): void {
  writer.arrayHeader(7);
  writer.uint(id);
  writer.uint(token);
  writer.uint(deliveryCount);
  writer.uint(failureCount);
  writer.uint(producedMs);
  writer.uint(priority);
  writer.copy(message, start, start + length);
}

/** `codes`: for each group of acks that the receive carried. */
export function endDeliveries(writer: ByteWriter, start: number, codes?: readonly Codes[]): void {
  if (codes === undefined) writer.nil();
  else {
    writer.arrayHeader(codes.length);
    for (const group of codes) writeCodes(writer, group);
  }
  writer.endFrame(start);
}

/** The answer of a receive for which no message came. */
export function writeNoDeliveries(writer: ByteWriter, id: number, codes?: readonly Codes[]): void {
  endDeliveries(writer, beginDeliveries(writer, id, undefined, 0, 0), codes);
}

export function writeEnded(writer: ByteWriter, subscription: number, error: WonderqError): void {
  const start = begin(writer, ANSWER.ended, subscription, 4);
  writer.string(error.code);
  writer.string(error.message);
  writer.endFrame(start);
}

export function writePing(writer: ByteWriter, number: number): void {
  writer.endFrame(begin(writer, ANSWER.ping, number, 2));
}

function begin(writer: ByteWriter, operation: number, id: number, fields: number): number {
  const start = writer.beginFrame();
  writer.arrayHeader(fields);
  writer.uint(operation);
  writer.uint(id);
  return start;
}

function writeCodes(writer: ByteWriter, codes: Codes): void {
  if (codes === undefined) {
    writer.nil();
    return;
  }
  writer.arrayHeader(codes.length);
  for (const code of codes) writer.stringOrNil(code);
}
