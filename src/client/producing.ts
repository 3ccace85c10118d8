/**
 * A produce from a program's options to its confirmation: alone, with others of the same turn, or
 * as a batch of its own.
 */
import { DURABILITY } from '../protocol/operations.ts';
import type { OutgoingMessage } from '../protocol/requests.ts';
import { badField, checkQueue } from './checks.ts';
import type { Connection } from './connection.ts';
import { type Body, type Message, toOutgoing } from './message.ts';
import {
  type Confirmation,
  checkProduceOptions,
  checkShared,
  type DurabilityName,
  notBeforeMsOf,
  type ProduceOptions,
} from './options.ts';
import { type Confirmed, checkBatch, type ProduceManner, ProduceManyCall } from './produce-call.ts';

export class Producing {
  readonly #connection: Connection;
  readonly #weakest: ProduceManner['weakest'];

  /** `durability`: the least that the program accepts. */
  constructor(connection: Connection, durability: DurabilityName) {
    this.#connection = connection;
    this.#weakest = DURABILITY[durability];
  }

  one(queue: string, body: Body | Message, options: ProduceOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#gather(queue, body, options, resolve, reject);
    });
  }

  oneConfirmed(
    queue: string,
    body: Body | Message,
    options: ProduceOptions,
  ): Promise<Confirmation> {
    return new Promise((resolve, reject) => {
      const confirmed: Confirmed = (id, level, isDuplicate) =>
        resolve({ id, durability: level === DURABILITY.fsync ? 'fsync' : 'write', isDuplicate });
      this.#gather(queue, body, options, confirmed, reject);
    });
  }

  /** One frame: all are there or none. */
  async many(
    queue: string,
    bodies: readonly (Body | Message)[],
    options: ProduceOptions,
  ): Promise<number[]> {
    const connection = this.#connection;
    const { limits } = connection.greeting;
    const manner = this.#manner(queue, options);
    const messages = bodies.map((body) => toOutgoing(body, options, limits.bodyBytesMax));
    if (messages.length === 0) return [];
    for (const message of messages) checkGroup(manner, message);
    checkShared(options, bodies.length);
    checkBatch(messages, limits);
    return await new Promise((resolve, reject) => {
      connection.submit(new ProduceManyCall(manner, messages, resolve, reject));
    });
  }

  #gather(
    queue: string,
    body: Body | Message,
    options: ProduceOptions,
    confirmed: Confirmed,
    reject: (error: Error) => void,
  ): void {
    const connection = this.#connection;
    const manner = this.#manner(queue, options);
    const message = toOutgoing(body, options, connection.greeting.limits.bodyBytesMax);
    checkGroup(manner, message);
    connection.gathering.produce(manner, message, confirmed, reject);
  }

  #manner(queue: string, options: ProduceOptions): ProduceManner {
    checkQueue(queue);
    checkProduceOptions(options);
    const isLowered = options.durability === 'write';
    return {
      queue,
      durability: isLowered ? DURABILITY.write : DURABILITY.queue,
      delayMs: options.delayMs ?? 0,
      priority: options.priority ?? 0,
      notBeforeMs: notBeforeMsOf(options),
      timeToLiveMs: options.timeToLiveMs,
      weakest: isLowered ? DURABILITY.write : this.#weakest,
    };
  }
}

function checkGroup({ priority }: ProduceManner, { group }: OutgoingMessage): void {
  if (group !== undefined && priority > 0)
    throw badField('priority', 'and group exclude each other');
}
