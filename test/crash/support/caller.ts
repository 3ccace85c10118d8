// A client that knows of each answer how many bytes of its connection had come when it was whole: in
// a record of the broker's calls that is the moment at which the answer had left.

import { once } from 'node:events';
import net from 'node:net';
import { ByteWriter } from '../../../src/protocol/byte-writer.ts';
import { FrameReader } from '../../../src/protocol/frame-reader.ts';
import { ANSWER } from '../../../src/protocol/operations.ts';
import { parseReply } from '../../../src/protocol/parse-reply.ts';
import { Reply } from '../../../src/protocol/reply.ts';
import {
  type Receipt,
  writeAck,
  writeHello,
  writeProduce,
  writeReceive,
} from '../../../src/protocol/requests.ts';
import { Walker } from '../../../src/protocol/walker.ts';

export interface Delivered extends Receipt {
  readonly body: string;
}

export interface Answer {
  /** Of the connection, up to the end of this answer. */
  readonly bytes: number;
  /** Whether nothing was refused. */
  readonly isGood: boolean;
  readonly deliveries: readonly Delivered[];
}

const prefixBytes = 4;

export class Caller {
  readonly #socket: net.Socket;
  readonly #reader = new FrameReader();
  readonly #walker = new Walker();
  readonly #reply = new Reply();
  /** By the number of the request; undefined is for one that the broker did not live to answer. */
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #bytes = 0;
  #nextId = 1;
  #hasEnded = false;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => {}); // The broker was killed; `close` follows.
    socket.on('close', () => this.#end());
  }

  static async connect(url: string): Promise<Caller> {
    const { hostname, port } = new URL(url);
    const socket = net.connect(Number(port), hostname);
    await once(socket, 'connect');
    return new Caller(socket);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  hello(session: Uint8Array): Promise<Answer | undefined> {
    return this.#ask((writer, id) => writeHello(writer, id, { session, pinged: false }));
  }

  produce(queue: string, bodies: readonly string[]): Promise<Answer | undefined> {
    const messages = bodies.map((body) => ({ body: Buffer.from(body) }));
    return this.#ask((writer, id) => writeProduce(writer, id, { queue, messages }));
  }

  receive(queue: string, messagesMax: number): Promise<Answer | undefined> {
    return this.#ask((writer, id) => writeReceive(writer, id, { queues: [queue], messagesMax }));
  }

  ack(queue: string, receipts: readonly Receipt[]): Promise<Answer | undefined> {
    return this.#ask((writer, id) => writeAck(writer, id, { queue, receipts }));
  }

  end(): void {
    this.#socket.destroy();
  }

  #ask(write: (writer: ByteWriter, id: number) => void): Promise<Answer | undefined> {
    if (this.#hasEnded) return Promise.resolve(undefined);
    const writer = new ByteWriter();
    const id = this.#nextId++;
    write(writer, id);
    this.#socket.write(writer.take());
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
    });
  }

  #take(chunk: Buffer): void {
    this.#reader.push(chunk);
    while (this.#reader.next()) {
      const { buffer, start, end } = this.#reader;
      this.#bytes += prefixBytes + end - start;
      this.#walker.reset(buffer, start, end);
      parseReply(this.#walker, this.#reply);
      const { id } = this.#reply;
      this.#waiting.get(id)?.(this.#answer());
      this.#waiting.delete(id);
    }
  }

  #answer(): Answer {
    const { operation, codes, deliveries } = this.#reply;
    const isGood = operation !== ANSWER.error && (codes ?? []).every((code) => code === undefined);
    const found = Array.from({ length: deliveries.count }, (_, at) => ({
      id: deliveries.ids[at]!,
      token: deliveries.tokens[at]!,
      body: deliveries.body(at).toString(),
    }));
    return { bytes: this.#bytes, isGood, deliveries: found };
  }

  #end(): void {
    this.#hasEnded = true;
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }
}
