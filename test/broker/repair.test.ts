/**
 * Repair of a small log of a real broker: without any one of its batches, without several, and in
 * every kind of damage. Row E10 of docs/reliability.md. Whatever is missing, the result is a log that a
 * start takes, holds all that still checks, and what is lost is told exactly.
 */
// limit: 240 s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Description, RecordDescriber } from '../../src/broker/record-description.ts';
import { Repair } from '../../src/broker/repair.ts';
import { segmentName } from '../../src/log/segment.ts';
import { Snapshot } from '../../src/log/snapshot.ts';
import { writeAck, writeExtend, writeNack } from '../../src/protocol/requests.ts';
import type { State } from '../../src/queue/state.ts';
import { type Files, flip, segmentNames, tailName } from '../log/support/damage.ts';
import { damages } from '../log/support/images.ts';
import { sizes, smallLog } from '../log/support/small-log.ts';
import { promptStorage } from '../log/support/storages.ts';
import { systemError } from '../simulation/storage.ts';
import { seededRandom } from '../support/random.ts';
import { rejects } from '../support/rejects.ts';
import {
  batchesOf,
  contentOf,
  type FoundBatch,
  repaired,
  stateOf,
  storageWith,
  withoutBatches,
} from './support/repaired.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('repair');

/** Neighbours together, as the report tells them. */
function rangesOf(gone: readonly FoundBatch[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const { batch } of gone.toSorted((a, b) => a.batch - b.batch)) {
    const last = ranges.at(-1);
    if (last?.[1] === batch - 1) last[1] = batch;
    else ranges.push([batch, batch]);
  }
  return ranges;
}

type Said = Description & { readonly batch: number };

async function recordsOf(files: Files): Promise<Said[]> {
  const said: Said[] = [];
  const describer = new RecordDescriber(false);
  await stateOf(files, ({ chain }) => {
    return (...record) => {
      said.push({ ...describer.describe(...record), batch: chain.batch });
    };
  });
  return said;
}

const idsOf = ({ id, ids }: Description) => (ids ?? [id]) as string[];

/** What is live in the whole log and stands in a batch that is kept is live; settled is settled. */
function compareMessages(whole: State, now: State, said: readonly Said[], gone: Set<number>): void {
  const kept = said.filter(({ batch }) => !gone.has(batch));
  const carried = kept.filter(({ kind }) => kind === 'produced' || kind === 'copied');
  for (const record of carried) {
    for (const id of idsOf(record)) {
      if (placesOf(whole, id) > 0)
        assert.is(placesOf(now, id), 1, `${id} is live and not kept once`);
    }
  }
  for (const record of kept.filter(({ kind }) => kind === 'settled')) {
    for (const id of idsOf(record)) {
      assert.is(placesOf(now, id), 0, `${id} is acknowledged and came back`);
    }
  }
}

/** In how many queues a message is. */
function placesOf(state: State, id: string): number {
  return [...state.queuesByNumber.values()].filter((queue) => queue.locate(Number(id))).length;
}

for (const stop of ['clean', 'unclean', 'unclean, unnoted'] as const) {
  test(`a log that is not damaged is the same afterwards, ${stop} stop`, async () => {
    const files = await smallLog(stop);
    const { report, state } = await repaired(files);
    assert.is(report.nothingLost, true);
    const before = await stateOf(files);
    assert.is(contentOf(state), contentOf(before.state));
    assert.is(report.kept.records, before.findings.records);
  });

  test(`without any one batch, and without several, ${stop} stop`, async () => {
    const files = await smallLog(stop);
    const { findings, state: whole } = await stateOf(files);
    const said = await recordsOf(files);
    const needed = batchesOf(files).filter(({ batch }) => batch >= (findings.oldest?.batch ?? 1));
    // Where the record `oldest` is lost, what was dropped before counts as lost.
    const first = needed[0]!.batch;
    const random = seededRandom(1);
    const some = () => needed.filter(() => random.fraction() < 0.05 + 0.4 * random.fraction());
    const sets = [...needed.map((one) => [one]), ...Array.from({ length: 150 }, some)];
    const mended = { released: 0, delivered: 0, extensionsDropped: 0, sessionsEnded: 0, named: 0 };
    for (const gone of sets) {
      if (gone.length === 0) continue;
      const { report, state } = await repaired(withoutBatches(files, gone));
      const last = Math.max(findings.checkpoint!.batch, 0);
      const isUnseen = ([from]: [number, number]) => {
        return from > last && needed.every((one) => one.batch < from || gone.includes(one));
      };
      const due = rangesOf(gone).filter((range) => !isUnseen(range));
      const told = report.lost
        .map(({ firstBatch, lastBatch }) => [Math.max(firstBatch, first), lastBatch])
        .filter(([from, to]) => from! <= to!);
      assert.equal(told, cutAt(due, needed, gone, last), JSON.stringify(rangesOf(gone)));
      compareMessages(whole, state, said, new Set(gone.map(({ batch }) => batch)));
      mended.released += report.mended.released;
      mended.delivered += report.mended.delivered;
      mended.extensionsDropped += report.mended.extensionsDropped;
      mended.sessionsEnded += report.mended.sessionsEnded;
      mended.named += report.mended.queuesNamed.length;
      if (told.length > 0) assert.is(state.sessions.size, 0);
    }
    console.log(JSON.stringify({ test: 'repair', stop, holes: sets.length, ...mended }));
    for (const [what, count] of Object.entries(mended)) assert.ok(count > 0, `${what} never ran`);
  });
}

/** At the end only the checkpoint tells what is missing. */
function cutAt(
  ranges: [number, number][],
  needed: readonly FoundBatch[],
  gone: readonly FoundBatch[],
  last: number,
): [number, number][] {
  const newest = needed.findLast((one) => !gone.includes(one))?.batch ?? 0;
  return ranges.map(([from, to]) => (to > newest ? [from, Math.min(to, last)] : [from, to]));
}

/** Where nothing is lost, the log as it was is one that a start takes, but for names. */
async function repairedAsTold(files: Files, isMoved: boolean): Promise<void> {
  const { report } = await repaired(files);
  if (report.nothingLost && !isMoved) await stateOf(files);
}

/** Every so many images of a kind, since there are tens of thousands. */
const STEP = 131;

for (const [title, imagesOf] of Object.entries(damages)) {
  test(`the result is a log that a start takes: ${title}`, async () => {
    const files = await smallLog('unclean');
    const isMany = /truncation|bit/.test(title);
    // A start refuses a segment under another name, of which a repair loses nothing.
    const isMoved = /swapped|twice|renamed/.test(title);
    let tried = 0;
    let at = 0;
    for (const image of imagesOf(files)) {
      at += 1;
      if (isMany && at % STEP !== 0) continue;
      tried += 1;
      await repairedAsTold(image.files, isMoved).catch((error) =>
        assert.unreachable(`${image.label}: ${error}`),
      );
    }
    console.log(JSON.stringify({ test: 'repair of damage', title, tried }));
    assert.ok(tried > 0);
  });
}

/** One message comes to the dead-letter queue, and back, and there again, where it ends. */
async function wanders(wire: Wire, life: number): Promise<void> {
  const settings = { failuresMax: 1, deadQueue: 'letters' };
  await wire.answer(wire.produce({ queue: 'roads', priority: 9 }, `wanders ${life}`));
  await wire.answer(wire.administer('queue.configure', { queue: 'roads', settings }));
  await wire.answer(
    wire.administer('queue.configure', { queue: 'letters', settings: { failuresMax: 1 } }),
  );
  const taken = { visibilityMs: 600_000, detached: false };
  const take = async (queue: string) => {
    const { deliveries } = await wire.answer(wire.receive({ queues: [queue], ...taken }));
    return { queue, receipts: deliveries };
  };
  const fail = async (queue: string) => {
    const receipts = await take(queue);
    await wire.answer(wire.ask((writer, id) => writeNack(writer, id, receipts)));
  };
  await fail('roads');
  await fail('letters');
  const back = { queue: 'letters', to: 'roads' };
  await wire.answer(wire.administer('queue.redrive', back));
  await fail('roads');
  const last = await take('letters');
  if (life > 0) await wire.answer(wire.ask((writer, id) => writeAck(writer, id, last)));
}

/** Messages end with their time to live, ready, delayed and in flight; one is redriven. */
async function fades(rig: Rig, wire: Wire): Promise<void> {
  const settings = { whenExpired: 'dead' };
  await wire.answer(wire.administer('queue.configure', { queue: 'letters', settings }));
  const produce = { queue: 'letters', timeToLiveMs: 20 };
  await wire.answer(wire.produce({ ...produce, delayMs: 50 }, 'delayed'));
  await wire.answer(wire.produce(produce, 'held', 'ready'));
  const asked = { queues: ['letters'], visibilityMs: 600_000, detached: false };
  await wire.answer(wire.receive(asked));
  await wire.answer(wire.produce({ ...produce, queue: 'roads' }, 'goes'));
  await rig.run(30);
  await wire.answer(wire.administer('queue.redrive', { queue: 'letters', limit: 2 }));
  await wire.answer(wire.receive(asked));
}

/** One message comes and goes; queue and session come again under their names. */
async function againAndAgain(): Promise<Files> {
  // One segment: nothing is compacted.
  const rig = new Rig({ log: { ...sizes, segmentBytes: 100_000 } });
  await rig.start();
  const asked = { queues: ['orders'], visibilityMs: 600_000, detached: false };
  for (let life = 0; life < 3; life += 1) {
    const wire = rig.connect();
    await wire.answer(wire.hello({ session: Buffer.alloc(16, 7), clientName: 'again' }));
    await wire.answer(wire.produce({ queue: 'orders' }, `first ${life}`, `second ${life}`));
    const settings = { failuresMax: 3 };
    await wire.answer(wire.administer('queue.configure', { queue: 'orders', settings }));
    for (const delayMs of [0, 0, 50]) {
      const { deliveries } = await wire.answer(wire.receive(asked));
      const receipts = { queue: 'orders', receipts: deliveries };
      await wire.answer(wire.ask((writer, id) => writeExtend(writer, id, receipts)));
      await wire.answer(wire.ask((writer, id) => writeNack(writer, id, { ...receipts, delayMs })));
    }
    await wire.answer(wire.administer('queue.redrive', { queue: 'orders', limit: 1 }));
    await wire.answer(wire.receive(asked));
    await wanders(wire, life);
    await fades(rig, wire);
    if (life === 1) {
      const answer = await wire.answer(wire.administer('queue.delete', { queue: 'orders' }));
      assert.is(answer.code, undefined);
    }
    wire.disconnect();
    await rig.run(life === 1 ? 700_000 : 100);
  }
  rig.broker.stop();
  await rig.until(() => rig.end !== undefined);
  return rig.storage.files();
}

test('what is told again follows, whatever of it is lost', async () => {
  const files = await againAndAgain();
  const { state: whole } = await stateOf(files);
  const said = await recordsOf(files);
  const all = batchesOf(files);
  const mended = { released: 0, redriven: 0, moved: 0, deleted: 0 };
  for (const one of all) {
    for (const gone of [
      [one],
      all.filter(({ batch }) => batch >= one.batch && batch < one.batch + 4),
    ]) {
      const { report, state } = await repaired(withoutBatches(files, gone));
      compareMessages(whole, state, said, new Set(gone.map(({ batch }) => batch)));
      mended.released += report.mended.released;
      mended.redriven += report.mended.redriven;
      mended.moved += report.mended.moved;
      mended.deleted += report.mended.queuesDeleted.length;
    }
  }
  console.log(JSON.stringify({ test: 'repair of what is told again', ...mended }));
  for (const [what, count] of Object.entries(mended)) assert.ok(count > 0, `${what} never ran`);
});

test('a damaged header costs nothing as long as blocks check', async () => {
  const files = await smallLog('clean');
  const { state: whole } = await stateOf(files);
  const [first] = segmentNames(files);
  files.set(first!, flip(files.get(first!)!, 9));
  const { report, state } = await repaired(files);
  assert.equal([report.lost, report.damaged.length], [[], 1]);
  assert.equal([report.damaged[0]!.file, report.damaged[0]!.bytes], [first, 64]);
  assert.is(contentOf(state).includes('"sessions":[]'), true);
  for (const queue of whole.queuesByNumber.values()) {
    assert.is(state.required(queue.name).live, queue.live);
  }
});

test('a used segment that ends within its header is damaged, not left out', async () => {
  for (const length of [0, 10, 63]) {
    const files = await smallLog('unclean');
    const name = tailName(files);
    files.set(name, files.get(name)!.subarray(0, length));
    await rejects(stateOf(files), { file: name, what: 'its header is damaged' });
    const { report } = await repaired(files);
    assert.is(report.nothingLost, false);
    assert.equal(
      report.damaged.map(({ file, offset, bytes }) => [file, offset, bytes]),
      [[name, 0, length]],
    );
  }
});

test('without a checkpoint it writes one, and says so', async () => {
  const files = await smallLog('clean');
  const { state: whole } = await stateOf(files);
  files.delete('CHECKPOINT');
  const { report, state } = await repaired(files);
  assert.is(report.checkpoint, 'the file is missing');
  assert.equal([report.nothingLost, report.lost, report.damaged], [false, [], []]);
  assert.is(state.sessions.size, 0);
  for (const queue of whole.queuesByNumber.values()) {
    assert.is(state.required(queue.name).live, queue.live);
  }
});

test('no message gets an ID of one that is lost', async () => {
  const files = await smallLog('unclean');
  const { findings } = await stateOf(files);
  const gone = tailName(files);
  files.delete(gone);
  const source = await Snapshot.take(storageWith(files));
  const target = storageWith(new Map());
  const report = await new Repair(source, target, { sizes }).run();
  // The next one was prepared already.
  assert.equal(report.missing, [{ first: gone, last: gone, where: 'middle' }]);
  const repairedFindings = (await stateOf(target.files())).findings;
  assert.ok(repairedFindings.chain.nextId > findings.chain.nextId + 2 ** 31);
});

/** Resolves when what was going to happen by itself has happened. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
}

test('where reading fails, nothing is written any more when it says so', async () => {
  const files = storageWith(await smallLog('unclean'));
  const source = await Snapshot.take(files);
  const target = promptStorage();
  const last = tailName(files.files());
  // Not while it only looks: then there is nothing of the target yet.
  files.fault = (what, name) =>
    what === 'read' && name === last && target.counts.size > 0
      ? systemError('EIO', what)
      : undefined;
  await rejects(new Repair(source, target, { sizes }).run(), { code: 'EIO' });
  const asked = new Map(target.counts);
  assert.ok(asked.get('append')! > 2);
  await turns();
  assert.equal(target.counts, asked);
});

test('without a descriptor for the next segment it ends, and says why', async () => {
  const source = await Snapshot.take(storageWith(await smallLog('unclean')));
  const target = storageWith(new Map());
  target.fault = (what, name) =>
    what === 'open' && name === segmentName(2) ? systemError('EMFILE', what) : undefined;
  await rejects(new Repair(source, target, { sizes }).run(), { code: 'EMFILE' });
});

test('a log from ahead of the clock is set back, and its leases are given up', async () => {
  const files = await smallLog('unclean');
  const source = await Snapshot.take(storageWith(files));
  const target = storageWith(new Map());
  const timeMsMax = 1_699_999_999_000;
  const report = await new Repair(source, target, { timeMsMax, sizes }).run();
  assert.ok(report.batchesSetBack > 0);
  const { state, findings } = await stateOf(target.files());
  assert.is(findings.chain.timeMs, timeMsMax);
  for (const queue of state.queuesByNumber.values()) assert.is(queue.inFlight, 0);
});

test.run();
