// Looking at messages through the client, against the real broker: pages, an iterator over them, one
// message, and why it is not delivered.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Client, connect, type MessageInfo } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { rejects } from '../support/rejects.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('looking');

function withClient(body: (client: Client) => Promise<void>) {
  return temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    const client = await connect(broker.url, { name: 'looker' });
    try {
      await body(client);
    } finally {
      await client.close();
      await broker.stop();
    }
  });
}

async function all(messages: AsyncIterable<MessageInfo>): Promise<MessageInfo[]> {
  const found: MessageInfo[] = [];
  for await (const message of messages) found.push(message);
  return found;
}

test(
  'all messages of a queue, a page at a time, in the order of delivery',
  withClient(async (client) => {
    const produced = Array.from({ length: 2_500 }, (_, at) => `${at}`);
    // Asked for in the same turn: in front of the look.
    const ids = client.produceMany('orders', produced);
    const urgent = client.produce('orders', 'now', { priority: 3 });
    const shown = await all(client.browse('orders', { limit: 999, bodyBytes: 10 }));
    assert.equal(
      shown.map(({ id }) => id),
      [await urgent, ...(await ids)],
    );
    assert.equal(
      shown.map(({ body }) => body?.toString()),
      ['now', ...produced],
    );
    const { ready, counters } = await client.getQueue('orders');
    assert.equal([ready, (counters as Record<string, number>).delivered], [2_501, 0]);
  }),
);

test(
  'by state, from a cursor on, and no further than is wanted',
  withClient(async (client) => {
    await client.produceMany('orders', ['a', 'b', 'c', 'd']);
    const [held] = await client.receive('orders');
    const ready = await client.browsePage('orders', { state: 'ready', limit: 2 });
    assert.equal(
      ready.messages.map(({ id }) => id),
      [2, 3],
    );
    const rest = await all(client.browse('orders', { after: ready.next }));
    assert.equal(
      rest.map(({ id }) => id),
      [4],
    );
    for await (const { id, client: name, session, deliveryCount } of client.browse('orders')) {
      assert.equal([id, name, session, deliveryCount], [held!.id, 'looker', 1, 1]);
      break;
    }
    assert.equal(await all(client.browse('orders', { state: 'dead' })), []);
    await client.produceMany('orders', new Array(1_500).fill('late'), { delayMs: 60_000 });
    await client.ack([held!, ...(await client.receive('orders', { max: 3 }))]);
    const id = await client.produce('orders', 'behind the late ones');
    await client.receive('orders');
    const behind = await all(client.browse('orders', { state: 'in flight', limit: 4 }));
    assert.is(behind.at(-1)!.id, id, 'a page may be empty and not the last one');
  }),
);

test(
  'one message, with what it carries and how it failed',
  withClient(async (client) => {
    const headers = { tenant: 'a' };
    const id = await client.produce('orders', { item: 7 }, { headers });
    const [held] = await client.receive('orders');
    await client.nack(held!, { reason: 'no stock' });
    const { body, producedMs, failures, ...message } = await client.getMessage('orders', id);
    assert.equal(JSON.parse(String(body)), { item: 7 });
    assert.ok(Math.abs(producedMs - Date.now()) < 60_000);
    const { atMs, ...failed } = failures![0]!;
    assert.ok(Number(atMs) >= producedMs);
    assert.equal(failed, { reason: 'nacked', consumer: 'looker', text: 'no stock' });
    assert.equal(message, {
      ...{ id, state: 'ready', priority: 0, bytes: 40, deliveryCount: 1, failureCount: 1 },
      ...{ bodyBytes: 10, contentType: 'application/json', headers },
    });
    const part = await client.getMessage('orders', id, { bodyFrom: 1, bodyBytes: 6 });
    assert.is(String(part.body), '"item"');
    const none = await client.getMessage('orders', id, { bodyBytes: 0 });
    assert.equal([none.bodyBytes, none.body], [10, undefined]);
    await rejects(client.getMessage('orders', id + 1), { code: 'GONE', field: 'id' });
  }),
);

test(
  'why a message is not delivered',
  withClient(async (client) => {
    const id = await client.produce('orders', 'a', { delayMs: 60_000 });
    const { state, reasons } = await client.why('orders', id);
    assert.is(state, 'delayed');
    assert.is(reasons[0]!.code, 'DELAYED');
    assert.ok(Number(reasons[0]!.untilMs) > Date.now());
    const next = await client.why('orders');
    assert.equal(
      [next.id, next.reasons[0]!.code, next.reasons[0]!.delayed],
      [undefined, 'NONE_READY', 1],
    );
    assert.is((await client.why('orders', 99)).state, 'gone');
    await rejects(client.why('none'), { code: 'QUEUE_NOT_FOUND' });
  }),
);

test(
  'what cannot be asked is refused by name before anything is sent',
  withClient(async (client) => {
    await client.produce('orders', 'a');
    const wrong: readonly [object, string][] = [
      [{ state: 'gone' }, 'state'],
      [{ after: 7 }, 'after'],
      [{ limit: 1_001 }, 'limit'],
      [{ bodyBytes: -1 }, 'bodyBytes'],
      [{ bodyFrom: 0.5 }, 'bodyFrom'],
    ];
    for (const [options, field] of wrong) {
      await rejects(client.browsePage('orders', options), { code: 'BAD_REQUEST', field });
      assert.throws(() => client.browse('orders', options), new RegExp(`^${field} `));
    }
    assert.throws(() => client.browse('?'), /queue name/);
    await rejects(client.browsePage('orders', { after: 'x' }), { field: 'after' });
    await rejects(client.getMessage('orders', 0), { code: 'BAD_REQUEST', field: 'id' });
    await rejects(client.why('orders', 1.5), { code: 'BAD_REQUEST', field: 'id' });
  }),
);

test.run();
