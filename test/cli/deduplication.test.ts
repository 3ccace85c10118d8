// Produce again with the same deduplication ID, as a script does that begins anew: the first message's
// ID, whatever became of the message, also after a kill; until the window is over, and in each queue
// for itself.
// limit: 120 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Message } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { said, wonderq } from '../support/broker.ts';
import { rejects } from '../support/rejects.ts';
import { serving } from '../support/serving.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('deduplication');

test(
  'a script that begins anew produces once',
  temporary(async (dataDir) => {
    let broker = await startBroker({ dataDir, port: 0 });
    let { url } = broker;
    const produce = (queue: string, key: string, ...flags: string[]) =>
      said('produce', queue, 'body', '--deduplication-id', key, '--url', url, ...flags);
    const id = await produce('orders', 'order 7');
    assert.is(await produce('orders', 'order 7'), id);
    assert.equal(JSON.parse(await produce('orders', 'order 7', '--json')), { id, duplicate: true });
    const line = JSON.parse(await said('receive', 'orders', '--ack', '--json', '--url', url));
    assert.equal([line.id, line.body], [id, 'body']);
    await broker.stop();
    broker = await startBroker({ dataDir, port: 0 });
    ({ url } = broker);
    assert.is(await produce('orders', 'order 7'), id);
    assert.is(await said('receive', 'orders', '--url', url), '');
    const other = JSON.parse(await produce('others', 'order 7', '--json'));
    assert.equal([other.id === id, other.duplicate], [false, false]);
    await said('queues', 'configure', 'orders', '--deduplication', '1', '--url', url);
    const { queues } = JSON.parse(await said('stats', '--json', '--url', url));
    assert.equal(
      queues.map(({ settings }: { settings: object }) => settings).map(windowOf),
      [1, 300_000],
    );
    const first = await produce('orders', 'order 8');
    assert.is.not(await produce('orders', 'order 8'), first, 'a millisecond later');
    await broker.stop();
  }),
);

function windowOf(settings: object): unknown {
  return (settings as { deduplicationMs: number }).deduplicationMs;
}

test(
  'a batch tells its duplicates apart, and single messages too',
  serving(async (client) => {
    const keyed = (...keys: (string | undefined)[]) =>
      keys.map((deduplicationId, at) => new Message(`${at}`, { deduplicationId }));
    const [a, b] = await client.produceMany('orders', keyed('a', 'b'));
    const [, again, plain, twice] = await client.produceMany(
      'orders',
      keyed('c', 'b', undefined, 'c'),
    );
    assert.is(again, b);
    const deliveries = await client.receive('orders', { max: 10 });
    assert.equal(
      deliveries.map(({ id }) => id),
      [a, b, twice, plain],
    );
    const confirmations = await Promise.all(
      ['a', undefined, 'd', 'd'].map((deduplicationId) =>
        client.produceConfirmed('orders', 'x', { deduplicationId }),
      ),
    );
    assert.equal(
      confirmations.map(({ isDuplicate }) => isDuplicate),
      [true, false, false, true],
    );
    assert.equal(confirmations[0], { id: a, durability: 'fsync', isDuplicate: true });
    assert.is(confirmations[3]!.id, confirmations[2]!.id);
    const info = await client.getQueue('orders');
    assert.is((info.counters as { duplicates: number }).duplicates, 4);
  }),
);

test(
  'what cannot be meant is refused, and names the field',
  serving(async (client, url) => {
    const bad = { code: 'BAD_REQUEST', field: 'deduplicationId' };
    for (const deduplicationId of ['', 'x'.repeat(129)]) {
      await rejects(client.produce('orders', 'x', { deduplicationId }), bad);
    }
    await rejects(client.produceMany('orders', ['x', 'y'], { deduplicationId: 'a' }), bad);
    const settings = { deduplicationMs: 0 };
    await rejects(client.createQueue('orders', settings), { field: 'settings.deduplicationMs' });
    const flags = ['--deduplication-id', 'a', '--url', url];
    const { code, stderr } = await wonderq('produce', 'orders', 'x', 'y', ...flags);
    assert.equal([code, stderr.includes('--deduplication-id is of one message')], [64, true]);
  }),
);

test.run();
