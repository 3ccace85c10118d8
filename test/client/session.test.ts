// A session over broken connections: what is held, what is asked again and with which numbers, and
// what ends because nobody can tell what became of it.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/client.ts';
import { eventually } from '../support/eventually.ts';
import { rejects } from '../support/rejects.ts';
import { withBroker, withFake } from './support/fake-broker.ts';

const test = suite('session');

test(
  'after a break: resume with what is held, then what is unanswered in its order and numbers',
  withFake(async (broker, client) => {
    const { connection } = broker;
    const receiving = client.receive('orders', { max: 3 });
    connection.deliver((await broker.request('receive')).id, [{ id: 1 }, { id: 2 }, { id: 3 }]);
    const [first, second] = await receiving;
    const acking = client.ack(first!);
    connection.settled((await broker.request('ack')).id);
    await acking;
    const calls = [client.produce('orders', 'a'), client.ack(second!), client.getQueue('orders')];
    await broker.request('administer');
    connection.break();
    const hello = await broker.request('hello').then(() => broker.request('hello'));
    assert.is(hello.session, broker.seen[0]!.session);
    await eventually('all of it again', () => broker.count('administer') === 2);
    const { seen } = broker.connection;
    assert.equal(
      seen.map(({ name, sequence }) => `${name} ${sequence}`),
      ['hello 0', 'resume 0', 'produce 2', 'ack 3', 'administer 0'],
    );
    assert.equal([...seen[1]!.grouped].sort(), ['orders 2-1002', 'orders 3-1003']);
    const { connection: next } = broker;
    next.produced(seen[2]!.id, [9, 1]);
    next.settled(seen[3]!.id);
    next.ok(seen[4]!.id, { name: 'orders' });
    assert.is(await calls[0], 9);
    assert.is((await Promise.all(calls)).length, 3);
  }),
);

test(
  'what detached receives got is not held by the session',
  withFake(async (broker, client) => {
    const receiving = client.receive('orders', { detached: true });
    const receive = await broker.request('receive');
    assert.is(receive.detached, true);
    broker.connection.deliver(receive.id, [{ id: 1 }]);
    await receiving;
    broker.connection.break();
    assert.equal((await broker.request('resume')).grouped, []);
  }),
);

test(
  'a receive that waits is asked again for what is left of its time',
  withFake(async (broker, client) => {
    const receiving = client.receive('orders', { waitMs: 5000 });
    const receive = await broker.request('receive');
    assert.is(receive.waitMs, 5000);
    broker.connection.break();
    const again = await broker.request('receive');
    assert.ok(again.waitMs < 5000 && again.waitMs > 1000, `waits ${again.waitMs}`);
    broker.connection.deliver(again.id, [{ id: 4 }]);
    assert.is((await receiving)[0]!.id, 4);
  }),
);

test(
  'a session that is not known any more: what was sent ends, what was not is sent',
  withFake(async (broker, client) => {
    const receiving = client.receive('orders');
    broker.connection.deliver((await broker.request('receive')).id, [{ id: 1 }]);
    await receiving;
    const ended = [
      rejects(client.produce('orders', 'a'), { code: 'TIMEOUT' }),
      rejects(client.receive('orders', { waitMs: 9000 }), { code: 'TIMEOUT' }),
    ];
    await broker.request('receive');
    broker.forgetSessions();
    broker.connection.break();
    // At each turn: it may be connected again in less than a millisecond.
    await eventually('the break', () => !client.isConnected, { intervalMs: 0 });
    const unsent = client.produce('orders', 'b');
    await Promise.all(ended);
    const produce = await broker.request('produce').then(() => broker.request('produce'));
    assert.equal(produce.bodies, ['b']);
    assert.is(produce.sequence, 2);
    broker.connection.produced(produce.id, [3, 1]);
    assert.is(await unsent, 3);
    assert.is(broker.count('resume'), 0);
    // What the lost session held is not claimed in the new one.
    broker.connection.break();
    assert.equal((await broker.request('resume')).grouped, []);
  }),
);

test(
  'without a session nothing has a number, and nothing is asked twice',
  withFake(
    async (broker, client) => {
      const call = rejects(client.produce('orders', 'a'), { code: 'TIMEOUT' });
      assert.is((await broker.request('produce')).sequence, 0);
      const receiving = client.receive('orders');
      const receive = await broker.request('receive');
      assert.is(receive.detached, true);
      broker.connection.deliver(receive.id, []);
      assert.equal([...(await receiving)], []);
      broker.connection.break();
      await call;
      await broker.connected(2);
      assert.is(broker.count('produce'), 1);
      assert.is(broker.count('resume'), 0);
    },
    { session: false },
  ),
);

test(
  'a call has a deadline, and then is not asked again',
  withFake(
    async (broker, client) => {
      await rejects(client.produce('orders', 'a'), { code: 'TIMEOUT' });
      broker.connection.break();
      await broker.request('resume');
      await client.ping();
      assert.is(broker.count('produce'), 1);
    },
    { timeoutMs: 400 },
  ),
);

test(
  'a call whose deadline passes during a break is not asked again',
  withBroker(async (broker) => {
    const client = await connect(broker.url, { timeoutMs: 400 });
    const { port } = broker;
    const call = rejects(client.produce('orders', 'a'), { code: 'TIMEOUT' });
    await broker.request('produce');
    await broker.close();
    await call;
    await broker.listen(port);
    await broker.request('resume');
    await eventually('an answer', () => client.ping());
    assert.is(broker.count('produce'), 1);
    await client.close();
  }),
);

test(
  'a call that finds no broker has a deadline too',
  withBroker(async (broker) => {
    const client = await connect(broker.url, { timeoutMs: 400 });
    await broker.close();
    await eventually('the break', () => !client.isConnected, { intervalMs: 0 });
    await rejects(client.produce('orders', 'a'), { code: 'TIMEOUT' });
    await rejects(client.receive('orders'), { code: 'TIMEOUT' });
    await client.close();
  }),
);

test(
  'an answer that comes after the deadline is nobody’s, and its messages go back',
  withFake(
    async (broker, client) => {
      await rejects(client.receive('orders'), { code: 'TIMEOUT' });
      const receive = await broker.request('receive');
      assert.is((await broker.request('cancel')).target, receive.id);
      broker.connection.deliver(receive.id, [{ id: 5 }]);
      assert.equal((await broker.request('release')).receipts, ['5-1005']);
    },
    { timeoutMs: 400 },
  ),
);

test(
  'pings are answered, and a silent broker is left after three unanswered ones',
  withBroker(async (broker) => {
    broker.greeting = { pingMs: 20 };
    const client = await connect(broker.url);
    broker.connection.ping(17);
    assert.is((await broker.request('pong')).pingNumber, 17);
    const answered = await eventually('pings of the client', () => broker.count('ping') >= 2);
    assert.ok(answered);
    assert.is(broker.count('hello'), 1, 'an answered ping keeps the connection');
    broker.behaviours.delete('ping');
    const before = broker.count('ping');
    await broker.connected(2);
    assert.is(broker.connections[0]!.seen.filter(({ name }) => name === 'ping').length, before + 3);
    await client.close();
  }),
);

test(
  'a program that computes for long does not lose answers that are there',
  withFake(
    async (broker, client) => {
      const call = client.produce('orders', 'a');
      const produce = await broker.request('produce');
      // Timers come next in the loop then, and sockets after them.
      await nextTurn();
      broker.connection.produced(produce.id, [1, 1]);
      const untilMs = performance.now() + 500;
      while (performance.now() < untilMs);
      assert.is(await call, 1);
    },
    { timeoutMs: 400 },
  ),
);

test(
  'a refusal that passes is told, and a drained broker is waited for',
  withFake(async (broker, client) => {
    const call = rejects(client.produce('orders', 'a'), { code: 'DRAINING', retryAfterMs: 70 });
    const { id } = await broker.request('produce');
    broker.connection.error(id, 'DRAINING', { retryAfterMs: 70 });
    await call;
    broker.connection.break();
    await broker.connected(2);
    const again = client.produce('orders', 'a');
    const produce = await broker.request('produce');
    broker.connection.produced(produce.id, [2, 1]);
    assert.is(await again, 2);
  }),
);

test.run();
