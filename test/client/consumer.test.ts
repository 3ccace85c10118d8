// Consumers: credit, handlers, what becomes of a message, leases that are kept, stop, and what
// happens to all of it when the connection breaks.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Delivery } from '../../src/client/client.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeBroker, withFake } from './support/fake-broker.ts';

const test = suite('consumer');

/** A handler whose calls a test ends one by one. */
class Handling {
  readonly started: Delivery[] = [];
  readonly #ends = new Map<number, (error?: Error) => void>();

  readonly handler = (delivery: Delivery): Promise<void> => {
    this.started.push(delivery);
    return new Promise((resolve, reject) => {
      this.#ends.set(delivery.id, (error) => (error === undefined ? resolve() : reject(error)));
    });
  };

  get ids(): number[] {
    return this.started.map(({ id }) => id);
  }

  end(id: number, error?: Error): void {
    this.#ends.get(id)!(error);
  }
}

function settleAll(broker: FakeBroker): void {
  for (const name of ['ack', 'nack', 'release', 'extend'] as const) {
    broker.behaviours.set(name, ({ id }, connection) => connection.settled(id));
  }
}

test(
  'credit covers the handlers and those that wait, and comes back with each end',
  withFake(async (broker, client) => {
    settleAll(broker);
    const handling = new Handling();
    const options = { concurrency: 2, prefetch: 1, creditBytes: 1000, visibilityMs: 5000 };
    const consumer = client.consume(['orders', 'invoices'], handling.handler, options);
    const subscribe = await broker.request('subscribe');
    assert.equal(subscribe.queues, ['orders', 'invoices']);
    assert.equal([subscribe.creditMessages, subscribe.creditBytes], [3, 1000]);
    assert.equal([subscribe.visibilityMs, subscribe.detached], [5000, false]);
    broker.connection.deliver(subscribe.id, [{ id: 1, body: 'four' }, { id: 2 }, { id: 3 }]);
    await eventually('two handlers', () => handling.started.length === 2);
    handling.end(1);
    const credit = await broker.request('credit');
    // The body's four bytes, and the three that announce the message and its length.
    assert.equal([credit.creditMessages, credit.creditBytes], [1, 7]);
    assert.is(credit.subscription, subscribe.id);
    assert.equal((await broker.request('ack')).receipts, ['1-1001']);
    await eventually('the third handler', () => handling.started.length === 3);
    assert.is(consumer.running, 2);
    handling.end(2);
    handling.end(3);
    await consumer.stop();
    assert.equal((await broker.request('ack')).receipts, ['2-1002', '3-1003']);
  }),
);

test(
  'a handler that throws gives its message back, and the program is told',
  withFake(async (broker, client) => {
    settleAll(broker);
    const told: unknown[] = [];
    const consumer = client.consume(
      'orders',
      (delivery) => {
        throw new Error(`cannot handle ${delivery.id}`);
      },
      {
        onError: (error, delivery) => told.push((error as Error).message, delivery?.id),
        delayMs: ({ deliveryCount }) => deliveryCount * 100,
      },
    );
    const subscribe = await broker.request('subscribe');
    broker.connection.deliver(subscribe.id, [{ id: 4, deliveryCount: 3 }]);
    const nack = await broker.request('nack');
    assert.equal([nack.receipts, nack.delayMs], [['4-1004'], 300]);
    assert.equal(told, ['cannot handle 4', 4]);
    await consumer.stop();
  }),
);

test(
  'a delay that is none is told and taken as 0, and a hook that throws is a warning',
  withFake(async (broker, client) => {
    settleAll(broker);
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.message);
    process.on('warning', onWarning);
    const fail = () => {
      throw new Error('handler');
    };
    const onError = (error: unknown) => {
      throw error;
    };
    const consumer = client.consume('orders', fail, { delayMs: () => Number.NaN, onError });
    const subscribe = await broker.request('subscribe');
    broker.connection.deliver(subscribe.id, [{ id: 4 }]);
    assert.is((await broker.request('nack')).delayMs, 0);
    await eventually('two warnings', () => warnings.length >= 2);
    assert.is(warnings[0], 'handler');
    assert.match(warnings[1]!, /delayMs must be an integer/);
    process.off('warning', onWarning);
    await consumer.stop();
  }),
);

test(
  'a handler that settles its message itself has the last word',
  withFake(async (broker, client) => {
    settleAll(broker);
    const consumer = client.consume('orders', (delivery) => client.release(delivery));
    const subscribe = await broker.request('subscribe');
    broker.connection.deliver(subscribe.id, [{ id: 4 }]);
    await broker.request('release');
    await broker.request('credit');
    await consumer.stop();
    assert.is(broker.count('ack'), 0);
  }),
);

test(
  'leases are extended at half of their time, of running and of waiting messages',
  withFake(async (broker, client) => {
    settleAll(broker);
    const handling = new Handling();
    const consumer = client.consume('orders', handling.handler, { concurrency: 1, prefetch: 1 });
    const subscribe = await broker.request('subscribe');
    const startMs = performance.now();
    broker.connection.deliver(subscribe.id, [{ id: 1 }, { id: 2 }], { visibilityMs: 1500 });
    const extend = await broker.request('extend');
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > 600 && tookMs < 1500, `extended after ${tookMs} ms`);
    assert.equal([extend.receipts, extend.visibilityMs], [['1-1001', '2-1002'], 1500]);
    handling.end(1);
    await broker.request('ack');
    await eventually('extension of the other alone', () =>
      broker.seen.some(({ name, receipts }) => name === 'extend' && receipts.length === 1),
    );
    handling.end(2);
    await consumer.stop();
  }),
);

test(
  'the lease of a handler that has run for its time is extended no further',
  withFake(async (broker, client) => {
    settleAll(broker);
    const handling = new Handling();
    const options = { runMsMax: 700 };
    const consumer = client.consume('orders', handling.handler, options);
    const subscribe = await broker.request('subscribe');
    broker.connection.deliver(subscribe.id, [{ id: 1 }, { id: 2 }], { visibilityMs: 600 });
    const extensionsOf = (receipt: string) =>
      broker.seen.filter(({ name, receipts }) => name === 'extend' && receipts.includes(receipt));
    // The second one waits for its handler all the while.
    await eventually('five of the one that waits', () => extensionsOf('2-1002').length >= 5);
    const times = extensionsOf('1-1001').map(({ visibilityMs }) => visibilityMs!);
    assert.ok(times.length <= 3 && times.at(-1)! < 600, `${times}`);
    handling.end(1);
    await eventually('the second handler', () => handling.started.length === 2);
    handling.end(2);
    await consumer.stop();
  }),
);

test(
  'a waiting message whose lease is lost gets no handler',
  withFake(async (broker, client) => {
    settleAll(broker);
    broker.behaviours.set('extend', ({ id, receipts }, connection) => {
      connection.settled(
        id,
        receipts.map((receipt) => (receipt[0] === '2' ? 'GONE' : undefined)),
      );
    });
    const handling = new Handling();
    const consumer = client.consume('orders', handling.handler, { concurrency: 1, prefetch: 2 });
    const subscribe = await broker.request('subscribe');
    const messages = [{ id: 1 }, { id: 2 }, { id: 3 }];
    broker.connection.deliver(subscribe.id, messages, { visibilityMs: 100 });
    await broker.request('extend');
    await broker.request('extend'); // The answer to the first one has been read.
    handling.end(1);
    await eventually('the third', () => handling.ids.includes(3));
    assert.equal(handling.ids, [1, 3]);
    handling.end(3);
    await consumer.stop();
  }),
);

test(
  'stop gives back what no handler has begun with, and waits for the others',
  withFake(async (broker, client) => {
    settleAll(broker);
    const handling = new Handling();
    const options = { concurrency: 1, prefetch: 3 };
    const consumer = client.consume('orders', handling.handler, options);
    const subscribe = await broker.request('subscribe');
    broker.connection.deliver(subscribe.id, [{ id: 1 }, { id: 2 }, { id: 3 }]);
    await eventually('a handler', () => handling.started.length === 1);
    let isStopped = false;
    const stopping = consumer.stop().then(() => {
      isStopped = true;
    });
    assert.equal((await broker.request('release')).receipts, ['2-1002', '3-1003']);
    assert.is((await broker.request('unsubscribe')).subscription, subscribe.id);
    // One that was on its way.
    broker.connection.deliver(subscribe.id, [{ id: 4 }]);
    assert.equal((await broker.request('release')).receipts, ['4-1004']);
    assert.is(isStopped, false);
    handling.end(1);
    await stopping;
    assert.equal((await broker.request('ack')).receipts, ['1-1001']);
    assert.equal(handling.ids, [1]);
    assert.is(await consumer.ended, undefined);
  }),
);

test(
  'a signal stops it',
  withFake(async (broker, client) => {
    const controller = new AbortController();
    const consumer = client.consume('orders', () => {}, { signal: controller.signal });
    await broker.request('subscribe');
    controller.abort();
    await consumer.ended;
    assert.is(broker.count('unsubscribe'), 1);
  }),
);

test(
  'after a break the subscription is taken up with the credit that is left',
  withFake(async (broker, client) => {
    settleAll(broker);
    const handling = new Handling();
    const options = { concurrency: 2, prefetch: 2, creditBytes: 100 };
    const consumer = client.consume('orders', handling.handler, options);
    const subscribe = await broker.request('subscribe');
    const messages = [1, 2, 3].map((id) => ({ id, body: 'x'.repeat(40) }));
    broker.connection.deliver(subscribe.id, messages);
    await eventually('two handlers', () => handling.started.length === 2);
    broker.connection.break();
    const resume = await broker.request('resume');
    assert.equal(resume.grouped, ['orders 1-1001', 'orders 2-1002', 'orders 3-1003']);
    const again = await broker.request('subscribe');
    // One message is left of four. The bytes are used up, and 0 would mean no bound.
    assert.equal([again.creditMessages, again.creditBytes], [1, 1]);
    handling.end(1);
    handling.end(2);
    assert.equal((await broker.request('ack')).receipts, ['1-1001', '2-1002']);
    await eventually('the third', () => handling.ids.includes(3));
    handling.end(3);
    await consumer.stop();
  }),
);

test(
  'a lost session: what waits is dropped, what runs is told by its ack',
  withFake(async (broker, client) => {
    settleAll(broker);
    broker.behaviours.set('ack', ({ id }, connection) => connection.settled(id, ['STALE_RECEIPT']));
    const handling = new Handling();
    const codes: unknown[] = [];
    const consumer = client.consume('orders', handling.handler, {
      concurrency: 1,
      prefetch: 1,
      onError: (error, delivery) => codes.push((error as { code: string }).code, delivery?.id),
    });
    const subscribe = await broker.request('subscribe');
    broker.connection.deliver(subscribe.id, [{ id: 1 }, { id: 2 }]);
    await eventually('a handler', () => handling.started.length === 1);
    broker.forgetSessions();
    broker.connection.break();
    const again = await broker.request('subscribe');
    assert.is(again.creditMessages, 1);
    handling.end(1);
    await eventually('the error', () => codes.length === 2);
    assert.equal(codes, ['STALE_RECEIPT', 1]);
    broker.connection.deliver(again.id, [{ id: 2, token: 77 }]);
    await eventually('the second', () => handling.started.length === 2);
    assert.is(handling.started[1]!.token, 77);
    broker.behaviours.set('ack', ({ id }, connection) => connection.settled(id));
    handling.end(2);
    await consumer.stop();
  }),
);

test(
  'an ack that is refused for now is asked again, so that the work is not done twice',
  withFake(async (broker, client) => {
    const consumer = client.consume('orders', () => {});
    const subscribe = await broker.request('subscribe');
    broker.connection.deliver(subscribe.id, [{ id: 1 }]);
    const first = await broker.request('ack');
    broker.connection.error(first.id, 'UNAVAILABLE', { retryAfterMs: 5 });
    const second = await broker.request('ack');
    assert.ok(second.sequence > first.sequence);
    broker.connection.settled(second.id);
    await consumer.stop();
  }),
);

test(
  'the broker ends a subscription: the program is told, and it is over',
  withFake(async (broker, client) => {
    const codes: string[] = [];
    const onError = (error: unknown) => codes.push((error as { code: string }).code);
    const consumer = client.consume('orders', () => {}, { onError });
    const subscribe = await broker.request('subscribe');
    broker.connection.ended(subscribe.id, 'QUEUE_DELETED');
    assert.is((await consumer.ended)?.code, 'QUEUE_DELETED');
    assert.equal(codes, ['QUEUE_DELETED']);
    await consumer.stop();
  }),
);

test(
  'a subscription that is refused for now is asked for again',
  withFake(async (broker, client) => {
    broker.behaviours.set('subscribe', ({ id }, connection) => {
      broker.behaviours.set('subscribe', () => connection.ok(id));
      connection.error(id, 'BUSY', { retryAfterMs: 5 });
    });
    const consumer = client.consume('orders', () => {});
    await broker.request('subscribe');
    await broker.request('subscribe');
    await consumer.stop();
  }),
);

test(
  'closing the client ends its consumers',
  withFake(async (broker, client) => {
    const handling = new Handling();
    const codes: string[] = [];
    const onError = (error: unknown) => codes.push((error as { code: string }).code);
    const consumer = client.consume('orders', handling.handler, { prefetch: 1, onError });
    const subscribe = await broker.request('subscribe');
    broker.connection.deliver(subscribe.id, [{ id: 1 }, { id: 2 }]);
    await eventually('a handler', () => handling.started.length === 1);
    await client.close();
    handling.end(1);
    assert.is((await consumer.ended)?.code, 'CONNECTION_CLOSED');
    assert.equal(codes, ['CONNECTION_CLOSED'], 'the ack that could not be sent');
  }),
);

test.run();
