// Frames for tests: written by the product's encoders, parsed by its parsers, and what they throw.

import * as assert from 'uvu/assert';
import { WonderqError } from '../../../src/errors.ts';
import { ByteWriter } from '../../../src/protocol/byte-writer.ts';
import { parseReply } from '../../../src/protocol/parse-reply.ts';
import { parseRequest } from '../../../src/protocol/parse-request.ts';
import { Reply } from '../../../src/protocol/reply.ts';
import { Request } from '../../../src/protocol/request.ts';
import { Walker } from '../../../src/protocol/walker.ts';

/** Bytes on both sides of a frame in its buffer, so that a step outside is seen. */
const MARGIN = Buffer.alloc(16, 0xc1);

/** The one frame that `write` writes, without its length. */
export function payload(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(16);
  write(writer);
  const bytes = writer.written();
  assert.is(bytes.readUInt32BE(0), bytes.length - 4, 'the length in front');
  return Buffer.from(bytes.subarray(4));
}

export interface Parsed {
  request: Request;
  /** Where the places that the request holds lie. */
  buffer: Buffer;
}

const walker = new Walker();
const shared = new Request();

/** Parses by a request object that has parsed others before, as in the broker. */
export function parse(frame: Buffer, request: Request = shared): Parsed {
  const buffer = Buffer.concat([MARGIN, frame, MARGIN]);
  walker.reset(buffer, MARGIN.length, MARGIN.length + frame.length);
  parseRequest(walker, request);
  return { request, buffer };
}

export function parseAnswer(frame: Buffer, reply: Reply = new Reply()): Reply {
  const buffer = Buffer.concat([MARGIN, frame, MARGIN]);
  walker.reset(buffer, MARGIN.length, MARGIN.length + frame.length);
  parseReply(walker, reply);
  return reply;
}

/** The WonderqError that `action` throws; anything else, or nothing, fails the test. */
export function refusal(action: () => unknown): WonderqError {
  try {
    action();
  } catch (error) {
    if (error instanceof WonderqError) return error;
    throw error;
  }
  return assert.unreachable('expected a refusal') as never;
}

/** Undefined where it is accepted; fails for any error that is none of ours. */
export function refusalOrNone(action: () => unknown): WonderqError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof WonderqError) return error;
    throw error;
  }
}
