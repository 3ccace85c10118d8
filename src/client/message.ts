/**
 * What a program produces -> bytes, content type and headers as the wire carries them.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { OutgoingMessage } from '../protocol/requests.ts';
import { badField, checkText } from './checks.ts';

/**
 * Bytes as they are, a string as text/plain, and anything else that JSON can hold as
 * application/json. Bytes are not copied: they must not change before the produce is confirmed.
 */
export type Body = Uint8Array | string | number | boolean | null | object;

export interface MessageOptions {
  /** Replaces the content type that follows from the body; null: none. */
  contentType?: string | null | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  /**
   * At most 128 bytes: a second message with the same one is not produced while its queue knows
   * the first.
   */
  deduplicationId?: string | undefined;
  /**
   * At most 128 bytes: messages with the same one are delivered one after the other, in the order
   * of their IDs.
   */
  group?: string | undefined;
}

/** A body with a content type or headers of its own, for `produceMany`. */
export class Message {
  readonly body: Body;
  readonly contentType: string | null | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly deduplicationId: string | undefined;
  readonly group: string | undefined;

  constructor(body: Body, options: MessageOptions = {}) {
    this.body = body;
    this.contentType = options.contentType;
    this.headers = options.headers;
    this.deduplicationId = options.deduplicationId;
    this.group = options.group;
  }
}

/** Throws a coded error for what cannot be produced. */
export function toOutgoing(
  given: Body | Message,
  options: MessageOptions,
  bodyBytesMax: number,
): OutgoingMessage {
  const isMessage = given instanceof Message;
  const source = isMessage ? given.body : given;
  const own = isMessage ? given : options;
  const contentType = own.contentType === undefined ? options.contentType : own.contentType;
  const headers = own.headers ?? options.headers;
  const body = toBytes(source);
  if (body.length > bodyBytesMax) {
    throw new WonderqError('BODY_TOO_LARGE', `a body may have ${bodyBytesMax} bytes`, {
      field: 'body',
    });
  }
  if (contentType !== null) checkText('contentType', contentType, limits.contentTypeBytesMax);
  if (headers !== undefined) checkHeaders(headers);
  const { deduplicationId, group } = own;
  checkKey('deduplicationId', deduplicationId, limits.deduplicationIdBytesMax);
  checkKey('group', group, limits.groupBytesMax);
  return {
    body,
    contentType: contentType === undefined ? typeOf(source) : (contentType ?? undefined),
    headers,
    deduplicationId,
    group,
  };
}

function checkKey(field: string, key: string | undefined, bytesMax: number): void {
  checkText(field, key, bytesMax);
  if (key === '') throw badField(field, 'must not be empty');
}

function typeOf(body: Body): string | undefined {
  if (body instanceof Uint8Array) return undefined;
  return typeof body === 'string' ? 'text/plain' : 'application/json';
}

function toBytes(body: Body): Uint8Array {
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) {
    throw badField('body', 'must be a Buffer or Uint8Array where it is bytes');
  }
  return Buffer.from(toJson(body));
}

function toJson(body: Body): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(body);
  } catch (cause) {
    throw badField('body', 'is nothing that JSON can hold', cause);
  }
  if (text === undefined) throw badField('body', `must not be ${typeof body}`);
  return text;
}

/** What the broker counts: the keys and values with a length in front of each. */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  const entries = Object.entries(headers);
  if (entries.length > limits.headersMax) {
    throw badField('headers', `must be at most ${limits.headersMax}`);
  }
  const lengthBytes = 5;
  let bytes = lengthBytes;
  for (const [key, value] of entries) {
    if (typeof value !== 'string') throw badField('headers', `must hold strings only: ${key}`);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value) + 2 * lengthBytes;
  }
  if (bytes > limits.headerBytesMax) {
    throw badField('headers', `must be at most ${limits.headerBytesMax} bytes`);
  }
}
