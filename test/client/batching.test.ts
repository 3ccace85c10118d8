// What one turn of the event loop asks for: frames that form by themselves, one write, answers in
// any order, and the bounds of what is open at once.

import { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually } from '../support/eventually.ts';
import { rejects } from '../support/rejects.ts';
import { type FakeBroker, withFake } from './support/fake-broker.ts';

const test = suite('batching');

/** Counts the writes of the client's sockets to a port while `body` runs. */
async function countWrites(port: number, body: () => Promise<unknown>): Promise<number> {
  const { write } = Socket.prototype;
  let count = 0;
  Socket.prototype.write = function (this: Socket, ...given: never[]) {
    if (this.remotePort === port) count += 1;
    return Reflect.apply(write, this, given);
  } as typeof write;
  try {
    await body();
  } finally {
    Socket.prototype.write = write;
  }
  return count;
}

test(
  'produces of one turn to one queue are one frame, and each caller gets its own ID',
  withFake(async (broker, client) => {
    const ids = Promise.all(['a', 'b', 'c'].map((body) => client.produce('orders', body)));
    const seen = await broker.request('produce');
    assert.equal(seen.bodies, ['a', 'b', 'c']);
    assert.is(seen.sequence, 1);
    broker.connection.produced(seen.id, [7, 1, 20, 2]);
    assert.equal(await ids, [7, 20, 21]);
    assert.is(broker.count('produce'), 1);
  }),
);

test(
  'another queue, another manner and another turn are other frames',
  withFake(async (broker, client) => {
    const { connection } = broker;
    broker.behaviours.set('produce', ({ id, bodies }) =>
      connection.produced(id, [1, bodies.length]),
    );
    const first = [
      client.produce('orders', 'a'),
      client.produce('invoices', 'b'),
      client.produce('orders', 'c', { delayMs: 5 }),
      client.produce('orders', 'd', { delayMs: 5 }),
      client.produce('orders', 'e', { priority: 9 }),
      client.produce('orders', 'f', { priority: 9, durability: 'write' }),
    ];
    await nextTurn();
    await Promise.all([...first, client.produce('orders', 'g')]);
    const frames = broker.seen.filter(({ name }) => name === 'produce');
    assert.equal(
      frames.map(({ bodies }) => bodies.join('')),
      ['a', 'b', 'cd', 'e', 'f', 'g'],
    );
    assert.equal(
      frames.map(({ delayMs, priority, durability }) => [delayMs, priority, durability]),
      [
        [0, 0, 0],
        [0, 0, 0],
        [5, 0, 0],
        [0, 9, 0],
        [0, 9, 1],
        [0, 0, 0],
      ],
    );
    assert.equal(
      frames.map(({ sequence }) => sequence),
      [1, 2, 3, 4, 5, 6],
    );
  }),
);

test(
  'so are another time to live and another time not to be delivered before',
  withFake(async (broker, client) => {
    const { connection } = broker;
    broker.behaviours.set('produce', ({ id, bodies }) =>
      connection.produced(id, [1, bodies.length]),
    );
    const notBefore = new Date('2030-01-31T08:00:00Z');
    await Promise.all([
      client.produce('orders', 'a', { timeToLiveMs: 5 }),
      client.produce('orders', 'b', { timeToLiveMs: 5 }),
      client.produce('orders', 'c', { timeToLiveMs: 6 }),
      client.produce('orders', 'd', { notBefore }),
      client.produce('orders', 'e', { notBefore: notBefore.getTime() }),
      client.produce('orders', 'f', { notBefore: 0 }),
      client.produce('orders', 'g'),
    ]);
    const frames = broker.seen.filter(({ name }) => name === 'produce');
    assert.equal(
      frames.map(({ bodies, notBeforeMs, timeToLiveMs }) => [bodies, notBeforeMs, timeToLiveMs]),
      [
        [['a', 'b'], 0, 5],
        [['c'], 0, 6],
        [['d', 'e'], notBefore.getTime(), 0],
        [['f'], 0, 0],
        [['g'], 0, 0],
      ],
    );
    const wrong = [
      [{ notBefore, delayMs: 1 }, 'notBefore'],
      [{ notBefore: new Date('never') }, 'notBefore'],
      [{ notBefore: -1 }, 'notBefore'],
      [{ timeToLiveMs: 0 }, 'timeToLiveMs'],
      [{ timeToLiveMs: 316_224_000_001 }, 'timeToLiveMs'],
      [{ delayMs: 316_224_000_001 }, 'delayMs'],
      [{ priority: 256 }, 'priority'],
    ] as const;
    for (const [options, field] of wrong) {
      await rejects(client.produce('orders', 'x', options), { code: 'BAD_REQUEST', field });
    }
  }),
);

test(
  'one turn is one write, whatever it asks for',
  withFake(async (broker, client) => {
    const { connection } = broker;
    broker.behaviours.set('produce', ({ id, bodies }) =>
      connection.produced(id, [1, bodies.length]),
    );
    broker.behaviours.set('receive', ({ id }) => connection.deliver(id, []));
    broker.behaviours.set('ack', ({ id }) => connection.settled(id));
    const writes = await countWrites(broker.port, () =>
      Promise.all([
        ...Array.from({ length: 100 }, (_, index) => client.produce(`queue${index % 7}`, 'x')),
        client.receive('orders'),
        client.ack('orders', ['1-1', '2-2']),
        client.ping(),
      ]),
    );
    assert.is(writes, 1);
  }),
);

test(
  'a gathered frame is not larger than the broker takes',
  withFake(async (broker, client) => {
    broker.greeting = { limits: { batchMessagesMax: 4, bodyBytesMax: 1000, frameBytesMax: 4096 } };
    broker.connection.break();
    await broker.connected(2);
    broker.behaviours.set('produce', ({ id, bodies }) =>
      broker.connection.produced(id, [1, bodies.length]),
    );
    await eventually('the new greeting', () => client.greeting.limits.batchMessagesMax === 4);
    const small = Array.from({ length: 10 }, () => client.produce('small', 'x'));
    const large = Array.from({ length: 8 }, () => client.produce('large', Buffer.alloc(1000)));
    await Promise.all([...small, ...large]);
    const counts = (queue: string) =>
      broker.seen
        .filter((seen) => seen.name === 'produce' && seen.queue === queue)
        .map(({ bodies }) => bodies.length);
    assert.equal(counts('small'), [4, 4, 2]);
    assert.equal(counts('large'), [3, 3, 2]);
    await rejects(client.produceMany('small', ['1', '2', '3', '4', '5']), {
      code: 'BATCH_TOO_LARGE',
    });
  }),
);

test(
  'a program’s own batch is one frame of its own',
  withFake(async (broker, client) => {
    const ids = client.produceMany('orders', ['a', 'b']);
    void client.produce('orders', 'c').catch(() => {});
    const seen = await broker.request('produce');
    assert.equal(seen.bodies, ['a', 'b']);
    broker.connection.produced(seen.id, [4, 2]);
    assert.equal(await ids, [4, 5]);
    assert.equal(await client.produceMany('orders', []), []);
  }),
);

test(
  'settles of one turn are one frame for each kind and queue, and each caller has its own code',
  withFake(async (broker, client) => {
    const all = Promise.allSettled([
      client.ack('orders', '1-11'),
      client.ack('orders', '2-12'),
      client.nack('orders', '3-13', { delayMs: 50 }),
      client.ack('invoices', '4-14'),
      client.ack('orders', ['5-15', '6-16']),
      client.release('orders', '7-17'),
      client.extend('orders', '8-18', { visibilityMs: 900 }),
    ]);
    const orders = await broker.request('ack');
    assert.equal(orders.receipts, ['1-11', '2-12', '5-15', '6-16']);
    const codes = [undefined, 'STALE_RECEIPT', 'GONE', undefined] as const;
    broker.connection.settled(orders.id, codes);
    const nack = await broker.request('nack');
    assert.is(nack.delayMs, 50);
    broker.connection.settled(nack.id, ['GONE']);
    const invoices = await broker.request('ack');
    assert.is(invoices.queue, 'invoices');
    broker.connection.settled(invoices.id);
    broker.connection.settled((await broker.request('release')).id);
    const extend = await broker.request('extend');
    assert.is(extend.visibilityMs, 900);
    broker.connection.settled(extend.id);
    const results = (await all).map((result) =>
      result.status === 'fulfilled' ? result.value : result.reason.code,
    );
    const several = ['GONE', 'ok'];
    assert.equal(results, [
      undefined,
      'STALE_RECEIPT',
      'GONE',
      undefined,
      several,
      undefined,
      undefined,
    ]);
  }),
);

test(
  'administration keeps its place among produces of its turn',
  withFake(async (broker, client) => {
    const { connection } = broker;
    broker.behaviours.set('produce', ({ id }) => connection.produced(id, [1, 1]));
    broker.behaviours.set('administer', ({ id }) => connection.ok(id, { purged: 3 }));
    const [, purged] = await Promise.all([
      client.produce('orders', 'a'),
      client.purgeQueue('orders'),
      client.produce('orders', 'b'),
    ]);
    assert.is(purged, 3);
    const names = connection.seen.map(({ name, bodies }) => `${name} ${bodies}`.trim());
    assert.equal(names.slice(1), ['produce a', 'administer', 'produce b']);
  }),
);

test(
  'answers may come in any order',
  withFake(async (broker, client) => {
    const first = client.produce('one', 'a');
    const second = client.produce('two', 'b');
    const third = client.getQueue('one');
    const [one, two] = [await broker.request('produce'), await broker.request('produce')];
    const get = await broker.request('administer');
    broker.connection.ok(get.id, { name: 'one' });
    assert.is((await third).name, 'one');
    broker.connection.produced(two.id, [2, 1]);
    assert.is(await second, 2);
    broker.connection.produced(one.id, [1, 1]);
    assert.is(await first, 1);
    assert.equal([one.sequence, two.sequence, get.sequence], [1, 2, 0]);
  }),
);

test(
  'at most 1,024 changes are open, none further back than the broker remembers',
  withFake(async (broker, client) => {
    const { connection } = broker;
    const calls = Array.from({ length: 1100 }, (_, index) => client.produce(`queue${index}`, 'x'));
    await eventually('1,024 produces', () => broker.count('produce') === 1024);
    const open = broker.seen.filter(({ name }) => name === 'produce');
    connection.produced(open[1]!.id, [2, 1]);
    assert.is(await calls[1], 2);
    await fence(broker);
    assert.is(broker.count('produce'), 1024, 'the first is still open');
    connection.produced(open[0]!.id, [1, 1]);
    await eventually('two more', () => broker.count('produce') === 1026);
    broker.behaviours.set('produce', ({ id }) => connection.produced(id, [9, 1]));
    for (const { id } of broker.seen
      .slice(1)
      .filter(({ name }) => name === 'produce')
      .slice(2)) {
      connection.produced(id, [9, 1]);
    }
    await Promise.all(calls);
    const sequences = connection.seen
      .map(({ sequence }) => sequence)
      .filter((number) => number > 0);
    assert.equal(
      sequences,
      Array.from({ length: 1100 }, (_, index) => index + 1),
    );
  }),
);

test(
  'a receive that waits, and acknowledges, holds nothing up',
  withFake(async (broker, client) => {
    const { connection } = broker;
    broker.behaviours.set('produce', ({ id }) => connection.produced(id, [1, 1]));
    const ack = [{ queue: 'orders', receipt: '1-11' }];
    const received = client.receive('orders', { waitMs: 60_000, ack });
    const receive = await broker.request('receive');
    assert.is(receive.sequence, 1);
    const names = Array.from({ length: 1500 }, (_, index) => `queue${index}`);
    await Promise.all(names.map((name) => client.produce(name, 'x')));
    connection.deliver(receive.id, [], { codes: [['STALE_RECEIPT']] });
    assert.equal((await received).acked, ['STALE_RECEIPT']);
  }),
);

test(
  'bytes in flight are bounded',
  withFake(async (broker, client) => {
    const { connection } = broker;
    const body = Buffer.alloc(1_000_000);
    const calls = Array.from({ length: 12 }, () => client.produce('orders', body));
    await eventually('eight frames', () => broker.count('produce') === 8);
    await fence(broker);
    assert.is(broker.count('produce'), 8);
    broker.behaviours.set('produce', ({ id }) => connection.produced(id, [1, 1]));
    for (const { name, id } of [...broker.seen]) {
      if (name === 'produce') connection.produced(id, [1, 1]);
    }
    await Promise.all(calls);
  }),
);

/** Resolves once the client has done with what it was sent, and the broker has seen the effect. */
async function fence(broker: FakeBroker): Promise<void> {
  broker.connection.ping(99);
  await broker.request('pong');
}

test.run();
