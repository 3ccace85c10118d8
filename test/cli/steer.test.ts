// Single messages deleted and moved on the command line and by the client, as an operator saw them:
// outcomes, who did it, over a restart; and queues that were made anew since they were seen.
// limit: 120 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, type MessageInfo } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { said, wonderq } from '../support/broker.ts';
import { rejects } from '../support/rejects.ts';
import { serving } from '../support/serving.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('steer');

test(
  'delete and move: outcomes, counters and traces, over a restart',
  temporary(async (dataDir) => {
    let broker = await startBroker({ dataDir, port: 0 });
    const at = () => ['--url', broker.url];
    const ids = (await said('produce', 'orders', 'a', 'b', 'c', ...at())).split('\n');
    const [first, second, third] = ids as [string, string, string];
    await said('queues', 'create', 'later', ...at());
    await said('receive', 'orders', ...at());
    const held = await wonderq('move', 'orders', first, second, '--to', 'later', '--json', ...at());
    assert.is(held.code, 1);
    assert.equal(JSON.parse(held.stdout), { moved: 1, refused: [{ id: first, code: 'CHANGED' }] });
    const ready = ['--state', 'ready', '--deliveries', '0'];
    const seen = await wonderq('delete', 'orders', first, third, ...ready, ...at());
    assert.equal([seen.code, seen.stdout], [1, `deleted: 1 message\n${first}: CHANGED\n`]);
    assert.is(await said('delete', 'orders', first, ...at()), 'deleted: 1 message');
    const gone = await wonderq('delete', 'orders', first, '--json', ...at());
    assert.equal(JSON.parse(gone.stdout), { deleted: 0, refused: [{ id: first, code: 'GONE' }] });
    const { queues } = JSON.parse(await said('stats', '--json', ...at()));
    const { counters } = queues.find(({ name }: { name: string }) => name === 'orders');
    assert.equal([counters.deleted, counters.moved], [2, 1]);
    const trace = (queue: string, id: string) => said('trace', queue, id, '--data-dir', dataDir);
    assert.match(await trace('orders', first), /deleted by client "wonderq delete"/);
    assert.match(await trace('later', second), /another queue by client "wonderq move"/);
    await broker.stop();
    broker = await startBroker({ dataDir, port: 0 });
    assert.is(await said('peek', 'orders', ...at()), '');
    const line = JSON.parse(await said('receive', 'later', '--ack', '--json', ...at()));
    assert.equal([line.id, line.body, line.deliveryCount], [second, 'b', 1]);
    await broker.stop();
  }),
);

test(
  'what was browsed is deleted while it is so still, more than one request of it',
  temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    const client = await connect(broker.url, { name: 'ops' });
    const bodies = Array.from({ length: 1_100 }, (_, at) => `${at}`);
    const ids = await client.produceMany('orders', bodies);
    const seen: MessageInfo[] = [];
    for await (const message of client.browse('orders')) seen.push(message);
    const [delivery] = await client.receive('orders');
    const refused = [{ id: ids[0], code: 'CHANGED' }];
    assert.equal(await client.deleteMessages('orders', seen), { deleted: 1_099, refused });
    await client.release(delivery!);
    const again = await client.deleteMessages('orders', seen);
    assert.equal([again.deleted, again.refused.length, again.refused[0]], [0, 1_100, refused[0]]);
    await client.createQueue('later');
    const now = [await client.getMessage('orders', ids[0]!)];
    assert.equal(await client.moveMessages('orders', now, 'later'), { moved: 1, refused: [] });
    await client.close();
    await broker.stop();
  }),
);

test(
  'a queue that was made anew under its name is not hit',
  serving(async (client, url) => {
    const createdMs = Number((await client.createQueue('orders')).createdMs);
    assert.is(await client.purgeQueue('orders', { createdMs }), 0);
    await client.deleteQueue('orders', { createdMs });
    for (let nowMs = createdMs; nowMs <= createdMs; ) nowMs = Number((await client.stats()).timeMs);
    await client.produce('orders', 'of another one');
    const changed = { code: 'CHANGED', field: 'createdMs' };
    await rejects(client.purgeQueue('orders', { createdMs }), changed);
    await rejects(client.deleteQueue('orders', { createdMs }), changed);
    await rejects(client.redrive('orders', { createdMs, ids: [1] }), changed);
    const flags = ['--created', String(createdMs), '--url', url];
    for (const words of [
      ['queues', 'purge'],
      ['queues', 'delete'],
    ]) {
      const { code, stderr } = await wonderq(...words, 'orders', ...flags);
      assert.is(code, 1);
      assert.match(stderr, /CHANGED/);
    }
    const { ready, ...queue } = await client.getQueue('orders');
    assert.is(ready, 1);
    const seen = { createdMs: Number(queue.createdMs) };
    assert.is(await client.purgeQueue('orders', seen), 1);
  }),
);

test(
  'what is out of range is refused by name',
  temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    const client = await connect(broker.url);
    await client.createQueue('orders');
    const wrong: readonly [object, string][] = [
      [{ id: 0 }, 'id'],
      [{ id: 1, state: 'gone' }, 'state'],
      [{ id: 1, deliveryCount: -1 }, 'deliveryCount'],
    ];
    for (const [seen, field] of wrong) {
      const meant = [seen as { id: number }];
      await rejects(client.deleteMessages('orders', meant), { code: 'BAD_REQUEST', field });
      await rejects(client.moveMessages('orders', meant, 'x'), { code: 'BAD_REQUEST', field });
    }
    const itself = client.moveMessages('orders', [1], 'orders');
    await rejects(itself, { code: 'BAD_REQUEST', field: 'to' });
    const nowhere = client.moveMessages('orders', [1], 'none');
    await rejects(nowhere, { code: 'QUEUE_NOT_FOUND', field: 'to' });
    await rejects(client.deleteMessages('none', [1]), { code: 'QUEUE_NOT_FOUND' });
    await rejects(client.purgeQueue('orders', { createdMs: -1 }), { field: 'createdMs' });
    await client.close();
    const usage = [
      ['delete', 'orders'],
      ['move', 'orders', '1'],
      ['delete', 'orders', '1', '--state', 'x'],
    ];
    for (const words of usage) {
      assert.is((await wonderq(...words, '--url', broker.url)).code, 64, words.join(' '));
    }
    await broker.stop();
  }),
);

test.run();
