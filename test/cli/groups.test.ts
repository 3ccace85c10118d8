// Messages of one group, one after the other, on the command line and over a restart; and through a
// consumer that works on many at once.
// limit: 120 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Message } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { said } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { rejects } from '../support/rejects.ts';
import { serving } from '../support/serving.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('groups');

async function receive(url: string) {
  const line = await said('receive', 'orders', '--json', '--url', url);
  return line === '' ? undefined : JSON.parse(line);
}

test(
  'one at a time, and why the next one waits',
  temporary(async (dataDir) => {
    let broker = await startBroker({ dataDir, port: 0 });
    let { url } = broker;
    const produce = (body: string) =>
      said('produce', 'orders', body, '--group', 'account 7', '--url', url);
    const [first, second] = [await produce('open'), await produce('close')];
    const open = await receive(url);
    assert.equal([open.id, open.group], [first, 'account 7']);
    assert.is(await receive(url), undefined);
    await broker.stop();
    broker = await startBroker({ dataDir, port: 0 });
    ({ url } = broker);
    assert.is(await receive(url), undefined, 'over a restart too');
    const why = await said('why', 'orders', second, '--url', url);
    assert.ok(why.includes(`message ${first} of its group is before it, and not settled`), why);
    assert.match(await said('queues', '--url', url), /READY +HELD +IN FLIGHT/);
    const peeked = JSON.parse(await said('peek', 'orders', second, '--json', '--url', url));
    assert.equal([peeked.state, peeked.group], ['held', 'account 7']);
    const held = await said('peek', 'orders', '--state', 'held', '--json', '--url', url);
    assert.is(JSON.parse(held).id, second);
    assert.is(await said('ack', 'orders', open.receipt, '--url', url), 'ok');
    assert.is((await receive(url)).id, second);
    await broker.stop();
  }),
);

test(
  'a consumer works on several groups at once, and on each in order',
  serving(async (client) => {
    const groups = ['a', 'b', 'c', 'd'];
    const messages = Array.from(
      { length: 80 },
      (_, at) => new Message(`${at}`, { group: groups[at % groups.length] }),
    );
    await client.produceMany('orders', messages);
    const working = new Set<string | undefined>();
    const done = new Map<string | undefined, number[]>(groups.map((group) => [group, []]));
    let most = 0;
    const consumer = client.consume(
      'orders',
      async ({ group, id }) => {
        assert.not(working.has(group), 'one of a group at a time');
        working.add(group);
        most = Math.max(most, working.size);
        await new Promise(setImmediate);
        done.get(group)!.push(id);
        working.delete(group);
      },
      { concurrency: 8, onError: (error) => assert.unreachable(String(error)) },
    );
    const count = () => [...done.values()].reduce((sum, ids) => sum + ids.length, 0);
    await eventually('all are done', () => count() === messages.length);
    await consumer.stop();
    for (const ids of done.values())
      assert.equal(
        ids,
        [...ids].sort((a, b) => a - b),
      );
    assert.is(most, groups.length);
  }),
);

test(
  'what cannot be meant is refused, and names the field',
  serving(async (client) => {
    for (const group of ['', 'x'.repeat(129)]) {
      await rejects(client.produce('orders', 'x', { group }), { field: 'group' });
    }
    const both = { group: 'a', priority: 1 };
    await rejects(client.produce('orders', 'x', both), { field: 'priority' });
    await rejects(client.produceMany('orders', ['x'], both), { field: 'priority' });
  }),
);

test.run();
