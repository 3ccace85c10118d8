/**
 * A small log as a real broker leaves it, and what a start of the broker makes of a log: everything
 * that a client could ever notice of it, in one text.
 */

import { readLogState } from '../../../src/broker/log-state.ts';
import type { OpenReport } from '../../../src/log/log.ts';
import { Snapshot } from '../../../src/log/snapshot.ts';
import { writeExtend, writeNack } from '../../../src/protocol/requests.ts';
import { Rig } from '../../broker/support/rig.ts';
import type { Wire } from '../../broker/support/wire.ts';
import { viewOf } from '../../queue/support/replayed.ts';
import { smallSizes } from '../../simulation/small-limits.ts';
import type { Files } from './damage.ts';

export const sizes = {
  ...smallSizes,
  batchBytesMax: 1700,
  recordBytesMax: 1600,
  chunkBytes: 1700,
  segmentBytes: 1800,
  blockBytesMax: 400,
};

const text = (number: number) => `${number}:`.repeat(60).slice(0, 60 + (number % 7) * 20);

/** Leases, delays, priorities, settings, refusals. */
async function traffic(wire: Wire, life: number): Promise<void> {
  const session = Buffer.alloc(16, 7 + life);
  await wire.answer(wire.hello({ session, clientName: `client ${life}` }));
  let sequence = 0;
  for (let number = 0; number < 14; number += 1) {
    sequence += 1;
    const more = { sequence, priority: number % 3, delayMs: number % 5 === 4 ? 3_600_000 : 0 };
    const queue = number % 4 === 0 ? 'kept' : 'used';
    await wire.answer(wire.produce({ queue, ...more }, text(number), text(number + 100)));
  }
  const asked = { queues: ['used'], messagesMax: 9, visibilityMs: 600_000, detached: false };
  const { deliveries } = await wire.answer(wire.receive(asked));
  await wire.answer(wire.ack('used', ...deliveries.slice(0, 6)));
  const left = { queue: 'used', receipts: deliveries.slice(6, 7), sequence: sequence + 1 };
  await wire.answer(wire.ask((writer, id) => writeNack(writer, id, { ...left, delayMs: 500 })));
  const kept = { queue: 'used', receipts: deliveries.slice(5, 8), sequence: sequence + 2 };
  await wire.answer(wire.ask((writer, id) => writeExtend(writer, id, kept)));
  await wire.answer(wire.administer('queue.pause', { queue: 'kept' }, sequence + 3));
  await wire.answer(wire.produce({ queue: 'kept', sequence: sequence + 4 }, 'refused'));
  await wire.answer(wire.produce({ queue: 'used', durability: 1 }, text(200), text(201)));
}

const holdRenames = (operation: string) =>
  operation === 'rename' ? Number.POSITIVE_INFINITY : 0.1;

/** Fills two segments and empties them, so that they are compacted. */
async function compacted(rig: Rig): Promise<void> {
  const wire = rig.connect();
  await wire.answer(wire.hello());
  const settings = { visibilityMs: 7000, durability: 'write' };
  await wire.answer(wire.administer('queue.create', { queue: 'dead', settings }));
  for (let number = 0; number < 16; number += 1) {
    await wire.answer(wire.produce({ queue: 'dead' }, text(number)));
  }
  await wire.answer(wire.administer('queue.purge', { queue: 'dead' }));
  await rig.until(() => rig.log.segments()[0]!.firstPosition > 0);
}

export type Stop = 'clean' | 'unclean' | 'unclean, unnoted';

/**
 * Two lives, the first one with compaction; the second one ends as told. `unnoted`: before any of
 * its new segments was in the checkpoint, soon after it took the last one into use.
 */
export async function smallLog(stop: Stop): Promise<Files> {
  const rig = new Rig({ log: sizes });
  await rig.start();
  await compacted(rig);
  await traffic(rig.connect(), 1);
  await rig.restart('kill');
  const wire = rig.connect();
  if (stop === 'unclean, unnoted') rig.latencyMs = holdRenames;
  await traffic(wire, 2);
  if (stop === 'unclean, unnoted') {
    const { firstPosition } = rig.log.segments().at(-1)!;
    const isNew = () => rig.log.segments().at(-1)!.firstPosition > firstPosition;
    while (!isNew()) await wire.answer(wire.produce({ queue: 'used' }, text(202)));
  }
  return await ended(rig, stop);
}

async function ended(rig: Rig, stop: Stop): Promise<Files> {
  await rig.run(50);
  if (stop !== 'clean') return rig.storage.files();
  rig.broker.stop();
  await rig.until(() => rig.end !== undefined);
  return rig.storage.files();
}

/** So small that every bit of it can be flipped: two lives, of which each left a segment. */
export async function leastLog(stop: Stop): Promise<Files> {
  const rig = new Rig({ log: sizes });
  for (const life of [1, 2]) {
    await (life === 1 ? rig.start() : rig.restart('kill'));
    const wire = rig.connect();
    await wire.answer(wire.hello({ session: Buffer.alloc(16, life) }));
    for (const number of [5, 12]) {
      await wire.answer(wire.produce({ queue: 'used' }, text(number), text(number + 1)));
    }
    const asked = { queues: ['used'], messagesMax: 2, visibilityMs: 600_000, detached: false };
    const { deliveries } = await wire.answer(wire.receive(asked));
    await wire.answer(wire.ack('used', ...deliveries.slice(0, 1)));
  }
  return await ended(rig, stop);
}

export interface Found {
  readonly report: OpenReport;
  /** Queues, messages with their bodies, leases, settings, sessions and their answers. */
  readonly state: string;
  /** Queues and messages alone, but for where they stand. */
  readonly queues: string;
}

/** Starts a broker on these files. Rejects as the start does. */
export async function startOn(files: Files): Promise<Found> {
  const rig = new Rig({ log: sizes });
  rig.storage.load(files);
  const report = await rig.start();
  const view = viewOf(rig.inside.state);
  const bodies: string[] = [];
  for (const { messages } of view.queues) {
    for (const { position, length } of messages) bodies.push(await bodyAt(rig, position, length));
  }
  const queues = withoutPositions(view.queues);
  return { report, state: JSON.stringify({ ...view, bodies }), queues };
}

/** What `log verify` makes of them: how much a start would cut, and all messages. */
export async function verifyOn(files: Files): Promise<{ bytesCut: number; queues: string }> {
  const rig = new Rig({ log: sizes });
  rig.storage.load(files);
  const snapshot = await rig.wait(Snapshot.take(rig.storage));
  const reading = readLogState(snapshot, rig.runtime, undefined, sizes);
  const { findings, state } = await rig.wait(reading);
  return { bytesCut: findings.torn?.bytes ?? 0, queues: withoutPositions(viewOf(state).queues) };
}

/** A start may have begun to compact, and so to move, what it found. */
function withoutPositions(queues: unknown): string {
  return JSON.stringify(queues, (key, value) => (key === 'position' ? undefined : value));
}

async function bodyAt(rig: Rig, position: number, length: number): Promise<string> {
  await rig.wait(rig.log.read(position, length));
  const range = rig.log.cached(position, length)!;
  const from = position - range.address;
  return range.buffer.toString('latin1', from, from + length);
}
