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
import { Session } from '../../src/queue/session.ts';
import type { State } from '../../src/queue/state.ts';
import { LostRange } from '../../src/queue/unreadable.ts';
import { answerSome } from '../queue/support/answering.ts';
import { randomCommand } from '../queue/support/commands.ts';
import { Compaction } from '../queue/support/compaction.ts';
import { Comparison } from '../queue/support/comparison.ts';
import type { Fact } from '../queue/support/recorder.ts';
import { messagesOf, replayFact } from '../queue/support/replayed.ts';
import { Rig } from '../queue/support/rig.ts';
import { printedSeed, seededRandom } from '../support/random.ts';
import { freshState, seen, write } from './support/facts.ts';
import { MemoryLog } from './support/memory-log.ts';

const test = suite('records');

/** The fact with its messages as they stand in a frame, and keys as the log has them. */
function framed(fact: Fact): Fact {
  const writer = new ByteWriter();
  const write = (body: Buffer, group: string | undefined): number => {
    const before = writer.at;
    writeMessage(writer, { body, group });
    return writer.at - before;
  };
  if (fact.kind === 'copied') {
    // One whose bytes rotted has none.
    if (fact.copy.length === 0) return fact;
    const length = write(fact.bytes, fact.copy.group);
    return { ...fact, bytes: writer.take(), copy: { ...fact.copy, length } };
  }
  if (fact.kind === 'sessionOpened') return { ...fact, key: Buffer.from(fact.key).toString('hex') };
  if (fact.kind !== 'produced') return fact;
  const offsets: number[] = [];
  const lengths = fact.lengths.map((length, index) => {
    const from = fact.offsets[index]!;
    offsets.push(writer.at);
    return write(fact.bytes.subarray(from, from + length), fact.groups?.[index]);
  });
  return { ...fact, bytes: writer.take(), offsets, lengths };
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
  for (let round = 0; round < 12; round += 1) {
    const comparison = new Comparison();
    for (let step = 0; step < 600; step += 1) {
      if (random.chance(0.1)) answerSome(comparison, random);
      else randomCommand(comparison, random);
      if (round % 2 === 0 && random.chance(0.01)) compact(comparison);
    }
    const facts = comparison.rig.recorder.facts.map(framed);
    for (const { kind } of facts) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const expected = freshState();
    for (const fact of facts) replayFact(expected, fact);
    assert.equal(seen(readBack(facts)), seen(expected));
  }
  console.log(JSON.stringify({ test: 'records', ...Object.fromEntries(counts) }));
  assert.is(counts.size, 20, 'a kind of fact never came');
});

function compact(comparison: Comparison): void {
  comparison.expireAll();
  const { state, recorder } = comparison.rig;
  const compaction = new Compaction(state, recorder, recorder.end);
  while (compaction.step(4096));
  compaction.finish();
}

test('a copy without its bytes tells its group', () => {
  const rig = new Rig();
  rig.produce('q', 2, 0, 0, { group: 'a' });
  rig.take('q', { messages: 1 });
  const [out] = messagesOf(rig.state, 'q');
  const lost = new LostRange(rig.state, out!.position, out!.position + 1);
  while (lost.lose());
  const compaction = new Compaction(rig.state, rig.recorder, rig.recorder.end);
  while (compaction.step(4096));
  compaction.finish();
  const state = readBack(rig.recorder.facts.map(framed));
  const { available, behind, inFlight } = state.required('q');
  assert.equal([available, behind, inFlight], [0, 1, 1]);
});

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
  assert.throws(apply(16, 2), /unknown record kind 16, version 2/);
  assert.throws(apply(99, 1), /unknown record kind 99, version 1/);
});

test.run();
