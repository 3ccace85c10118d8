// A broker that sends nonsense: the connection ends with a code, the process and the client do not.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/client.ts';
import { printedSeed, seededRandom } from '../support/random.ts';
import { rejects } from '../support/rejects.ts';
import { withBroker, withFake } from './support/fake-broker.ts';
import type { FakeConnection } from './support/fake-connection.ts';

const test = suite('hostile');

const frame = (...bytes: number[]) => Buffer.from([0, 0, 0, bytes.length, ...bytes]);

/** What a connection cannot go on after. `id`: of an open produce of two messages. */
const nonsense: Readonly<Record<string, (connection: FakeConnection, id: number) => void>> = {
  'an empty frame': (connection) => connection.bytes(frame()),
  'a frame beyond the limit': (connection) => connection.bytes(Buffer.from([127, 0, 0, 0, 0x90])),
  'a frame that is no array': (connection) => connection.bytes(frame(0xc0)),
  'an array that is cut off': (connection) => connection.bytes(frame(0x92, 64)),
  'an unknown operation': (connection) => connection.bytes(frame(0x92, 0x7f, 1)),
  'an extension type': (connection) => connection.bytes(frame(0x93, 64, 1, 0xd4, 1, 1)),
  'another kind of answer': (connection, id) => connection.settled(id),
  'fewer IDs than messages': (connection, id) => connection.produced(id, [1, 1]),
  'more IDs than messages': (connection, id) => connection.produced(id, [1, 2, 9, 2 ** 40]),
  'halves of a run': (connection, id) => connection.produced(id, [1]),
};

for (const [what, send] of Object.entries(nonsense)) {
  test(
    `${what} ends the connection, and the call is asked again on the next`,
    withFake(async (broker, client) => {
      const call = client.produceMany('orders', ['a', 'b']);
      const { id } = await broker.request('produce');
      send(broker.connection, id);
      const again = await broker.request('produce');
      assert.is(again.sequence, 1);
      assert.is(broker.connections.length, 2);
      broker.connection.produced(again.id, [1, 2]);
      assert.equal(await call, [1, 2]);
    }),
  );
}

test(
  'nonsense has a code where it ends the client',
  withBroker(async (broker) => {
    const client = await connect(broker.url, { reconnect: false });
    const call = rejects(client.ping(), { code: 'CONNECTION_CLOSED' });
    broker.behaviours.delete('ping');
    broker.connection.bytes(frame(0xc1));
    await call;
    assert.is(((await client.closed).cause as { code?: string }).code, 'BAD_FRAME');
  }),
);

test(
  'codes for other receipts than asked about, and messages beyond the credit, end the connection',
  withFake(async (broker, client) => {
    const acking = client.ack('orders', ['1-1', '2-2']);
    const first = await broker.request('ack');
    broker.connection.settled(first.id, ['GONE']);
    const second = await broker.request('ack');
    broker.connection.settled(second.id);
    assert.equal(await acking, ['ok', 'ok']);
    const consumer = client.consume('orders', () => {}, { prefetch: 0 });
    const { id } = await broker.request('subscribe');
    broker.connection.deliver(id, [{ id: 1 }, { id: 2 }]);
    await broker.request('subscribe');
    assert.is(broker.connections.length, 3);
    await consumer.stop();
  }),
);

test(
  'answers to nothing are passed over, and deliveries to nothing go back',
  withFake(async (broker, client) => {
    const { connection } = broker;
    connection.ok(9999);
    connection.error(9999, 'GONE');
    connection.error(0, 'DRAINING');
    connection.produced(9999, [1, 1]);
    connection.settled(9999);
    connection.ended(9999, 'QUEUE_DELETED');
    connection.deliver(9999, [{ id: 3 }]);
    assert.equal((await broker.request('release')).receipts, ['3-1003']);
    await client.ping();
    assert.is(broker.connections.length, 1);
  }),
);

test(
  'random bytes never end the process, and the client goes on afterwards',
  withBroker(async (broker) => {
    const random = seededRandom(printedSeed('hostile'));
    const client = await connect(broker.url);
    for (let round = 1; round <= 12; round += 1) {
      const body = random.bytes(random.integer(1, 60));
      // Half of them with a length that fits, so that the parser and not only the reader sees them.
      const length = random.chance(0.5) ? body.length : random.uint32();
      const prefix = Buffer.alloc(4);
      prefix.writeUInt32BE(length);
      broker.connection.bytes(Buffer.concat([prefix, body]));
      broker.connection.end(() => {});
      await broker.connected(round + 1);
      await client.ping();
    }
    await client.close();
  }),
);

test.run();
