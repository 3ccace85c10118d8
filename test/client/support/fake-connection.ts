// One connection of a fake broker: what came on it, and every answer that a broker can give.

import type { Socket } from 'node:net';
import { type Code, WonderqError, type WonderqErrorOptions } from '../../../src/errors.ts';
import {
  beginDeliveries,
  type Codes,
  endDeliveries,
  writeDelivery,
  writeEnded,
  writeError,
  writeNoDeliveries,
  writeOk,
  writePing,
  writeProduced,
  writeSettled,
} from '../../../src/protocol/answers.ts';
import { ByteWriter } from '../../../src/protocol/byte-writer.ts';
import { FrameReader } from '../../../src/protocol/frame-reader.ts';
import type { Durability } from '../../../src/protocol/operations.ts';
import { parseRequest } from '../../../src/protocol/parse-request.ts';
import { Request } from '../../../src/protocol/request.ts';
import { writeMessage } from '../../../src/protocol/requests.ts';
import { Walker } from '../../../src/protocol/walker.ts';
import { type Seen, seenIn } from './seen.ts';

export interface FakeMessage {
  readonly id: number;
  readonly token?: number;
  readonly body?: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deliveryCount?: number;
}

export interface FakeDelivery {
  readonly queue?: string;
  readonly visibilityMs?: number;
  readonly codes?: readonly Codes[];
}

export class FakeConnection {
  /** Requests of this connection, in the order seen. */
  readonly seen: Seen[] = [];
  isOpen = true;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #walker = new Walker();
  readonly #request = new Request();

  constructor(socket: Socket, saw: (seen: Seen) => void) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#reader.push(chunk);
      while (this.#reader.next()) {
        const { buffer, start, end } = this.#reader;
        this.#walker.reset(buffer, start, end);
        parseRequest(this.#walker, this.#request);
        const seen = seenIn(this.#request, buffer);
        this.seen.push(seen);
        saw(seen);
      }
    });
    socket.on('error', () => {}); // A client may break it off.
    socket.on('close', () => {
      this.isOpen = false;
    });
  }

  /** As a broken network, or a killed broker. */
  break(): void {
    this.#socket.destroy();
  }

  /** Sends a last answer and closes. */
  end(last: () => void): void {
    last();
    this.#socket.end();
  }

  /** Reads no more, as a broker that is stopped. */
  freeze(): void {
    this.#socket.pause();
  }

  bytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  ok(id: number, value?: unknown): void {
    this.#send((writer) => writeOk(writer, id, value));
  }

  error(id: number, code: Code, options?: WonderqErrorOptions): void {
    this.#send((writer) => writeError(writer, id, new WonderqError(code, undefined, options)));
  }

  /** `runs`: first message ID and count, and so on. */
  produced(id: number, runs: readonly number[], durability: Durability = 2): void {
    this.#send((writer) => writeProduced(writer, id, durability, runs));
  }

  settled(id: number, codes?: Codes): void {
    this.#send((writer) => writeSettled(writer, id, 2, codes));
  }

  deliver(id: number, messages: readonly FakeMessage[], options: FakeDelivery = {}): void {
    const { queue = 'orders', visibilityMs = 30_000, codes } = options;
    this.#send((writer) => {
      if (messages.length === 0) {
        writeNoDeliveries(writer, id, codes);
        return;
      }
      const start = beginDeliveries(writer, id, queue, visibilityMs, messages.length);
      for (const message of messages) this.#writeMessage(writer, message);
      endDeliveries(writer, start, codes);
    });
  }

  ended(subscription: number, code: Code): void {
    this.#send((writer) => writeEnded(writer, subscription, new WonderqError(code)));
  }

  ping(number: number): void {
    this.#send((writer) => writePing(writer, number));
  }

  #writeMessage(writer: ByteWriter, message: FakeMessage): void {
    const { id, token = 1000 + id, body = `body ${id}`, contentType, headers } = message;
    const bytes = new ByteWriter();
    writeMessage(bytes, { body: Buffer.from(body), contentType, headers });
    const { deliveryCount = 1 } = message;
    writeDelivery(writer, id, token, deliveryCount, 0, 1, 0, bytes.buffer, 0, bytes.at);
  }

  #send(write: (writer: ByteWriter) => void): void {
    const writer = new ByteWriter();
    write(writer);
    this.bytes(writer.written());
  }
}
