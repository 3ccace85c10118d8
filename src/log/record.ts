/**
 * A record: a 4-byte big-endian length of what follows, a kind, a version of that kind, a body.
 * Kinds 1 to 15 belong to the log itself, 16 and more to its owner. Records may span blocks, never
 * batches.
 *
 * The log's own kind `oldest` says which segment is the first one needed. Its body, version 1:
 * segment number (4 bytes), address, number of its first batch (8 each), CRC-32 of the block before
 * it (4).
 */
import { MalformedRecordError, UnknownRecordError } from '../errors.ts';
import type { VisitRecord } from './log.ts';
import { readSafeInteger, writeSafeInteger } from './safe-integer.ts';

export const RECORD_HEADER_BYTES = 6;
export const KIND_OLDEST = 1;
export const KIND_OWNER_MIN = 16;
export const OLDEST_VERSION = 1;
export const OLDEST_BODY_BYTES = 24;

/** Where a segment begins in the chain of blocks. */
export interface SegmentStart {
  number: number;
  address: number;
  batch: number;
  previousCrc: number;
}

export function writeOldest(buffer: Buffer, offset: number, start: SegmentStart): void {
  buffer.writeUInt32BE(start.number, offset);
  writeSafeInteger(buffer, start.address, offset + 4);
  writeSafeInteger(buffer, start.batch, offset + 12);
  buffer.writeUInt32BE(start.previousCrc, offset + 20);
}

/** Calls `visit` for each record of a batch; throws at one that is malformed. */
export function visitRecords(
  buffer: Buffer,
  start: number,
  end: number,
  address: number,
  visit: VisitRecord,
): void {
  for (let at = start; at < end; ) {
    const length = end - at < RECORD_HEADER_BYTES ? 0 : buffer.readUInt32BE(at);
    const next = at + 4 + length;
    if (length < 2 || next > end) throw new MalformedRecordError();
    const body = at + RECORD_HEADER_BYTES;
    visit(buffer[at + 4]!, buffer[at + 5]!, buffer, body, next, address + (body - start));
    at = next;
  }
}

/** The body of an `oldest` record; throws where the kind is another one. */
export function decodeOldest(
  kind: number,
  version: number,
  buffer: Buffer,
  start: number,
  end: number,
): SegmentStart {
  const isKnown = kind === KIND_OLDEST && version === OLDEST_VERSION;
  if (!isKnown) throw new UnknownRecordError(kind, version);
  if (end - start !== OLDEST_BODY_BYTES) throw new MalformedRecordError();
  return {
    number: buffer.readUInt32BE(start),
    address: readSafeInteger(buffer, start + 4),
    batch: readSafeInteger(buffer, start + 12),
    previousCrc: buffer.readUInt32BE(start + 20),
  };
}
