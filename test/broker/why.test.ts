/**
 * Why a message is not being delivered, in words: what an operator reads, for messages in every
 * state, and that it is told like any other answer. Row E37 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeNack, writeSubscribe } from '../../src/protocol/requests.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('why (E37)');

interface Told {
  readonly id?: number;
  readonly state?: string;
  readonly reasons: readonly { readonly code: string; readonly text: string }[];
}

async function began(): Promise<{ rig: Rig; wire: Wire }> {
  const rig = new Rig();
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello({ session: Buffer.alloc(16, 3), clientName: 'worker "7"' }));
  return { rig, wire };
}

async function why(wire: Wire, id?: number): Promise<Told> {
  const answer = await wire.answer(wire.administer('why', { queue: 'q', id }));
  return answer.value as Told;
}

async function textsOf(wire: Wire, id?: number): Promise<string[]> {
  return (await why(wire, id)).reasons.map(({ text }) => text);
}

async function produce(wire: Wire, priority = 0, delayMs = 0): Promise<number> {
  const answer = await wire.answer(wire.produce({ queue: 'q', priority, delayMs }, 'a'));
  return answer.runs[0]!;
}

test('of a message in every state', async () => {
  const { rig, wire } = await began();
  const settings = { failuresMax: 1 };
  await wire.answer(wire.administer('queue.create', { queue: 'q', settings }));
  assert.equal(await textsOf(wire), [
    'queue q has no messages',
    'nobody waits for messages of queue q',
  ]);
  const first = await produce(wire);
  assert.equal(await textsOf(wire, first), ['nobody waits for messages of queue q']);
  assert.equal(await textsOf(wire), ['nobody waits for messages of queue q']);
  const second = await produce(wire);
  await wire.answer(wire.administer('queue.pause', { queue: 'q' }));
  assert.equal(await textsOf(wire, second), [
    'queue q is paused (both): nothing is delivered until it is resumed',
    '1 message is before it, by priority or ID',
    'nobody waits for messages of queue q',
  ]);
  await wire.answer(wire.administer('queue.resume', { queue: 'q' }));
  const taken = { queues: ['q'], messagesMax: 2, visibilityMs: 60_000, detached: false };
  const [one, two] = (await wire.answer(wire.receive(taken))).deliveries;
  const [leased] = await textsOf(wire, first);
  assert.match(
    leased!,
    /^it is leased to client "worker \\"7\\"" until 2023-11-14T22:1\d:\d\d\.\d+Z$/,
  );
  const nack = { queue: 'q', receipts: [one!], reason: 'no\nstock' };
  await wire.answer(wire.ask((writer, id) => writeNack(writer, id, nack)));
  assert.equal(await textsOf(wire, first), [
    'it failed once, the last time nacked by client "worker \\"7\\"": "no\\nstock"; ' +
      'it is dead: nobody gets it until it is redriven',
  ]);
  await wire.answer(wire.ack('q', two!));
  assert.equal(await textsOf(wire, second), [
    `there is no message ${second} in queue q: it left it, or was never there`,
  ]);
  assert.equal(await textsOf(wire, 999), ['no message has had the ID 999 yet']);
  const late = await produce(wire, 0, 60_000);
  assert.match((await textsOf(wire, late))[0]!, /^it is delayed until 2023-11-14T22:14:/);
  assert.equal((await textsOf(wire))[0], 'no message of queue q is ready: 1 delayed, 1 dead');
  assert.is(rig.end, undefined);
});

test('codes and figures beside the words; what does not apply is left out', async () => {
  const { wire } = await began();
  const id = await produce(wire, 0, 60_000);
  const told = await why(wire, id);
  assert.is(told.id, id);
  assert.is(told.state, 'delayed');
  const {
    untilMs,
    text: _,
    ...reason
  } = told.reasons[0] as Told['reasons'][0] & { untilMs: number };
  assert.equal(reason, { code: 'DELAYED', isOver: false });
  assert.ok(untilMs > 1_700_000_000_000);
  const none = await why(wire);
  assert.equal(Object.keys(none), ['reasons']);
  assert.equal((none.reasons[0] as object as { delayed: number }).delayed, 1);
});

test('who waits without credit', async () => {
  const { wire } = await began();
  const id = await produce(wire);
  const subscribed = wire.ask((writer, asked) =>
    writeSubscribe(writer, asked, { queues: ['q'], creditMessages: 0 }),
  );
  await wire.answer(subscribed);
  assert.equal(await textsOf(wire, id), [
    '1 subscription has no credit: no more is pushed until there is some',
  ]);
});

test('it is told when what it speaks of is durable', async () => {
  const { rig, wire } = await began();
  await produce(wire);
  rig.latencyMs = (operation) => (operation === 'sync' ? 50 : 0.01);
  const taken = wire.receive({ queues: ['q'] });
  await rig.run(5);
  const asked = wire.administer('why', { queue: 'q', id: 1 });
  await rig.run(5);
  assert.is(wire.answerTo(asked), undefined);
  await wire.answer(taken);
  const [reason] = ((await wire.answer(asked)).value as Told).reasons;
  assert.is(reason!.code, 'LEASED');
});

test('what cannot be asked is refused', async () => {
  const { wire } = await began();
  await produce(wire);
  const codeOf = async (args: Record<string, unknown>) =>
    (await wire.answer(wire.administer('why', args))).code;
  assert.is(await codeOf({ queue: 'none' }), 'QUEUE_NOT_FOUND');
  assert.is(await codeOf({ queue: 'q', id: 0 }), 'BAD_REQUEST');
  assert.is(await codeOf({ queue: 'q', id: '1' }), 'BAD_REQUEST');
});

test.run();
