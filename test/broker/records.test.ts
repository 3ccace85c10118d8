/**
 * Records: what the journal writes, the reader brings back, for the facts of random histories of
 * the rules, and for the largest numbers and lists.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RecordJournal } from '../../src/broker/record-journal.ts';
import { RecordReader } from '../../src/broker/record-reader.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { writeMessage } from '../../src/protocol/requests.ts';
import { Queue } from '../../src/queue/queue.ts';
import { Session } from '../../src/queue/session.ts';
import { State } from '../../src/queue/state.ts';
import { answerSome } from '../queue/support/answering.ts';
import { randomCommand } from '../queue/support/commands.ts';
import { Compaction } from '../queue/support/compaction.ts';
import type { Fact } from '../queue/support/recorder.ts';
import { idList, replayFact, viewOf } from '../queue/support/replayed.ts';
import { optionsDefault, Rig } from '../queue/support/rig.ts';
import { World } from '../queue/support/world.ts';
import { printedSeed, seededRandom } from '../support/random.ts';
import { MemoryLog } from './support/memory-log.ts';

const test = suite('records');

/** The fact with its messages as they stand in a frame, and keys as the log has them. */
function framed(fact: Fact): Fact {
  const writer = new ByteWriter();
  const write = (body: Buffer): number => {
    const before = writer.at;
    writeMessage(writer, { body });
    return writer.at - before;
  };
  if (fact.kind === 'copied') {
    const length = write(fact.bytes);
    return { ...fact, bytes: writer.take(), copy: { ...fact.copy, length } };
  }
  if (fact.kind === 'sessionOpened') return { ...fact, key: Buffer.from(fact.key).toString('hex') };
  if (fact.kind !== 'produced') return fact;
  const offsets: number[] = [];
  const lengths = fact.lengths.map((length, index) => {
    const from = fact.offsets[index]!;
    offsets.push(writer.at);
    return write(fact.bytes.subarray(from, from + length));
  });
  return { ...fact, bytes: writer.take(), offsets, lengths };
}

function queueNumbered(number: number): Queue {
  const queue = new Queue('');
  queue.number = number;
  return queue;
}

function write(journal: RecordJournal, fact: Fact): void {
  const queue = 'number' in fact ? queueNumbered(fact.number) : new Queue('');
  const session = 'session' in fact ? new Session(fact.session, '', '') : undefined;
  switch (fact.kind) {
    case 'queueSet':
      journal.queueSet(Object.assign(new Queue(''), fact));
      break;
    case 'queueDeleted':
      journal.queueDeleted(queue);
      break;
    case 'purged':
      journal.purged(queue, fact.lastId);
      break;
    case 'produced': {
      const count = fact.offsets.length;
      const columns = {
        offsets: Uint32Array.from(fact.offsets),
        lengths: Uint32Array.from(fact.lengths),
      };
      const slice = {
        buffer: fact.bytes,
        start: 0,
        end: fact.bytes.length,
        count,
        first: 0,
        ...columns,
      };
      journal.produced(queue, fact.priority, fact.firstId, fact.nowMs, fact.dueMs, slice);
      break;
    }
    case 'delivered':
      journal.delivered(queue, fact.session, fact.firstToken, fact.dueMs, idList(fact.ids));
      break;
    case 'settled':
      journal.settled(queue, fact.reason, idList(fact.ids));
      break;
    case 'returned':
      journal.returned(queue, fact.reason, fact.dueMs, idList(fact.ids));
      break;
    case 'extended':
      journal.extended(queue, fact.dueMs, idList(fact.ids));
      break;
    case 'sessionOpened':
      journal.sessionOpened(new Session(fact.session, fact.key, fact.name));
      break;
    case 'sessionEnded':
      journal.sessionEnded(session!);
      break;
    case 'answered':
      journal.answered(session!, fact.part);
      break;
    case 'restored':
      journal.restored(session!, fact.sequence, fact.answer);
      break;
    case 'copied':
      journal.copied(queue, fact.copy, fact.bytes, 0);
  }
}

function freshState(): State {
  const rig = new Rig();
  return new State(optionsDefault, new RecordJournal(new MemoryLog(0).asLog()), rig, rig);
}

/** What can be seen of a state, but for where it stands. */
function seen(state: State): unknown {
  return JSON.parse(
    JSON.stringify(viewOf(state), (key, value) => (key === 'position' ? undefined : value)),
  );
}

function readBack(facts: readonly Fact[]): State {
  const log = new MemoryLog();
  const journal = new RecordJournal(log.asLog());
  for (const fact of facts) write(journal, fact);
  const state = freshState();
  const reader = new RecordReader(state);
  log.visit((...record) => reader.apply(...record));
  return state;
}

test('the facts of random histories come back', () => {
  const random = seededRandom(printedSeed('records'));
  const counts = new Map<string, number>();
  for (let round = 0; round < 6; round += 1) {
    const world = new World();
    for (let step = 0; step < 600; step += 1) {
      if (random.chance(0.1)) answerSome(world, random);
      else randomCommand(world, random);
      if (round % 2 === 0 && random.chance(0.01)) compact(world);
    }
    const facts = world.rig.recorder.facts.map(framed);
    for (const { kind } of facts) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const expected = freshState();
    for (const fact of facts) replayFact(expected, fact);
    assert.equal(seen(readBack(facts)), seen(expected));
  }
  console.log(JSON.stringify({ test: 'records', ...Object.fromEntries(counts) }));
  assert.is(counts.size, 13, 'a kind of fact never came');
});

function compact(world: World): void {
  world.expireAll();
  const { state, recorder } = world.rig;
  const compaction = new Compaction(state, recorder, recorder.end);
  while (compaction.step(4096));
  compaction.finish();
}

test('lists of IDs that rise and fall, and the largest numbers', () => {
  const largest = Number.MAX_SAFE_INTEGER;
  const log = new MemoryLog();
  const journal = new RecordJournal(log.asLog());
  const session = new Session(2 ** 32 - 1, 'ff'.repeat(16), 'n'.repeat(128));
  journal.sessionOpened(session);
  const part = { sequence: largest, operation: 12, complete: true, count: 3, value: largest };
  const refused = [
    { index: 0, code: 'GONE' as const },
    { index: 9_999, code: 'STALE_RECEIPT' as const },
  ];
  journal.answered(session, { ...part, refused });
  const state = freshState();
  const reader = new RecordReader(state);
  log.visit((...record) => reader.apply(...record));
  const [read] = [...state.sessions.all()];
  assert.is(read!.key, session.key);
  assert.is(read!.name, session.name);
  const { position, ...answer } = read!.answers.find(largest)!;
  const { operation, complete, count, value } = part;
  assert.equal(answer, { operation, complete, count, value, runs: undefined, refused });
  assert.is(position, log.records[1]!.start);
});

test('a record of a later program is refused', () => {
  const log = new MemoryLog();
  const journal = new RecordJournal(log.asLog());
  journal.started(1);
  const reader = new RecordReader(freshState());
  const apply = (kind: number, version: number) => () =>
    log.visit((_kind, _version, ...rest) => reader.apply(kind, version, ...rest));
  apply(16, 1)();
  assert.throws(apply(16, 2), /record kind 16 version 2 is not known/);
  assert.throws(apply(99, 1), /record kind 99 version 1 is not known/);
});

test.run();
