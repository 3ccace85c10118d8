/**
 * Delete and move as they come over the wire: each wrong field by name, answers that are told again,
 * also after a restart, and the records of former versions.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Facts, RecordParser } from '../../src/broker/record-parser.ts';
import { RECORD } from '../../src/broker/records.ts';
import { IdList } from '../../src/queue/id-list.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('steering');
const session = Buffer.alloc(16, 7);

async function greeted(): Promise<{ rig: Rig; wire: Wire }> {
  const rig = new Rig();
  await rig.start();
  const wire = rig.connect();
  await wire.answer(wire.hello({ session, clientName: 'ops' }));
  return { rig, wire };
}

async function readyIn(wire: Wire): Promise<number> {
  const { value } = await wire.answer(wire.administer('queue.get', { queue: 'q' }));
  return (value as { ready: number }).ready;
}

test('each wrong field is refused by name, and nothing is done', async () => {
  const { wire } = await greeted();
  const { runs } = await wire.answer(wire.produce({ queue: 'q' }, 'a', 'b'));
  const ids = [runs[0]!, runs[0]! + 1];
  await wire.answer(wire.administer('queue.create', { queue: 'to' }));
  const wrong: readonly [object, string][] = [
    [{}, 'ids'],
    [{ ids: [] }, 'ids'],
    [{ ids: [0] }, 'ids'],
    [{ ids: 'all' }, 'ids'],
    [{ ids: Array.from({ length: 1_001 }, (_, at) => at + 1) }, 'ids'],
    [{ ids, states: ['ready'] }, 'states'],
    [{ ids, states: ['ready', 'gone'] }, 'states'],
    [{ ids, states: ['ready', 1] }, 'states'],
    [{ ids, states: 'ready' }, 'states'],
    [{ ids, deliveryCounts: [0, 0, 0] }, 'deliveryCounts'],
    [{ ids, deliveryCounts: [0, 'many'] }, 'deliveryCounts'],
    [{ ids, createdMs: 'then' }, 'createdMs'],
  ];
  for (const verb of ['message.delete', 'message.move']) {
    for (const [fields, field] of wrong) {
      const answer = await wire.answer(wire.administer(verb, { queue: 'q', to: 'to', ...fields }));
      assert.equal([answer.code, answer.field], ['BAD_REQUEST', field]);
    }
    const anew = await wire.answer(
      wire.administer(verb, { queue: 'q', to: 'to', ids, createdMs: 1 }),
    );
    assert.equal([anew.code, anew.field], ['CHANGED', 'createdMs']);
  }
  for (const to of ['q', undefined]) {
    const answer = await wire.answer(wire.administer('message.move', { queue: 'q', to, ids }));
    assert.equal([answer.code, answer.field], ['BAD_REQUEST', 'to']);
  }
  assert.is(await readyIn(wire), 2);
});

test('as many as a request may name, each as it was seen', async () => {
  const { wire } = await greeted();
  const bodies = Array.from({ length: 1_000 }, () => 'x');
  await wire.answer(wire.produce({ queue: 'q' }, ...bodies));
  const page = await wire.answer(wire.administer('messages', { queue: 'q', limit: 1_000 }));
  const { messages } = page.value as { messages: { id: number }[] };
  const fields = {
    ids: messages.map(({ id }) => id),
    states: messages.map(() => 'ready'),
    deliveryCounts: messages.map(() => 0),
  };
  const answer = await wire.answer(wire.administer('message.delete', { queue: 'q', ...fields }));
  assert.equal(answer.value, { deleted: 1_000, refused: [] });
});

test('one sent again gets its first answer, also of another life', async () => {
  const { rig, wire } = await greeted();
  const { runs } = await wire.answer(wire.produce({ queue: 'q' }, 'a', 'b'));
  const [first, second] = [runs[0]!, runs[0]! + 1];
  const fields = { queue: 'q', ids: [first, second, 7], deliveryCounts: [0, 1, null] };
  const refused = [
    { id: second, code: 'CHANGED' },
    { id: 7, code: 'GONE' },
  ];
  const expected = { deleted: 1, refused };
  const ask = async (on: Wire) => on.answer(on.administer('message.delete', fields, 1));
  assert.equal((await ask(wire)).value, expected);
  assert.equal((await ask(wire)).value, expected);
  await rig.restart('power');
  const again = rig.connect();
  await again.answer(again.hello({ session }));
  assert.equal((await ask(again)).value, expected);
  assert.is(await readyIn(again), 1);
});

test('a move of the first version tells no name', () => {
  const told: unknown[] = [];
  const facts = { moved: (...fact: unknown[]) => told.push(fact.slice(0, 3)) };
  const parser = new RecordParser(facts as unknown as Facts, new IdList(3));
  const first = Buffer.from([1, 2, 0, 1, 4]);
  parser.apply(RECORD.moved, 1, first, 0, first.length, 0);
  const second = Buffer.from([1, 2, 0, 3, 0x6f, 0x70, 0x73, 1, 4]);
  parser.apply(RECORD.moved, 2, second, 0, second.length, 0);
  assert.equal(told, [
    [1, 2, { by: '' }],
    [1, 2, { by: 'ops' }],
  ]);
});

test.run();
