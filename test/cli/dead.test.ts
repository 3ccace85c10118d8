// A message that fails again and again, on the command line as a new user would try it: the setting,
// the nacks, the dead message in the figures and in its trace, over a restart, and redrive. Row E33
// of docs/reliability.md.
// limit: 120 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { said, wonderq } from '../support/broker.ts';
import { rejects } from '../support/rejects.ts';
import { serving } from '../support/serving.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('dead');

async function figuresOf(url: string) {
  const { queues } = JSON.parse(await said('stats', '--json', '--url', url));
  const { ready, inFlight, dead } = queues[0];
  return { ready, inFlight, dead };
}

/** Receives and nacks once; returns the failures told. */
async function fail(url: string): Promise<number> {
  const line = JSON.parse(await said('receive', 'orders', '--json', '--url', url));
  assert.is(await said('nack', 'orders', line.receipt, '--url', url), 'ok');
  return line.failureCount;
}

test(
  'E33: at its maximum it is dead, over a restart too, and can be redriven',
  temporary(async (dataDir) => {
    let broker = await startBroker({ dataDir, port: 0 });
    let { url } = broker;
    await said('queues', 'create', 'orders', '--failures-max', '2', '--url', url);
    const id = await said('produce', 'orders', 'poison', '--url', url);
    assert.equal([await fail(url), await fail(url)], [0, 1]);
    assert.is(await said('receive', 'orders', '--url', url), '');
    assert.equal(await figuresOf(url), { ready: 0, inFlight: 0, dead: 1 });
    const trace = await said('trace', 'orders', id, '--data-dir', dataDir);
    assert.match(trace, /dead: it failed once too often, the last time nacked/);
    await broker.stop();
    broker = await startBroker({ dataDir, port: 0 });
    ({ url } = broker);
    assert.equal(await figuresOf(url), { ready: 0, inFlight: 0, dead: 1 });
    assert.is(await said('redrive', 'orders', '--url', url), 'redriven: 1 message');
    assert.is(await fail(url), 0, 'it begins anew');
    assert.is(await fail(url), 1);
    const again = await wonderq('redrive', 'orders', id, '999', '--json', '--url', url);
    assert.is(again.code, 1);
    const refused = [{ id: '999', code: 'GONE' }];
    assert.equal(JSON.parse(again.stdout), { redriven: 1, refused });
    const line = await said('receive', 'orders', '--ack', '--url', url);
    assert.match(line, new RegExp(`^${id}\t.*\tpoison$`));
    assert.match(await said('trace', 'orders', id, '--data-dir', dataDir), /redriven: ready again/);
    await broker.stop();
  }),
);

test(
  'those that are meant by reason, time and header',
  temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    const { url } = broker;
    await said('queues', 'create', 'orders', '--failures-max', '1', '--url', url);
    const ids: string[] = [];
    for (const [tenant, reason] of [
      ['a', 'no address'],
      ['b', 'no address'],
      ['b', 'too large'],
    ]) {
      const header = `tenant=${tenant}`;
      ids.push(await said('produce', 'orders', 'x', '--header', header, '--url', url));
      const [, receipt] = (await said('receive', 'orders', '--url', url)).split('\t');
      await said('nack', 'orders', receipt!, '--reason', reason!, '--url', url);
    }
    const redriven = async (...flags: string[]) => {
      const { redriven } = JSON.parse(
        await said('redrive', 'orders', ...flags, '--json', '--url', url),
      );
      return redriven;
    };
    assert.is(await redriven('--failed-before', '2020-01-01T00:00:00Z'), 0);
    assert.is(await redriven('--reason', 'no address', '--header', 'tenant=b'), 1);
    const line = JSON.parse(await said('receive', 'orders', '--ack', '--json', '--url', url));
    assert.is(line.id, ids[1]);
    assert.is(await redriven('--failed-from', '2020-01-01T00:00:00Z'), 2);
    const both = await wonderq('redrive', 'orders', ids[0]!, '--reason', 'x', '--url', url);
    assert.equal([both.code, both.stderr.includes('give message IDs, or say which')], [64, true]);
    await broker.stop();
  }),
);

test(
  'a queue can discard instead, and goes back to the default',
  temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    const { url } = broker;
    const discarding = ['--failures-max', '1', '--when-failed', 'discard'];
    await said('queues', 'create', 'orders', ...discarding, '--url', url);
    const id = await said('produce', 'orders', 'poison', '--url', url);
    await fail(url);
    assert.equal(await figuresOf(url), { ready: 0, inFlight: 0, dead: 0 });
    const trace = await said('trace', 'orders', id, '--data-dir', dataDir);
    assert.match(trace, /discarded: it failed once too often/);
    const flags = ['--failures-max', 'default', '--when-failed', 'default', '--json'];
    const queue = JSON.parse(await said('queues', 'configure', 'orders', ...flags, '--url', url));
    assert.equal([queue.settings.failuresMax, queue.settings.whenFailed], [null, 'dead']);
    await broker.stop();
  }),
);

test(
  'a failure is told with its reason, backs off, and leads to a dead-letter queue and back',
  temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    const at = ['--url', broker.url];
    const backing = ['--backoff-ms', '60000', '--backoff', 'exponential', '--failures-max', '2'];
    await said('queues', 'create', 'orders', ...backing, '--dead-queue', 'letters', ...at);
    const id = await said('produce', 'orders', 'poison', ...at);
    for (const delay of [['--delay', '0'], []]) {
      const line = JSON.parse(await said('receive', 'orders', '--json', ...at));
      const why = ['--reason', 'no such address', ...delay];
      assert.is(await said('nack', 'orders', line.receipt, ...why, ...at), 'ok');
    }
    const trace = await said('trace', 'letters', id, '--data-dir', dataDir);
    assert.match(trace, /came back: nacked: "no such address"/);
    assert.match(trace, /moved here: .* the last time nacked: "no such address"/);
    await said('queues', 'configure', 'letters', '--failures-max', '1', ...at);
    const letter = JSON.parse(await said('receive', 'letters', '--json', ...at));
    assert.equal([letter.id, letter.deliveryCount, letter.failureCount], [id, 3, 0]);
    await said('nack', 'letters', letter.receipt, ...at);
    const rate = ['--rate', '1000', '--to', 'orders'];
    assert.is(await said('redrive', 'letters', ...rate, ...at), 'redriven: 1 message');
    const back = JSON.parse(await said('receive', 'orders', '--json', ...at));
    await said('nack', 'orders', back.receipt, ...at);
    const { delayed } = JSON.parse(await said('queues', 'list', '--json', ...at)).find(
      ({ name }: { name: string }) => name === 'orders',
    );
    assert.is(delayed, 1, 'it backs off');
    await broker.stop();
  }),
);

test(
  'more than one request redrives all',
  serving(async (client) => {
    await client.createQueue('orders', { failuresMax: 1 });
    const bodies = Array.from({ length: 2_500 }, (_, index) => `${index}`);
    const ids = await client.produceMany('orders', bodies);
    for (let left = bodies.length; left > 0; ) {
      const deliveries = await client.receive('orders', { max: 500 });
      await client.nack(deliveries);
      left -= deliveries.length;
    }
    const some = await client.redrive('orders', { ids: [...ids.slice(0, 1_100), 7_000_000] });
    assert.equal(some, { redriven: 1_100, refused: [{ id: 7_000_000, code: 'GONE' }] });
    assert.equal(await client.redrive('orders'), { redriven: 1_400, refused: [] });
    assert.equal(await client.redrive('orders', { ids: [ids[0]!] }), {
      redriven: 0,
      refused: [{ id: ids[0], code: 'NOT_DEAD' }],
    });
  }),
);

test(
  'what is out of range is refused by name',
  temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    const client = await connect(broker.url);
    await client.createQueue('orders');
    const wrong: readonly [object, string][] = [
      [{ failuresMax: 0 }, 'settings.failuresMax'],
      [{ failuresMax: 1_000_001 }, 'settings.failuresMax'],
      [{ whenFailed: 'bury' }, 'settings.whenFailed'],
      [{ deadQueue: 'orders' }, 'settings.deadQueue'],
      [{ deadQueue: 'no such name' }, 'settings.deadQueue'],
      [{ deadQueue: 'x', whenFailed: 'discard' }, 'settings.deadQueue'],
      [{ backoff: 'linear' }, 'settings.backoff'],
      [{ backoffMs: 0 }, 'settings.backoffMs'],
    ];
    for (const [settings, field] of wrong) {
      await rejects(client.configureQueue('orders', settings), { code: 'BAD_REQUEST', field });
    }
    await rejects(client.redrive('orders', { ids: [0] }), { code: 'BAD_REQUEST', field: 'ids' });
    await rejects(client.redrive('none'), { code: 'QUEUE_NOT_FOUND' });
    await client.close();
    const ofQueue = ['queues', 'configure', 'orders', '--when-failed', 'x'];
    for (const words of [['redrive', 'orders', 'x'], ofQueue]) {
      assert.is((await wonderq(...words, '--url', broker.url)).code, 64);
    }
    await broker.stop();
  }),
);

test.run();
