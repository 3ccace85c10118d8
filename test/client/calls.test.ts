// Calls one by one: what they put on the wire, what they refuse before, and the errors they give.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Message } from '../../src/client/client.ts';
import { rejects } from '../support/rejects.ts';
import { withFake } from './support/fake-broker.ts';

const test = suite('calls');

test(
  'a delivery has everything that the broker tells, and owns its bytes',
  withFake(async (broker, client) => {
    const receiving = client.receive(['orders', 'invoices'], {
      max: 7,
      bytesMax: 5000,
      waitMs: 100,
      visibilityMs: 900,
    });
    const seen = await broker.request('receive');
    assert.equal(seen.queues, ['orders', 'invoices']);
    assert.equal([seen.messagesMax, seen.bytesMax], [7, 5000]);
    assert.equal([seen.visibilityMs, seen.detached, seen.hasAcks], [900, false, false]);
    const rich = { contentType: 'application/json', headers: { trace: 'x1' }, deliveryCount: 3 };
    const messages = [{ id: 2 ** 40, token: 2 ** 47, body: '{"a":[1]}', ...rich }, { id: 3 }];
    broker.connection.deliver(seen.id, messages, { queue: 'invoices', visibilityMs: 900 });
    const deliveries = await receiving;
    const [first, second] = deliveries;
    assert.is(first!.receipt, `${2 ** 40}-${2 ** 47}`);
    assert.is(first!.queue, 'invoices');
    assert.equal(first!.json(), { a: [1] });
    assert.equal({ ...first!.headers }, { trace: 'x1' });
    assert.is(first!.contentType, 'application/json');
    assert.equal([first!.deliveryCount, first!.visibilityMs], [3, 900]);
    assert.is(second!.text(), 'body 3');
    assert.equal([second!.contentType, { ...second!.headers }], [undefined, {}]);
    assert.equal(deliveries.acked, []);
  }),
);

test(
  'receipts are acknowledged in the frame of a receive',
  withFake(async (broker, client) => {
    const receiving = client.receive('orders', {
      ack: [
        { queue: 'orders', receipt: '1-11' },
        { queue: 'invoices', receipt: '2-12' },
        { queue: 'orders', receipt: '3-13' },
      ],
    });
    const seen = await broker.request('receive');
    assert.equal(seen.grouped, ['orders 1-11', 'orders 3-13', 'invoices 2-12']);
    assert.is(seen.sequence, 1);
    const codes = [[undefined, 'GONE'], undefined] as const;
    broker.connection.deliver(seen.id, [{ id: 9 }], { codes });
    assert.equal((await receiving).acked, ['ok', 'ok', 'GONE']);
  }),
);

test(
  'an aborted receive is taken back, and what was on its way goes back',
  withFake(async (broker, client) => {
    const controller = new AbortController();
    const { signal } = controller;
    const receiving = client.receive('orders', { waitMs: 9000, signal });
    const receive = await broker.request('receive');
    controller.abort(new Error('enough'));
    const error = await rejects(receiving, { code: 'CANCELLED' });
    assert.is((error.cause as Error).message, 'enough');
    assert.is((await broker.request('cancel')).target, receive.id);
    broker.connection.deliver(receive.id, [{ id: 1 }, { id: 2 }]);
    assert.equal((await broker.request('release')).receipts, ['1-1001', '2-1002']);
    await rejects(client.receive('orders', { signal }), { code: 'CANCELLED' });
    assert.is(broker.count('receive'), 1);
  }),
);

test(
  'bodies are bytes, text, or JSON',
  withFake(async (broker, client) => {
    broker.behaviours.set('produce', ({ id, bodies }, connection) => {
      connection.produced(id, [1, bodies.length]);
    });
    const bodies = [Buffer.from('bytes'), 'text', { a: 1 }, [1], 7, null, true] as const;
    await client.produceMany('orders', [...bodies, new Message('own', { contentType: 'x/y' })]);
    const { bodies: texts } = await broker.request('produce');
    assert.equal(texts, ['bytes', 'text', '{"a":1}', '[1]', '7', 'null', 'true', 'own']);
    const cycle: { self?: object } = {};
    cycle.self = cycle;
    for (const body of [undefined, () => {}, Symbol('x'), 1n, cycle, new ArrayBuffer(3)]) {
      await rejects(client.produce('orders', body as never), {
        code: 'BAD_REQUEST',
        field: 'body',
      });
    }
    const large = Buffer.alloc(1024 * 1024 + 1);
    await rejects(client.produce('orders', large), { code: 'BODY_TOO_LARGE', field: 'body' });
  }),
);

test(
  'what is wrong is refused before anything is sent, and hurts no other call of its frame',
  withFake(async (broker, client) => {
    const good = client.produce('orders', 'good');
    const checks: [Promise<unknown>, string, string][] = [
      [client.produce('no such name', 'x'), 'BAD_NAME', 'queue'],
      [client.produce('orders', 'x', { delayMs: 1.5 }), 'BAD_REQUEST', 'delayMs'],
      [client.produce('orders', 'x', { priority: 256 }), 'BAD_REQUEST', 'priority'],
      [client.produce('orders', 'x', { priority: Number.NaN }), 'BAD_REQUEST', 'priority'],
      [
        client.produce('orders', 'x', { durability: 'fsync' as never }),
        'BAD_REQUEST',
        'durability',
      ],
      [client.produce('orders', 'x', { contentType: 7 as never }), 'BAD_REQUEST', 'contentType'],
      [client.produce('orders', 'x', { headers: { a: 1 as never } }), 'BAD_REQUEST', 'headers'],
      [
        client.produce('orders', 'x', { headers: { a: 'x'.repeat(16384) } }),
        'BAD_REQUEST',
        'headers',
      ],
      [client.receive([]), 'BAD_REQUEST', 'queues'],
      [client.receive(['a', 'a']), 'BAD_REQUEST', 'queues'],
      [client.receive('orders', { max: 0 }), 'BAD_REQUEST', 'max'],
      [client.receive('orders', { waitMs: -1 }), 'BAD_REQUEST', 'waitMs'],
      [client.receive('orders', { visibilityMs: 0 }), 'BAD_REQUEST', 'visibilityMs'],
      [client.ack('orders', '7'), 'BAD_REQUEST', 'receipt'],
      [client.ack('orders', ['1-1', '7-x']), 'BAD_REQUEST', 'receipt'],
      [client.ack(undefined as never), 'BAD_REQUEST', 'receipt'],
      [client.nack('orders', '1-1', { delayMs: -1 }), 'BAD_REQUEST', 'delayMs'],
      [client.extend('orders', '1-1', { visibilityMs: 0.5 }), 'BAD_REQUEST', 'visibilityMs'],
      [client.pauseQueue('orders', 'all' as never), 'BAD_REQUEST', 'what'],
      [client.getQueue(''), 'BAD_NAME', 'queue'],
      [client.createQueue('orders', { visibilityMs: 0.5 }), 'BAD_REQUEST', 'settings.visibilityMs'],
    ];
    for (const [call, code, field] of checks) await rejects(call, { code, field });
    for (const options of [
      { concurrency: 0 },
      { prefetch: -1 },
      { delayMs: 0.5 },
      { runMsMax: 0 },
    ]) {
      assert.throws(() => client.consume('orders', () => {}, options), /must be an integer/);
    }
    const seen = await broker.request('produce');
    assert.equal(seen.bodies, ['good']);
    broker.connection.produced(seen.id, [1, 1]);
    assert.is(await good, 1);
    assert.is(broker.seen.length, 2, 'hello and one produce');
  }),
);

test(
  'a confirmation with less durability than accepted rejects',
  withFake(
    async (broker, client) => {
      broker.behaviours.set('produce', ({ id }, connection) => connection.produced(id, [1, 1], 1));
      await rejects(client.produce('orders', 'x'), { code: 'WEAKER_DURABILITY' });
      await rejects(client.produceMany('orders', ['x']), { code: 'WEAKER_DURABILITY' });
      assert.is(await client.produce('orders', 'x', { durability: 'write' }), 1);
    },
    { durability: 'fsync' },
  ),
);

test(
  'a refusal reaches every caller of its frame, each with a stack of its own',
  withFake(async (broker, client) => {
    broker.behaviours.set('produce', ({ id }, connection) => {
      connection.error(id, 'QUEUE_FULL', { field: 'queue', retryAfterMs: 250 });
    });
    async function firstCaller() {
      await client.produce('orders', 'a');
    }
    async function secondCaller() {
      await client.produce('orders', 'b');
    }
    const expected = { code: 'QUEUE_FULL', field: 'queue', retryAfterMs: 250 };
    const [first, second] = await Promise.all([
      rejects(firstCaller(), expected),
      rejects(secondCaller(), expected),
    ]);
    assert.is(broker.count('produce'), 1);
    assert.match(first.stack ?? '', /firstCaller/);
    assert.match(second.stack ?? '', /secondCaller/);
  }),
);

test(
  'queues are administered by verbs, and listed page by page',
  withFake(async (broker, client) => {
    const pages = [
      { queues: [{ name: 'a' }, { name: 'b' }], more: true },
      { queues: [{ name: 'c' }], more: false },
    ];
    broker.behaviours.set('administer', ({ id, verb }, connection) => {
      const value = verb === 'queues' ? pages.shift() : { name: 'orders', purged: 4, deleted: 5 };
      connection.ok(id, value);
    });
    assert.equal(
      (await client.queues()).map(({ name }) => name),
      ['a', 'b', 'c'],
    );
    await client.createQueue('orders', { visibilityMs: 5000, durability: undefined });
    await client.configureQueue('orders', { visibilityMs: null });
    await client.pauseQueue('orders', 'produce');
    await client.resumeQueue('orders');
    assert.is(await client.purgeQueue('orders'), 4);
    assert.is(await client.deleteQueue('orders'), 5);
    assert.is((await client.stats({ queues: false })).purged, 4);
    const seen = broker.seen.filter(({ name }) => name === 'administer');
    assert.equal(
      seen.map(({ verb, arguments: given, sequence }) => [verb, given, sequence]),
      [
        ['queues', { limit: 1000 }, 0],
        ['queues', { after: 'b', limit: 1000 }, 0],
        ['queue.create', { queue: 'orders', settings: { visibilityMs: 5000 } }, 1],
        ['queue.configure', { queue: 'orders', settings: { visibilityMs: null } }, 2],
        ['queue.pause', { queue: 'orders', what: 'produce' }, 3],
        ['queue.resume', { queue: 'orders', what: 'both' }, 4],
        ['queue.purge', { queue: 'orders' }, 5],
        ['queue.delete', { queue: 'orders' }, 6],
        ['stats', { queues: false }, 0],
      ],
    );
  }),
);

test.run();
