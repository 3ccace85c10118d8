// What a queue does not use it does not pay for: by the counters of the engine, no function of an
// unused feature is entered while messages are produced, delivered and settled.

import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Client, Message } from '../src/client/client.ts';
import { serving } from './support/serving.ts';

const test = suite('unused');

const looks = new Set(['expireFirst', 'expireMessages', 'isOverdue', 'writeOverdue']);

/** Files of features that a queue may use, and which of their functions belong to them alone. */
const features: Readonly<Record<string, (name: string) => boolean>> = {
  'queue/back-off.ts': all,
  'queue/deduplication.ts': all,
  'queue/failures.ts': all,
  'queue/grouping.ts': all,
  'queue/groups.ts': all,
  'queue/overflow.ts': (name) => name !== 'isLimited',
  'queue/produce-once.ts': (name) => name !== 'forgetDuplicates',
  'queue/redrive.ts': all,
  'queue/steer.ts': all,
  'queue/transfer.ts': all,
  'queue/turns.ts': all,
  // Those look at one number, once a batch or a message.
  'queue/time-to-live.ts': (name) => !looks.has(name),
};

function all(): boolean {
  return true;
}

/** Calls of feature functions while `act` runs, by file and function. */
async function callsDuring(act: () => Promise<void>): Promise<Map<string, number>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await act();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  const calls = new Map<string, number>();
  for (const [file, isCounted] of Object.entries(features)) {
    const url = pathToFileURL(join(import.meta.dirname, '..', 'src', file)).href;
    for (const { functions } of result.filter((script) => script.url.startsWith(url))) {
      for (const { functionName, ranges } of functions) {
        const { count } = ranges[0]!;
        if (count > 0 && functionName !== '' && isCounted(functionName)) {
          calls.set(`${file} ${functionName}`, count);
        }
      }
    }
  }
  return calls;
}

async function roundOf(client: Client, queue: string, messages: readonly Message[]): Promise<void> {
  await client.produceMany(queue, messages);
  await client.produce(queue, 'one more');
  for (let left = messages.length + 1; left > 0; ) {
    const deliveries = await client.receive(queue, { max: 10, waitMs: 5000 });
    await client.extend(deliveries, { visibilityMs: 60_000 });
    const outcomes = await client.ack(deliveries);
    left -= outcomes.filter((outcome) => outcome === 'ok').length;
  }
}

const many = (options: object) =>
  Array.from({ length: 50 }, (_, at) => new Message(`${at}`, options));

test(
  'a plain queue enters nothing of them',
  serving(async (client) => {
    await roundOf(client, 'plain', many({}));
    const calls = await callsDuring(() => roundOf(client, 'plain', many({})));
    assert.equal([...calls], []);
  }),
);

test(
  'what is used is counted',
  serving(async (client) => {
    await client.createQueue('used', { messagesMax: 1000, timeToLiveMs: 60_000 });
    const calls = await callsDuring(async () => {
      await client.produce('used', 'x', { deduplicationId: 'a' });
      await roundOf(client, 'used', many({ group: 'a' }).slice(0, 3));
    });
    for (const name of ['deduplication', 'groups', 'turns', 'overflow', 'produce-once']) {
      const isMet = [...calls.keys()].some((key) => key.startsWith(`queue/${name}.ts `));
      assert.ok(isMet, name);
    }
  }),
);

test.run();
