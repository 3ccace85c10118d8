// The fields of each operation: their kinds, bounds and a valid value. The tables of wrong requests are
// made from it.

export type Kind =
  | 'uint'
  | 'name'
  | 'names'
  | 'bool'
  | 'text'
  | 'session'
  | 'receipts'
  | 'ids'
  | 'keys'
  | 'groups';
export type Field = {
  name: string;
  kind: Kind | 'messages' | 'map';
  /** A valid value. */
  value: unknown;
  min?: number;
  max?: number;
  required?: true;
};

export const safeMax: number = Number.MAX_SAFE_INTEGER;
const queue: Field = { name: 'queue', kind: 'name', value: 'orders', required: true };
const queues: Field = { name: 'queues', kind: 'names', value: ['a', 'b'], required: true };
const sequence: Field = { name: 'sequence', kind: 'uint', value: 3, min: 1 };
const receipts: Field = { name: 'receipts', kind: 'receipts', value: [1, 2], required: true };
const visibility: Field = { name: 'visibility', kind: 'uint', value: 5, min: 1, max: 604_800_000 };
const delay: Field = { name: 'delayMs', kind: 'uint', value: 0, max: 316_224_000_000 };
const detached: Field = { name: 'detached', kind: 'bool', value: true };
export const body: Buffer = Buffer.from('x');

export const operations: Readonly<Record<number, readonly Field[]>> = {
  1: [
    { name: 'version', kind: 'uint', value: 1, required: true },
    { name: 'clientName', kind: 'text', value: 'demo', max: 128 },
    { name: 'session', kind: 'session', value: Buffer.alloc(16) },
    { name: 'token', kind: 'text', value: 'secret', max: 4096 },
    { name: 'pinged', kind: 'bool', value: false },
  ],
  2: [{ name: 'held', kind: 'groups', value: [['orders', [1, 2]]] }],
  3: [],
  4: [],
  5: [{ name: 'request', kind: 'uint', value: 9, min: 1, required: true }],
  10: [
    sequence,
    queue,
    { name: 'durability', kind: 'uint', value: 1, max: 1 },
    delay,
    { name: 'priority', kind: 'uint', value: 255, max: 255 },
    { name: 'messages', kind: 'messages', value: [[body]], required: true },
    { name: 'notBeforeMs', kind: 'uint', value: 1_800_000_000_000 },
    { name: 'timeToLiveMs', kind: 'uint', value: 60_000, min: 1, max: 316_224_000_000 },
    { name: 'deduplicationIds', kind: 'keys', value: ['order 7'] },
  ],
  11: [
    sequence,
    queues,
    { name: 'messagesMax', kind: 'uint', value: 10, min: 1, max: 10_000 },
    { name: 'bytesMax', kind: 'uint', value: 0 },
    { name: 'waitMs', kind: 'uint', value: 0, max: 600_000 },
    visibility,
    detached,
    { name: 'acks', kind: 'groups', value: [['orders', [1, 2]]] },
  ],
  12: [sequence, queue, receipts],
  13: [
    sequence,
    queue,
    receipts,
    delay,
    { name: 'reason', kind: 'text', value: 'no such address', max: 256 },
  ],
  14: [sequence, queue, receipts],
  15: [sequence, queue, receipts, visibility],
  19: [sequence, queue, { name: 'ids', kind: 'ids', value: [1, 2], required: true }],
  16: [
    queues,
    { name: 'creditMessages', kind: 'uint', value: 10, max: 100_000 },
    { name: 'creditBytes', kind: 'uint', value: 0 },
    visibility,
    detached,
  ],
  18: [{ name: 'subscription', kind: 'uint', value: 4, min: 1, required: true }],
  20: [
    sequence,
    { name: 'verb', kind: 'text', value: 'stats', max: 64, required: true },
    { name: 'arguments', kind: 'map', value: { queues: true } },
  ],
};

/** The values of a request with each field as it should be. */
export function valid(fields: readonly Field[]): unknown[] {
  return fields.map(({ value }) => value);
}
