/**
 * What a trace makes of a log that lost its beginning: names and counts that are told later, and
 * records of others that say nothing of the message.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogReading } from '../../src/broker/log-state.ts';
import { RecordJournal } from '../../src/broker/record-journal.ts';
import { Tracer } from '../../src/broker/trace.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { writeMessage } from '../../src/protocol/requests.ts';
import { DEAD } from '../../src/queue/chunk.ts';
import { IdList } from '../../src/queue/id-list.ts';
import { RETURNED_EXPIRED, SETTLED_ACKED } from '../../src/queue/journal.ts';
import { Queue } from '../../src/queue/queue.ts';
import { Session } from '../../src/queue/session.ts';
import { MemoryLog } from './support/memory-log.ts';

const test = suite('trace of records');
const id = 70;
const queue = queueOf(3, 'orders');
const other = queueOf(4, 'others');
const session = new Session(9, 'ab'.repeat(16), 'worker');

function queueOf(number: number, name: string): Queue {
  const made = new Queue(name);
  made.number = number;
  return made;
}

function ids(...some: number[]): IdList {
  const list = new IdList(some.length);
  for (const one of some) list.push(one);
  return list;
}

/** What is told of the message `id`. */
function traceOf(write: (journal: RecordJournal) => void) {
  const log = new MemoryLog(64 * 1024);
  write(new RecordJournal(log.asLog()));
  const tracer = new Tracer(id);
  const reading = { segments: { newest: { number: 2 } }, chain: { timeMs: 1000, batch: 8 } };
  log.visit(tracer.watch(reading as unknown as LogReading));
  return tracer.result();
}

function writeCopy(journal: RecordJournal, copied: number, deliveryCount: number): void {
  const writer = new ByteWriter();
  writeMessage(writer, { body: Buffer.from('12345') });
  const bytes = writer.take();
  const times = { producedMs: 5, dueMs: 0, expiresMs: 0, group: undefined };
  const counts = { deliveryCount, failureCount: 1, session: 0, token: 0, failures: [] };
  const known = { id: copied, priority: 0, length: bytes.length, state: 1 as const };
  journal.copied(queue, { ...known, ...counts, ...times }, bytes, 0);
}

const expired = {
  reason: RETURNED_EXPIRED,
  atMs: 0,
  dueMs: 0,
  consumer: '',
  text: '',
} as const;

function writeEarly(journal: RecordJournal): void {
  journal.delivered(queue, 9, 500, 2000, ids(71, id, 69));
  journal.returned(queue, expired, ids(69, id));
  journal.extended(queue, 3000, ids(71));
}

const told = (steps: readonly object[]) =>
  steps.map((step) => {
    const { what, receipt, client, deliveryCount } = step as Record<string, unknown>;
    return [what, receipt ?? client, deliveryCount];
  });

test('names and counts that come later hold for what was before', () => {
  const { steps, ...rest } = traceOf((journal) => {
    writeEarly(journal);
    writeCopy(journal, 69, 8);
    writeCopy(journal, id, 3);
    journal.sessionOpened(session);
    journal.queueSet(queue);
    journal.delivered(queue, 0, 600, 2000, ids(id));
    writeCopy(journal, id, 4);
    journal.purged(other, 100);
    journal.purged(queue, id - 1);
    journal.settled(queue, SETTLED_ACKED, ids(id, 71));
    journal.purged(queue, 100);
    journal.queueDeleted(queue);
  });
  assert.equal(told(steps), [
    ['delivered', '70-501', 3],
    ['returned', undefined, 3],
    ['copied', undefined, 3],
    ['delivered', '70-600', 4],
    ['copied', undefined, 4],
    ['acked', undefined, 4],
  ]);
  const [first, , copy] = steps as unknown as Record<string, unknown>[];
  assert.equal([first!.session, first!.client, first!.dueMs], [9, 'worker', 2000]);
  assert.equal([copy!.bytes, copy!.segment, copy!.batch, copy!.timeMs], [5, 2, 8, 1000]);
  assert.is(rest.queue, 'orders');
  assert.equal([...rest.queues], ['orders']);
  assert.ok(rest.oldest!.position <= (first!.position as number));
});

test('a count that no record tells is not made up', () => {
  const { steps } = traceOf((journal) => {
    writeEarly(journal);
    journal.queueSet(queue);
    journal.settled(queue, SETTLED_ACKED, ids(id));
  });
  assert.equal(told(steps), [
    ['delivered', '70-501', undefined],
    ['returned', undefined, undefined],
    ['acked', undefined, undefined],
  ]);
});

test('bytes that are unreadable are told, and not read from a copy', () => {
  const { steps } = traceOf((journal) => {
    journal.queueSet(queue);
    journal.unreadable(queue, ids(71, id));
    const times = { producedMs: 5, dueMs: 0, expiresMs: 0, group: undefined };
    const counts = { deliveryCount: 2, failureCount: 0, session: 0, token: 0, ...times };
    const copy = { id, priority: 0, length: 0, state: 4 as const, failures: [], ...counts };
    journal.copied(queue, copy, Buffer.alloc(0), 0);
  });
  assert.equal(told(steps), [
    ['unreadable', undefined, 2],
    ['copied', undefined, 2],
  ]);
  assert.is('bytes' in steps[1]!, false);
});

test('what went with its queue is told, also where its beginning was dropped', () => {
  const { steps } = traceOf((journal) => {
    writeEarly(journal);
    journal.queueSet(queue);
    journal.purged(queue, id);
  });
  assert.is(steps.at(-1)!.what, 'purged');
});

test('what goes with its queue goes once', () => {
  const { steps } = traceOf((journal) => {
    journal.queueSet(queue);
    writeCopy(journal, id, 0);
    journal.queueDeleted(other);
    journal.purged(queue, id);
    journal.queueDeleted(queue);
  });
  assert.equal(told(steps), [
    ['copied', undefined, 0],
    ['purged', undefined, 0],
  ]);
});

test('a copy tells how its message stood, and its failures, whose records may be gone', () => {
  const { steps } = traceOf((journal) => {
    journal.queueSet(queue);
    const failed = { ...expired, atMs: 7, text: 'no such address' };
    const counts = { deliveryCount: 1, failureCount: 1, session: 0, token: 0, length: 0 };
    const times = { producedMs: 5, dueMs: 0, expiresMs: 0, group: undefined };
    const copy = { id, priority: 0, state: DEAD, failures: [failed], ...times, ...counts } as const;
    journal.copied(queue, copy, Buffer.alloc(0), 0);
  });
  const { state, failures } = steps[0] as Extract<(typeof steps)[0], { what: 'copied' }>;
  assert.is(state, 'dead');
  assert.equal(failures, [{ reason: 'lease ended', atMs: 7, text: 'no such address' }]);
});

test.run();
