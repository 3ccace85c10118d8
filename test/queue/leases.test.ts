// The rows of leases: reused when freed, found by session in a list that any row may leave.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Leases } from '../../src/queue/leases.ts';
import { printedSeed, seededRandom } from '../support/random.ts';

function listed(leases: Leases, head: number): number[] {
  const rows: number[] = [];
  for (let row = head; row !== 0; row = leases.nexts[row]!) {
    assert.is(leases.previouses[row], rows[rows.length - 1] ?? 0);
    rows.push(row);
  }
  return rows;
}

test('a freed row is used again, clean', () => {
  const leases = new Leases();
  const row = leases.add(3, 200, 77);
  assert.ok(row !== 0, 'row 0 is none');
  leases.tokens[row] = 9;
  leases.deliveryCounts[row] = 2;
  leases.failureCounts[row] = 1;
  assert.equal([leases.ids[row], leases.queues[row], leases.priorities[row]], [77, 3, 200]);
  leases.remove(row);
  assert.is(leases.size, 0);
  assert.is(leases.add(4, 1, 78), row);
  assert.equal([leases.ids[row], leases.queues[row], leases.priorities[row]], [78, 4, 1]);
  const clean = [leases.tokens[row], leases.deliveryCounts[row], leases.failureCounts[row]];
  assert.equal([...clean, leases.sessions[row]], [0, 0, 0, 0]);
});

test('the first, a middle and the last row leave a list', () => {
  const leases = new Leases();
  let head = 0;
  const rows = [1, 2, 3, 4, 5].map((id) => leases.add(1, 0, id));
  for (const row of rows) head = leases.link(row, 6, head);
  assert.equal(listed(leases, head), [...rows].reverse());
  head = leases.unlink(rows[4]!, head);
  head = leases.unlink(rows[2]!, head);
  head = leases.unlink(rows[0]!, head);
  assert.equal(listed(leases, head), [rows[3], rows[1]]);
  assert.is(leases.sessions[rows[2]!], 0);
  head = leases.link(rows[2]!, 6, head);
  assert.equal(listed(leases, head), [rows[2], rows[3], rows[1]]);
});

test('random rows and lists stay apart', () => {
  const random = seededRandom(printedSeed('leases'));
  const leases = new Leases();
  const heads = [0, 0, 0, 0];
  const lists: number[][] = [[], [], [], []];
  for (let step = 0; step < 3_000; step += 1) {
    const session = random.integer(1, 3);
    const list = lists[session]!;
    if (list.length > 0 && random.chance(0.48)) {
      const row = random.pick(list);
      heads[session] = leases.unlink(row, heads[session]!);
      leases.remove(row);
      lists[session] = list.filter((other) => other !== row);
    } else {
      const row = leases.add(1, 0, step + 1);
      assert.ok(lists.every((other) => !other.includes(row)));
      heads[session] = leases.link(row, session, heads[session]!);
      list.unshift(row);
    }
    assert.equal(listed(leases, heads[session]!), lists[session]);
    assert.is(leases.size, lists.flat().length);
  }
});

test.run();
