// What a start makes of the files of a crash state: the messages that are there, in any state, or
// why it was refused. The start is that of the broker, over a disk in memory.

import { unpack } from 'msgpackr';
import { Rig } from '../../broker/support/rig.ts';
import { messagesOf } from '../../queue/support/replayed.ts';
import { segmentBytes, tinySizes } from './tiny-sizes.ts';

export interface Recovered {
  readonly bodies: readonly string[];
  readonly refused?: string;
}

/** The rig's own time is long before that of the broker that was recorded. */
const wallOffsetMs = Date.now() - 1_700_000_000_000;

export async function recovered(
  files: ReadonlyMap<string, Buffer>,
  queue: string,
): Promise<Recovered> {
  const rig = new Rig({ log: { ...tinySizes, segmentBytes } });
  rig.wallOffsetMs = wallOffsetMs;
  rig.storage.load(files);
  try {
    await rig.start();
  } catch (error) {
    return { bodies: [], refused: (error as Error).message };
  }
  return { bodies: await bodiesOf(rig, queue) };
}

async function bodiesOf(rig: Rig, name: string): Promise<string[]> {
  const { state } = rig.inside;
  const isThere = [...state.queuesByNumber.values()].some((queue) => queue.name === name);
  if (!isThere) return [];
  const bodies: string[] = [];
  for (const { position, length } of messagesOf(state, name)) {
    await rig.wait(rig.log.read(position, length));
    const { buffer, address } = rig.log.cached(position, length)!;
    const [body] = unpack(buffer.subarray(position - address, position - address + length));
    bodies.push(body.toString());
  }
  return bodies;
}
