/**
 * A start: it is itself in the log before anybody can connect, its IDs and tokens are unlike those
 * of any other, and a clock that is a day behind the log refuses it. Rows E2, E4, E5 and E7
 * of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClockError } from '../../src/broker/broker-time.ts';
import { RECORD } from '../../src/broker/records.ts';
import { VarintReader } from '../../src/broker/varint.ts';
import { limits } from '../../src/limits.ts';
import { FileLog } from '../../src/log/file-log.ts';
import { systemError } from '../simulation/storage.ts';
import { Rig } from './support/rig.ts';

const test = suite('start (E2, E5, E7)');

/** The first tokens that the starts of a log wrote down. */
async function startedTokens(rig: Rig): Promise<number[]> {
  const tokens: number[] = [];
  const reader = new VarintReader();
  const log = new FileLog(rig.storage.crash('power'), { reserve: false });
  await rig.wait(
    log.open((kind, _version, buffer, start, end) => {
      if (kind !== RECORD.started) return;
      reader.reset(buffer, start, end);
      tokens.push(reader.next());
    }),
  );
  return tokens;
}

test('a start is durable before it is over', async () => {
  const rig = new Rig();
  await rig.start();
  const tokens = [rig.inside.state.nextToken];
  await rig.restart('power');
  tokens.push(rig.inside.state.nextToken);
  assert.equal(await startedTokens(rig), tokens);
  assert.ok(tokens[0] !== tokens[1]);
});

test('IDs jump with each start but the first', async () => {
  const rig = new Rig();
  await rig.start();
  const produced = async () => {
    const wire = rig.connect();
    wire.hello();
    return (await wire.answer(wire.produce({ queue: 'q' }, 'a'))).runs[0]!;
  };
  assert.is(await produced(), 1);
  await rig.restart('kill');
  assert.is(await produced(), 2 + limits.messageIdJump);
  await rig.restart('power');
  assert.is(await produced(), 3 + 2 * limits.messageIdJump);
});

test('a start tells what it brought back, and how long that took', async () => {
  const rig = new Rig();
  assert.is((await rig.start()).messages, 0);
  const wire = rig.connect();
  wire.hello({ session: Buffer.alloc(16, 3) });
  await wire.answer(wire.produce({ queue: 'q' }, 'a', 'b', 'c'));
  await wire.answer(wire.receive({ queues: ['q'], messagesMax: 2, detached: false }));
  const report = await rig.restart('power');
  const { messages, leases, sessions, records, bytesCut } = report;
  assert.equal({ messages, leases, sessions }, { messages: 3, leases: 2, sessions: 1 });
  assert.ok(records > 3 && bytesCut === 0 && report.tookMs >= 0);
  assert.equal(rig.inside.startReport, report);
});

test('a kill during the start loses nothing, however often', async () => {
  const rig = new Rig();
  await rig.start();
  const wire = rig.connect();
  wire.hello();
  await wire.answer(wire.produce({ queue: 'q' }, 'a', 'b', 'c'));
  for (let round = 0; round < 40; round += 1) {
    rig.storage = rig.storage.crash(round % 2 === 0 ? 'power' : 'kill');
    void rig.begin();
    await rig.run(0.02 * round);
  }
  await rig.restart('power');
  assert.is(rig.inside.state.required('q').ready, 3);
});

test('a log from over a day ahead refuses the start and is not changed', async () => {
  const rig = new Rig();
  await rig.start();
  const wire = rig.connect();
  wire.hello();
  await wire.answer(wire.produce({ queue: 'q' }, 'a'));
  rig.wallOffsetMs = -limits.clockAheadMsMax - 60_000;
  await rig.restart('kill').then(
    () => assert.unreachable(),
    (error: Error) => assert.instance(error, ClockError),
  );
  rig.wallOffsetMs += 120_000;
  await rig.restart('kill');
  assert.is(rig.inside.state.required('q').ready, 1);
});

test('a log that ends before the start is durable ends the start, and says why', async () => {
  const failing = new Rig();
  // The first sync of a segment behind its header is that of the record of the start.
  failing.storage.fault = (operation, name) => {
    const isStarted = failing.log?.appended > 0;
    if (operation !== 'sync' || !name.endsWith('.wq') || !isStarted) return undefined;
    return systemError('EIO', operation);
  };
  await rejectsWith(failing.start(), /EIO/);
  assert.is(failing.end?.how, 'failed');

  let isOurs = true;
  const fenced: Rig = new Rig({ log: { fence: () => isOurs } });
  const starting = fenced.begin();
  await fenced.until(() => fenced.log.appended > 0);
  isOurs = false;
  await rejectsWith(fenced.wait(starting), /another process/);
  assert.is(fenced.end?.how, 'fenced');
});

async function rejectsWith(promise: Promise<unknown>, message: RegExp): Promise<void> {
  await promise.then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, message),
  );
}

test('a jump of the wall clock neither ends a lease nor lengthens one', async () => {
  for (const jumpMs of [3_600_000, -3_600_000]) {
    const rig = new Rig();
    await rig.start();
    const wire = rig.connect();
    wire.hello();
    await wire.answer(wire.produce({ queue: 'q' }, 'a'));
    await wire.answer(wire.receive({ queues: ['q'], visibilityMs: 10_000 }));
    rig.wallOffsetMs += jumpMs;
    await rig.run(9900);
    assert.is(rig.inside.state.required('q').inFlight, 1);
    await rig.run(200);
    assert.is(rig.inside.state.required('q').inFlight, 0);
    const { clock } = (await wire.answer(wire.administer('stats'))).value as {
      clock: { gapMs: number };
    };
    assert.ok(Math.abs(clock.gapMs - Math.abs(jumpMs)) < 20, 'the gap is told');
  }
});

test.run();
