/**
 * Connections that speak another protocol, send nonsense, or say nothing: each is told a code and
 * ended, and nobody else notices. Rows E25 to E28, E30 and E31 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { look } from '../../src/broker/liveness.ts';
import { limits } from '../../src/limits.ts';
import { writePing, writeSubscribe } from '../../src/protocol/requests.ts';
import { printedSeed, seededRandom } from '../support/random.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('strangers (E25 to E28, E30, E31)');

const frame = (...bytes: number[]) => Buffer.from([0, 0, 0, bytes.length, ...bytes]);

const helloLength = Buffer.alloc(4);
helloLength.writeUInt32BE(limits.helloFrameBytesMax + 1);
const frameLength = Buffer.alloc(4);
frameLength.writeUInt32BE(limits.frameBytesMax + 1);

async function began(): Promise<{ rig: Rig; other: Wire }> {
  const rig = new Rig();
  await rig.start();
  const other = rig.connect();
  await other.answer(other.hello({ pinged: false }));
  return { rig, other };
}

async function greeted(rig: Rig, fields = {}): Promise<Wire> {
  const wire = rig.connect();
  await wire.answer(wire.hello(fields));
  return wire;
}

function codes(wire: Wire): (string | undefined)[] {
  return wire.answers.map(({ code }) => code).filter((code) => code !== undefined);
}

/** It was told this code and is over, while another one is served. */
async function isEnded(wire: Wire, code: string, other: Wire): Promise<void> {
  assert.is((await other.answer(other.produce({ queue: 'q' }, 'a'))).durability, 2);
  assert.equal(codes(wire), [code]);
  assert.ok(wire.isEnded);
}

const early: Readonly<Record<string, [bytes: Buffer, code: string]>> = {
  'an empty frame': [frame(), 'BAD_FRAME'],
  'a first frame over its limit, by its length alone': [helloLength, 'FRAME_TOO_LARGE'],
  'another protocol': [Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'FRAME_TOO_LARGE'],
  'another first request': [frame(0x92, 4, 1), 'HELLO_REQUIRED'],
};

for (const [what, [bytes, code]] of Object.entries(early)) {
  test(`${what} ends the connection with ${code} (E25)`, async () => {
    const { rig, other } = await began();
    const wire = rig.connect();
    rig.broker.receive(wire.connection, bytes);
    await isEnded(wire, code, other);
  });
}

const late: Readonly<Record<string, [bytes: Buffer, code: string]>> = {
  'a frame over the limit, by its length alone': [frameLength, 'FRAME_TOO_LARGE'],
  'a frame that is cut': [frame(0x98, 10, 2, 0xc0), 'BAD_FRAME'],
  'bytes behind a frame': [frame(0x92, 4, 1, 0xc0), 'BAD_FRAME'],
  'an extension type': [frame(0x93, 4, 1, 0xd4, 1, 1), 'BAD_FRAME'],
  'too deep a frame': [frame(0x93, 4, 1, ...Array(limits.depthMax).fill(0x91), 0xc0), 'BAD_FRAME'],
};

for (const [what, [bytes, code]] of Object.entries(late)) {
  test(`${what} ends the connection after the hello too (E25, E26)`, async () => {
    const { rig, other } = await began();
    const wire = await greeted(rig);
    rig.broker.receive(wire.connection, bytes);
    await isEnded(wire, code, other);
  });
}

test('random bytes end no broker and hold nobody up (E26)', async () => {
  const random = seededRandom(printedSeed('strangers'));
  const { rig, other } = await began();
  for (let round = 0; round < 300; round += 1) {
    const wire = await greeted(rig);
    const body = random.bytes(random.integer(1, 60));
    rig.broker.receive(wire.connection, Buffer.concat([frame(...body), random.bytes(5)]));
    const produced = await other.answer(other.produce({ queue: 'q' }, `${round}`));
    assert.is(produced.durability, 2);
    wire.disconnect();
  }
  assert.is(rig.end, undefined);
});

test('who does not say hello in time is told and ended (E31)', async () => {
  const { rig, other } = await began();
  const wire = rig.connect();
  await rig.run(limits.helloMs - 500);
  assert.not(wire.isEnded);
  // It is looked at once more before it is ended.
  await rig.run(2600);
  await isEnded(wire, 'HELLO_REQUIRED', other);
});

test('a hello that came while the broker did not run is in time (E31)', async () => {
  const { rig } = await began();
  const wire = rig.connect();
  // It runs again, and looks at its connections before it reads from them.
  look(rig.inside, wire.connection, rig.inside.time.now() + 10 * limits.helloMs);
  assert.not(wire.isEnded);
  const hello = await wire.answer(wire.hello());
  assert.is(hello.code, undefined);
});

test('a frame that does not end in time ends the connection (E27)', async () => {
  const { rig, other } = await began();
  const wire = await greeted(rig, { pinged: false });
  rig.broker.receive(wire.connection, Buffer.from([0, 0, 0, 20, 0x98, 10]));
  await rig.run(limits.partialFrameMs - 500);
  assert.not(wire.isEnded);
  // It is looked at once more before it is ended.
  await rig.run(2600);
  await isEnded(wire, 'BAD_FRAME', other);
});

test('three pings without an answer end a connection, one answer keeps it (E28)', async () => {
  const { rig } = await began();
  const silent = await greeted(rig);
  const alive = await greeted(rig);
  const missed = limits.pingsMissedMax;
  for (let round = 0; round < missed; round += 1) {
    await rig.run(limits.pingMs + 1000);
    assert.not(silent.isDestroyed);
    alive.ask(writePing);
  }
  await rig.run(limits.pingMs + 1000);
  assert.ok(silent.isDestroyed);
  assert.not(alive.isDestroyed);
});

test('a lease ends by its deadline although its connection is half open (E28)', async () => {
  const { rig, other } = await began();
  const silent = await greeted(rig, { session: Buffer.alloc(16, 1) });
  await other.answer(other.produce({ queue: 'q' }, 'a'));
  await silent.answer(silent.receive({ queues: ['q'], visibilityMs: 5000, detached: false }));
  const beganMs = rig.scheduler.nowMs;
  const { deliveries, atMs } = await other.answer(other.receive({ queues: ['q'] }));
  assert.is(deliveries.length, 1);
  assert.ok(atMs - beganMs < 5100, `${atMs - beganMs} ms`);
  assert.not(silent.isDestroyed);
});

test('who does not read and answers no ping is closed (E30)', async () => {
  const { rig, other } = await began();
  const deaf = await greeted(rig);
  deaf.isReading = false;
  for (let sent = 0; sent < 40; sent += 1) deaf.ask(writePing);
  await rig.run((limits.pingsMissedMax + 2) * limits.pingMs);
  assert.ok(deaf.isDestroyed);
  assert.is((await other.answer(other.produce({ queue: 'q' }, 'a'))).durability, 2);
});

/** Asks for more than it may be told at once, and reads nothing of it. */
async function deafened(rig: Rig, other: Wire): Promise<Wire> {
  const deaf = await greeted(rig, { pinged: false });
  deaf.isReading = false;
  for (let frame = 0; frame < 40; frame += 1) {
    await other.answer(other.produce({ queue: 'q' }, 'x'.repeat(100_000)));
  }
  const fields = { queues: ['q'], creditMessages: 1000, detached: true };
  deaf.ask((writer, id) => writeSubscribe(writer, id, fields));
  await rig.until(() => !deaf.connection.canTake);
  return deaf;
}

test('who asks and never reads is told, and then cut off (E30)', async () => {
  const { rig, other } = await began();
  const deaf = await deafened(rig, other);
  const late = await deafened(rig, other);
  const bytes = deaf.unsentBytes + deaf.connection.heldBytes;
  await rig.run(limits.unreadMs - 2000);
  assert.not(deaf.connection.isClosing);
  await rig.run(4000);
  late.isReading = true;
  late.catchUp();
  assert.equal(codes(late), ['SLOW_READER']);
  assert.not(deaf.isDestroyed);
  await rig.run(limits.lingerMs + 2000);
  assert.ok(deaf.isDestroyed);
  assert.ok(deaf.unsentBytes < bytes + 1000, 'it was held no more than at first');
  assert.is((await other.answer(other.produce({ queue: 'q' }, 'a'))).durability, 2);
});

test('who reads slowly keeps its connection (E30)', async () => {
  const { rig, other } = await began();
  const slow = await deafened(rig, other);
  for (let round = 0; round < 3; round += 1) {
    await rig.run(limits.unreadMs - 5000);
    assert.not(slow.connection.isClosing);
    slow.catchUp();
    await rig.until(() => !slow.connection.canTake);
  }
  assert.equal(codes(slow), []);
});

test('who is connected when the broker stops is told why', async () => {
  const { rig, other } = await began();
  const late = rig.connect();
  await rig.wait(rig.broker.stop());
  assert.equal(codes(late), ['DRAINING']);
  const last = other.answers.at(-1)!;
  assert.equal([last.id, last.code], [0, 'DRAINING']);
  assert.ok(other.isEnded);
});

test.run();
