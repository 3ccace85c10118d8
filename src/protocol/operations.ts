/**
 * The numbers of the wire: operations, the protocol version, durability levels. `docs/protocol.md`
 * says what each of them means; no number is ever used again for something else.
 */

export const PROTOCOL_VERSION = 1;

/** Client to broker. */
export const REQUEST = {
  hello: 1,
  resume: 2,
  bye: 3,
  ping: 4,
  cancel: 5,
  pong: 6,
  produce: 10,
  receive: 11,
  ack: 12,
  nack: 13,
  release: 14,
  extend: 15,
  subscribe: 16,
  credit: 17,
  unsubscribe: 18,
  ackCurrent: 19,
  administer: 20,
} as const;

/** Broker to client. */
export const ANSWER = {
  ok: 64,
  error: 65,
  produced: 66,
  settled: 67,
  deliveries: 68,
  ended: 69,
  ping: 70,
} as const;

/** What a request may ask for (`queue`: the level of the queue) and what an answer tells. */
export const DURABILITY = {
  queue: 0,
  write: 1,
  fsync: 2,
} as const;

/** What a confirmation can say. */
export type Durability = typeof DURABILITY.write | typeof DURABILITY.fsync;
