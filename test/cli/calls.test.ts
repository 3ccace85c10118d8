/**
 * Commands against a broker that answers as the test says: what is refused is told on standard
 * error and in the exit code.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DURABILITY } from '../../src/protocol/operations.ts';
import { type FakeBroker, withBroker } from '../client/support/fake-broker.ts';
import { wonderq } from '../support/broker.ts';

const test = suite('calls of the command line');

const wonderqOf = (broker: FakeBroker, ...words: string[]) =>
  wonderq(...words, '--url', broker.url);

test(
  'receive --ack acknowledges what it has printed, tells what was refused, and ends with 1',
  withBroker(async (broker) => {
    const received = wonderqOf(broker, 'receive', 'orders', '--max', '3', '--ack');
    const first = await broker.request('receive');
    broker.connection.deliver(first.id, [{ id: 1 }, { id: 2 }]);
    const settle = await broker.request('ack');
    assert.equal(settle.receipts, ['1-1001', '2-1002']);
    broker.connection.settled(settle.id, [undefined, 'STALE_RECEIPT']);
    const second = await broker.request('receive');
    broker.connection.deliver(second.id, [{ id: 3 }]);
    broker.connection.settled((await broker.request('ack')).id);
    const { code, stdout, stderr } = await received;
    assert.equal(stdout, '1\t1-1001\tbody 1\n2\t2-1002\tbody 2\n3\t3-1003\tbody 3\n');
    assert.equal([code, stderr], [1, 'wonderq: 2-1002: STALE_RECEIPT\n']);
  }),
);

test(
  'receive --ack ends with 0 where every ack holds',
  withBroker(async (broker) => {
    const received = wonderqOf(broker, 'receive', 'orders', '--ack');
    const receive = await broker.request('receive');
    broker.connection.deliver(receive.id, [{ id: 1 }]);
    broker.connection.settled((await broker.request('ack')).id);
    const { code, stderr } = await received;
    assert.equal([code, stderr], [0, '']);
  }),
);

test(
  'produce --durability fsync takes no confirmation at write for one',
  withBroker(async (broker) => {
    const words = ['produce', 'orders', 'body', '--durability', 'fsync'];
    const confirmed = wonderqOf(broker, ...words);
    const first = await broker.request('produce');
    broker.connection.produced(first.id, [7, 1], DURABILITY.fsync);
    assert.equal((await confirmed).stdout, '7\n');

    const refused = wonderqOf(broker, ...words);
    const second = await broker.request('produce');
    broker.connection.produced(second.id, [8, 1], DURABILITY.write);
    const { code, stdout, stderr } = await refused;
    assert.equal([code, stdout], [1, '']);
    assert.match(stderr, /^wonderq: WEAKER_DURABILITY: /);
  }),
);

test.run();
