// Looking at messages on the command line as a new user would: delay, failure, dead, why and redrive
// in one walk, bodies of every kind, and what is not there. Row E37 of docs/reliability.md.
// limit: 180 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { said as outputOf, wonderq } from '../support/broker.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('look');

/** With a broker at this address. */
function withBroker(body: (url: string) => Promise<void>) {
  return temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    try {
      await body(broker.url);
    } finally {
      await broker.stop();
    }
  });
}

function said(url: string, ...words: string[]): Promise<string> {
  return outputOf(...words, '--url', url);
}

/** Cells of a table, without its head. */
function cells(text: string): string[][] {
  const [, ...rows] = text.split('\n');
  return rows.map((row) => row.trim().split(/ {2,}/));
}

test(
  'E37: a walk through delay, failure, dead, why and redrive',
  withBroker(async (url) => {
    await said(url, 'queues', 'create', 'orders', '--failures-max', '1');
    assert.is(await said(url, 'peek', 'orders'), '');
    const id = await said(url, 'produce', 'orders', 'poison', '--delay', '600000');
    const delayed = await said(url, 'why', 'orders', id);
    assert.match(delayed, /^message 1, delayed:\nit is delayed until 20\d\d-/);
    assert.match(
      await said(url, 'why', 'orders'),
      /^no message of queue orders is ready: 1 delayed\n/,
    );

    const next = await said(url, 'produce', 'orders', 'next');
    assert.is(
      await said(url, 'why', 'orders'),
      'message 2, ready:\nnobody waits for messages of queue orders',
    );
    const { receipt } = JSON.parse(await said(url, 'receive', 'orders', '--json'));
    const leased = await said(url, 'why', 'orders', next);
    assert.match(leased, /it is leased to nobody in particular \(a detached lease\) until 20/);
    await said(url, 'nack', 'orders', receipt, '--reason', 'no \u202e stock');
    const dead = await said(url, 'why', 'orders', next);
    assert.is(
      dead,
      'message 2, dead:\nit failed once, the last time nacked: "no \\u202e stock"; ' +
        'it is dead: nobody gets it until it is redriven',
    );
    const rows = cells(await said(url, 'peek', 'orders'));
    assert.equal([rows[0]![0], rows[0]![1], rows[0]!.at(-1)], [id, 'delayed', 'poison']);
    assert.equal(
      rows[1]!.filter((_, at) => at !== 2),
      [...[next, 'dead', '0', '1', '1'], 'nacked: "no \\u202e stock"', 'next'],
    );
    assert.equal(cells(await said(url, 'peek', 'orders', '--state', 'dead'))[0]![0], next);

    await said(url, 'redrive', 'orders', next);
    assert.match(await said(url, 'why', 'orders', next), /^message 2, ready:\n/);
    const again = JSON.parse(await said(url, 'receive', 'orders', '--json', '--ack'));
    assert.equal([again.id, again.deliveryCount], [next, 2], 'to look is no delivery');
    const gone = await wonderq('why', 'orders', next, '--url', url);
    assert.is(gone.code, 1);
    assert.match(
      gone.stdout,
      /^there is no message 2 in queue orders: .*\n.*wonderq trace orders 2\n$/,
    );
  }),
);

test(
  'bodies: a line of each in the table, all of them as JSON, as much as is asked for',
  withBroker(async (url) => {
    const long = 'é'.repeat(40);
    await said(url, 'produce', 'orders', 'plain', 'two\tlines\n', long);
    const client = await connect(url);
    await client.produce('orders', Buffer.from([0xff, 0]), { headers: { tenant: 'a' } });
    await client.close();
    const rows = cells(await said(url, 'peek', 'orders')).map((row) => row.at(-1));
    assert.equal(rows, ['plain', '"two\\tlines\\n"', `${'é'.repeat(24)}...`, 'base64:/wA=']);
    const objects = (text: string) => text.split('\n').map((line) => JSON.parse(line));
    const whole = objects(await said(url, 'peek', 'orders', '--json'));
    assert.equal(
      whole.map(({ id, queue, body, bodyBytes }) => [id, queue, body, bodyBytes]),
      [
        ['1', 'orders', 'plain', 5],
        ['2', 'orders', 'two\tlines\n', 10],
        ['3', 'orders', long, 80],
        ['4', 'orders', '/wA=', 2],
      ],
    );
    const { bodyEncoding, headers, state, deliveryCount } = whole[3];
    assert.equal([bodyEncoding, headers.tenant, state, deliveryCount], ['base64', 'a', 'ready', 0]);
    const cut = objects(await said(url, 'peek', 'orders', '--json', '--bytes', '3', '--max', '3'));
    assert.equal(
      cut.map(({ body }) => body),
      ['pla', 'two', 'é'],
    );
    const none = objects(await said(url, 'peek', 'orders', '4', '1', '--json', '--bytes', '0'));
    assert.equal(
      none.map(({ id, body, bodyBytes }) => [id, body, bodyBytes]),
      [
        ['4', undefined, 2],
        ['1', undefined, 5],
      ],
    );
  }),
);

test(
  'what is not there, and what cannot be asked',
  withBroker(async (url) => {
    const endOf = async (...words: string[]) => {
      const { code, stdout, stderr } = await wonderq(...words, '--url', url);
      return { code, stdout: stdout.trimEnd(), stderr: stderr.trimEnd() };
    };
    for (const command of ['peek', 'why']) {
      const ended = await endOf(command, 'none');
      assert.is(ended.code, 1);
      assert.match(ended.stderr, /^wonderq: QUEUE_NOT_FOUND: queue none does not exist/);
    }
    await said(url, 'produce', 'orders', 'a');
    const some = await endOf('peek', 'orders', '7', '1', '--json');
    assert.equal([some.code, some.stderr], [1, 'wonderq: 7: GONE']);
    assert.is(JSON.parse(some.stdout).body, 'a');
    const why = await endOf('why', 'orders', '7', '--json');
    assert.is(why.code, 1);
    const { queue, id, state, reasons } = JSON.parse(why.stdout);
    assert.equal([queue, id, state], ['orders', '7', 'gone']);
    assert.equal(reasons, [{ code: 'GONE', text: 'no message has had the ID 7 yet', isNew: true }]);
    const wrong = [
      ['peek', 'orders', 'x'],
      ['peek', 'orders', '--state', 'gone'],
      ['peek', 'orders', '1', '--max', '2'],
      ['peek', 'orders', '--bytes', '-1'],
      ['why', 'orders', '0'],
    ];
    for (const words of wrong) assert.is((await endOf(...words)).code, 64, words.join(' '));
  }),
);

test.run();
