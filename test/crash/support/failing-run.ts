// One life of a broker in which a file call fails, and the next one without: what was told in the
// first must hold in the second.

import fs from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Client } from '../../../src/client/client.ts';
import { clientOf, serve, urlOf } from '../../support/broker.ts';
import { eventually } from '../../support/eventually.ts';
import { type Ending, type TestProcess, withProcesses } from '../../support/processes.ts';

const patience = { deadlineMs: 60_000 };
const segmentBytes = 5 * 2 ** 20;
/** So large that a dozen of them roll the segment twice. */
const padding = 'x'.repeat(900 * 1024);
const messages = 14;
/** Long enough for an ack; whose delivery was never told comes again soon after the next start. */
const leaseMs = 3000;

export interface Told {
  readonly confirmed: string[];
  readonly acked: string[];
  /** Produced or acked, and the answer never came. */
  readonly unknown: string[];
}

export interface Outcome extends Told {
  readonly ending: Ending;
  readonly stderr: string;
}

const flags = ['--segment-bytes', String(segmentBytes)];

/** Rolls, acks, and lets two segments die, so that they are compacted. */
async function work(client: Client, told: Told): Promise<void> {
  for (let number = 0; number < messages; number += 1) {
    const body = `${number}:`;
    told.unknown.push(body);
    await client.produce('orders', body + padding);
    told.confirmed.push(told.unknown.pop()!);
    if (number < messages / 2) continue;
    const [delivery] = await client.receive('orders', { visibilityMs: leaseMs });
    const got = delivery!.text().slice(0, delivery!.text().indexOf(':') + 1);
    told.unknown.push(got);
    await client.ack(delivery!);
    told.acked.push(told.unknown.pop()!);
  }
}

/** False where the broker ends before it listens. */
async function listens(broker: TestProcess): Promise<boolean> {
  try {
    await urlOf(broker);
    return true;
  } catch (error) {
    if (broker.isRunning) throw error;
    return false;
  }
}

/** What it says to a client while it goes on without room. */
const refusals = new Set(['DISK_FULL', 'UNAVAILABLE']);

const ends = (broker: TestProcess) =>
  eventually('the broker ends', () => !broker.isRunning, patience);

/** A segment is compacted away, or a failure has shown what it does to the broker. */
function worked(broker: TestProcess, dataDir: string, isFatal: boolean): Promise<boolean> {
  const first = join(dataDir, 'log', '0000000001.wq');
  const isOver = () => !broker.isRunning || (hasFailed(broker) && !isFatal);
  const isDone = () => !fs.existsSync(first) || isOver();
  return eventually('the first segment is gone', isDone, patience);
}

/** Whether a call was made to fail in it. */
export const hasFailed = ({ stderr }: Pick<TestProcess, 'stderr'>) =>
  stderr.includes('a call was made to fail');

export interface Expected {
  /** What is to fail must end the broker. */
  readonly isFatal: boolean;
  /** It may hold answers back for as long as it lasts. */
  readonly mayHoldBack: boolean;
}

/** `env`: of the shim. */
export function lifeWith(
  dataDir: string,
  env: Record<string, string>,
  { isFatal, mayHoldBack }: Expected = { isFatal: false, mayHoldBack: false },
): Promise<Outcome> {
  return withProcesses(async (start) => {
    const broker = serve(start, dataDir, { flags, env });
    const told: Told = { confirmed: [], acked: [], unknown: [] };
    try {
      if (await listens(broker)) await work(await clientOf(broker), told);
      await worked(broker, dataDir, isFatal);
    } catch (error) {
      const { code = '' } = error as { code?: string };
      const mayGoOn = refusals.has(code) || (mayHoldBack && code === 'TIMEOUT');
      // It cut the connection: then it ends by itself, and how it does is looked at.
      if (code === 'CONNECTION_CLOSED' || code === 'CONNECT_FAILED') await ends(broker);
      else if (!mayGoOn) throw error;
    }
    return { ...told, ending: await broker.end('SIGTERM'), stderr: broker.stderr };
  });
}

/** Where nothing was confirmed the next start need only be one. */
function startsAgain(dataDir: string): Promise<void> {
  return withProcesses(async (start) => {
    await (await clientOf(serve(start, dataDir, { flags }))).close();
  });
}

/** Everything confirmed and not acked is there; nothing acked is. */
export function holds(dataDir: string, { confirmed, acked, unknown }: Told): Promise<void> {
  if (confirmed.length === 0) return startsAgain(dataDir);
  return withProcesses(async (start) => {
    const client = await clientOf(serve(start, dataDir, { flags }));
    const bodies: string[] = [];
    const { ready, inFlight } = await client.getQueue('orders');
    const live = Number(ready) + Number(inFlight);
    while (bodies.length < live) {
      const some = await client.receive('orders', { max: 4, waitMs: 2 * leaseMs });
      assert.ok(some.length > 0, `nothing comes after ${bodies}`);
      bodies.push(...some.map((delivery) => delivery.text().replace(/x*$/, '')));
    }
    assert.is(new Set(bodies).size, bodies.length, `one came twice: ${bodies}`);
    const left = confirmed.filter((body) => !acked.includes(body));
    for (const body of left) {
      assert.ok(bodies.includes(body) || unknown.includes(body), `${body} is lost`);
    }
    for (const body of bodies) {
      assert.not(acked.includes(body), `${body} came back`);
      assert.ok(confirmed.includes(body) || unknown.includes(body), `${body} was never produced`);
    }
    await client.close();
  });
}
