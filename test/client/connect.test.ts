// How a client begins and ends: URLs, brokers that are not there or say no, close, and what happens
// to calls then.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatAddress, parseAddress } from '../../src/client/address.ts';
import { connect } from '../../src/client/client.ts';
import { eventually } from '../support/eventually.ts';
import { rejects } from '../support/rejects.ts';
import { FakeBroker, withBroker, withFake } from './support/fake-broker.ts';

const test = suite('connect');

test('a URL is a host and maybe a port', () => {
  assert.equal(parseAddress('wonderq://127.0.0.1:7071'), { host: '127.0.0.1', port: 7071 });
  assert.equal(parseAddress('wonderq://broker.example'), { host: 'broker.example', port: 7070 });
  assert.equal(parseAddress('wonderq://[::1]:7071/'), { host: '::1', port: 7071 });
  assert.is(formatAddress({ host: '::1', port: 7071 }), 'wonderq://[::1]:7071');
});

for (const [url, what] of [
  ['127.0.0.1:7070', /is no URL|must begin with/],
  ['http://127.0.0.1:7070', /must begin with wonderq:/],
  ['wonderq://', /names no host|is no URL/],
  ['wonderq://host:70700', /is no URL/],
  ['wonderq://host:0', /port 0/],
  ['wonderq://name:secret@host', /must carry no user/],
  ['wonderq://host/queue', /must end after the port/],
  ['wonderq://host?x=1', /must end after the port/],
  ['', /is no URL/],
] as const) {
  test(`the URL '${url}' is refused`, async () => {
    const error = await rejects(connect(url), { code: 'BAD_REQUEST', field: 'url' });
    assert.match(error.message, what);
    assert.not(error.message.includes('secret'));
  });
}

test(
  'the hello says who connects and how',
  withBroker(async (broker) => {
    const options = { name: 'worker', token: 'secret', pinged: false };
    const client = await connect(broker.url, options);
    const hello = await broker.request('hello');
    assert.is(hello.clientName, 'worker');
    assert.is(hello.token, 'secret');
    assert.is(hello.pinged, false);
    assert.match(hello.session ?? '', /^[0-9a-f]{32}$/);
    assert.is(client.greeting.broker, 'fake');
    await client.close();
    const other = await connect(broker.url, { session: false });
    assert.is((await broker.request('hello')).session, undefined);
    await other.close();
  }),
);

test('a broker that is not there fails at once without reconnecting', async () => {
  const url = await vacantUrl();
  const error = await rejects(connect(url, { reconnect: false }), { code: 'CONNECT_FAILED' });
  assert.match(error.message, /cannot be reached/);
});

test('a broker that is not there fails when the time is over', async () => {
  const url = await vacantUrl();
  const startMs = performance.now();
  await rejects(connect(url, { timeoutMs: 300 }), { code: 'CONNECT_FAILED' });
  assert.ok(performance.now() - startMs >= 299);
});

test(
  'a broker that does not greet fails when the time is over',
  withBroker(async (broker) => {
    broker.behaviours.delete('hello');
    await rejects(connect(broker.url, { timeoutMs: 100 }), { code: 'CONNECT_FAILED' });
  }),
);

test(
  'a broker that comes later is found',
  withBroker(async (broker) => {
    const { port, url } = broker;
    await broker.close();
    const connecting = connect(url);
    await broker.listen(port);
    await (await connecting).close();
  }),
);

for (const code of ['UNAUTHORIZED', 'UNSUPPORTED_VERSION', 'BAD_REQUEST'] as const) {
  test(
    `a hello refused with ${code} is not repeated`,
    withBroker(async (broker) => {
      broker.behaviours.set('hello', ({ id }, connection) => {
        connection.end(() => connection.error(id, code));
      });
      await rejects(connect(broker.url), { code });
      assert.is(broker.count('hello'), 1);
    }),
  );
}

test(
  'a hello refused for now is repeated, and at the end says why',
  withBroker(async (broker) => {
    broker.behaviours.set('hello', ({ id }, connection) => {
      connection.end(() => connection.error(id, 'DRAINING', { retryAfterMs: 5 }));
    });
    const connecting = rejects(connect(broker.url, { timeoutMs: 1000 }), { code: 'DRAINING' });
    await broker.connected(2);
    await connecting;
  }),
);

test(
  'what listens there may be no broker',
  withBroker(async (broker) => {
    broker.behaviours.set('hello', (_, connection) => {
      connection.bytes(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    await rejects(connect(broker.url), { code: 'FRAME_TOO_LARGE' });
    broker.behaviours.set('hello', ({ id }, connection) => connection.ok(id, { hello: 'world' }));
    await rejects(connect(broker.url), { code: 'BAD_FRAME' });
  }),
);

test('options are checked before anything is connected', async () => {
  const url = 'wonderq://127.0.0.1:1';
  await rejects(connect(url, { timeoutMs: 0 }), { code: 'BAD_REQUEST', field: 'timeoutMs' });
  await rejects(connect(url, { name: 'x'.repeat(200) }), { field: 'name' });
  await rejects(connect(url, { durability: 'none' as never }), { field: 'durability' });
});

test(
  'close says goodbye and ends what waits',
  withBroker(async (broker) => {
    const client = await connect(broker.url);
    const calls = Promise.all([
      rejects(client.produce('orders', 'x'), { code: 'CONNECTION_CLOSED' }),
      rejects(client.receive('orders', { waitMs: 1000 }), { code: 'CONNECTION_CLOSED' }),
    ]);
    await broker.request('produce');
    const unsent = rejects(client.ping(), { code: 'CONNECTION_CLOSED' });
    await Promise.all([client.close(), client.close()]);
    await Promise.all([calls, unsent]);
    assert.is(broker.count('bye'), 1);
    assert.is((await client.closed).code, 'CONNECTION_CLOSED');
    assert.is(client.isConnected, false);
    await rejects(client.produce('orders', 'x'), { code: 'CONNECTION_CLOSED' });
    await rejects(client.ack('orders', ['1-1']), { code: 'CONNECTION_CLOSED' });
    await client.close();
  }),
);

test(
  'close does not wait for a broker that does not answer',
  withBroker(async (broker) => {
    broker.behaviours.delete('bye');
    const client = await connect(broker.url);
    await client.close();
    await eventually('the end of the connection', () => !broker.connection.isOpen);
  }),
);

test(
  'without reconnecting, a lost connection closes the client',
  withBroker(async (broker) => {
    const client = await connect(broker.url, { reconnect: false });
    const call = rejects(client.produce('orders', 'x'), { code: 'CONNECTION_CLOSED' });
    await broker.request('produce');
    broker.connection.break();
    await call;
    await rejects(client.ping(), { code: 'CONNECTION_CLOSED' });
    assert.is(broker.count('hello'), 1);
  }),
);

test(
  'a session taken by another connection closes the client',
  withFake(async (broker, client) => {
    const call = rejects(client.produce('orders', 'x'), { code: 'SESSION_TAKEN' });
    await broker.request('produce');
    broker.connection.end(() => broker.connection.error(0, 'SESSION_TAKEN'));
    await call;
    assert.is((await client.closed).code, 'SESSION_TAKEN');
    await rejects(client.ping(), { code: 'SESSION_TAKEN' });
    assert.is(broker.count('hello'), 1);
  }),
);

/** Where nobody listens any more. */
async function vacantUrl(): Promise<string> {
  const broker = new FakeBroker();
  await broker.listen();
  const { url } = broker;
  await broker.close();
  return url;
}

test.run();
