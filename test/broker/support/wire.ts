/**
 * One connection of a test: frames go in as they are written, answers are kept as plain values.
 */
import type { Connection, Transport } from '../../../src/broker/connection.ts';
import { limits } from '../../../src/limits.ts';
import { ByteWriter } from '../../../src/protocol/byte-writer.ts';
import { FrameReader } from '../../../src/protocol/frame-reader.ts';
import { parseReply } from '../../../src/protocol/parse-reply.ts';
import { Reply } from '../../../src/protocol/reply.ts';
import {
  type HelloFields,
  type ProduceFields,
  type Receipt,
  type ReceiveFields,
  writeAck,
  writeAdminister,
  writeHello,
  writeProduce,
  writeReceive,
} from '../../../src/protocol/requests.ts';
import { Walker } from '../../../src/protocol/walker.ts';
import type { Rig } from './rig.ts';

export interface Delivered extends Receipt {
  readonly body: string;
  readonly deliveryCount: number;
  readonly failureCount: number;
}

export interface Answer {
  readonly operation: number;
  readonly id: number;
  readonly atMs: number;
  readonly code: string | undefined;
  readonly field: string | undefined;
  readonly value: unknown;
  readonly runs: readonly number[];
  readonly durability: number;
  readonly codes: readonly (string | undefined)[] | undefined;
  readonly groupCodes: Reply['groupCodes'];
  readonly queue: string | undefined;
  readonly deliveries: readonly Delivered[];
}

const errorAnswer = 65;

export class Wire implements Transport {
  readonly answers: Answer[] = [];
  readonly connection: Connection;
  /** False: nothing that is sent leaves the broker's process. */
  isReading = true;
  isPaused = false;
  isEnded = false;
  isDestroyed = false;
  /** Its broker is gone. */
  isOver = false;
  unsentBytes = 0;
  receivedBytes = 0;
  /** What was sent to it and that it did not read. */
  private unread: Buffer[] = [];
  private readonly rig: Rig;
  private readonly reader = new FrameReader(limits.frameBytesMax);
  private readonly walker = new Walker();
  private readonly reply = new Reply();
  private nextId = 1;
  /** What the client sent while the broker did not read. */
  private readonly waiting: Buffer[] = [];

  constructor(rig: Rig) {
    this.rig = rig;
    this.connection = rig.broker.connect(this);
  }

  send(bytes: Buffer): void {
    if (!this.isReading) {
      this.unsentBytes += bytes.length;
      this.unread.push(Buffer.from(bytes));
      return;
    }
    this.read(Buffer.from(bytes));
  }

  /** Reads what it left unread so far. */
  catchUp(): void {
    for (const bytes of this.unread.splice(0)) this.read(bytes);
    this.unsentBytes = 0;
    this.rig.broker.sent(this.connection);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    while (!this.isPaused && this.waiting.length > 0) this.push(this.waiting.shift()!);
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.disconnect();
  }

  get waitingBytes(): number {
    return this.waiting.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  /** Sends a request and returns its ID. */
  ask(write: (writer: ByteWriter, id: number) => void): number {
    const writer = new ByteWriter();
    const id = this.nextId++;
    write(writer, id);
    const bytes = writer.take();
    if (this.isPaused) this.waiting.push(bytes);
    else this.push(bytes);
    return id;
  }

  hello(fields: HelloFields = {}): number {
    return this.ask((writer, id) => writeHello(writer, id, fields));
  }

  produce(fields: Omit<ProduceFields, 'messages'>, ...bodies: string[]): number {
    const messages = bodies.map((body) => ({ body: Buffer.from(body) }));
    return this.ask((writer, id) => writeProduce(writer, id, { ...fields, messages }));
  }

  receive(fields: Partial<ReceiveFields> & { queues: readonly string[] }): number {
    const all = { messagesMax: 1, waitMs: 60_000, detached: true, ...fields };
    return this.ask((writer, id) => writeReceive(writer, id, all));
  }

  ack(queue: string, ...receipts: Receipt[]): number {
    return this.ask((writer, id) => writeAck(writer, id, { queue, receipts }));
  }

  /** `sequence`: where it may be asked again. */
  administer(
    verb: string,
    args: Readonly<Record<string, unknown>> = {},
    sequence?: number,
  ): number {
    const fields = { verb, arguments: args, sequence };
    return this.ask((writer, id) => writeAdminister(writer, id, fields));
  }

  answerTo(id: number): Answer | undefined {
    return this.answers.find((answer) => answer.id === id);
  }

  /** Lets time go on until a request is answered. */
  async answer(id: number): Promise<Answer> {
    await this.rig.until(() => this.answerTo(id) !== undefined);
    return this.answerTo(id)!;
  }

  disconnect(): void {
    if (!this.rig.wires.delete(this)) return;
    this.rig.broker.disconnect(this.connection);
  }

  private read(bytes: Buffer): void {
    this.receivedBytes += bytes.length;
    this.reader.push(bytes);
    while (this.reader.next()) this.take();
  }

  private push(bytes: Buffer): void {
    if (!this.isOver) this.rig.broker.receive(this.connection, bytes);
  }

  private take(): void {
    const { buffer, start, end } = this.reader;
    const { reply } = this;
    this.walker.reset(buffer, start, end);
    parseReply(this.walker, reply);
    const deliveries = Array.from({ length: reply.deliveries.count }, (_, at) => ({
      id: reply.deliveries.ids[at]!,
      token: reply.deliveries.tokens[at]!,
      body: reply.deliveries.body(at).toString(),
      deliveryCount: reply.deliveries.deliveryCounts[at]!,
      failureCount: reply.deliveries.failureCounts[at]!,
    }));
    const { operation, id, value, runs, durability, codes, groupCodes, queue, field } = reply;
    const code = operation === errorAnswer ? reply.code : undefined;
    const plain = { operation, id, value, runs, durability, codes, groupCodes, queue };
    this.answers.push({ ...plain, code, field, deliveries, atMs: this.rig.scheduler.nowMs });
  }
}
