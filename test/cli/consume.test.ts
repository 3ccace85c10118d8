// `wonderq consume`: a command that fails gives its message back, one that cannot be started ends
// the whole, and a broker that is not there is told at once.
// limit: 90 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { main, wonderq } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { withProcesses } from '../support/processes.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('consume');
const patience = { deadlineMs: 30_000 };

async function withOrders(
  dataDir: string,
  body: (url: string, queue: () => Promise<Record<string, unknown>>) => Promise<void>,
): Promise<void> {
  const broker = await startBroker({ dataDir, port: 0 });
  const client = await connect(broker.url);
  await client.produceMany('orders', ['good', 'bad']);
  await body(broker.url, () => client.getQueue('orders'));
  await client.close();
  await broker.stop();
}

test(
  'a command that ends with 0 acknowledges, any other gives back for later',
  temporary((dataDir) =>
    withOrders(dataDir, (url, queue) =>
      withProcesses(async (start) => {
        const command = ['sh', '-c', 'grep -q good'];
        const words = ['consume', 'orders', '--url', url, '--delay', '3600000', '--', ...command];
        const consumer = start(process.execPath, [...main, ...words]);
        await eventually('one is delayed', async () => (await queue()).delayed === 1, patience);
        const { ready, inFlight, counters } = await queue();
        assert.equal([ready, inFlight], [0, 0]);
        assert.is((counters as { acked: number }).acked, 1);
        assert.is((await consumer.end('SIGINT')).code, 0);
        assert.match(consumer.stderr, /message \d+: sh ended with 1/);
      }),
    ),
  ),
);

test(
  'a command that cannot be started is wrong usage, and the messages stay',
  temporary((dataDir) =>
    withOrders(dataDir, async (url, queue) => {
      const words = ['consume', 'orders', '--url', url, '--', './nosuch'];
      const { code, stderr } = await wonderq(...words);
      assert.is(code, 64);
      assert.match(stderr, /cannot run it: spawn \.\/nosuch ENOENT/);
      const { ready, inFlight, delayed, counters } = await queue();
      assert.equal([Number(ready) + Number(delayed), inFlight], [2, 0]);
      assert.ok((counters as { nacked: number }).nacked <= 1, 'it is tried once');
    }),
  ),
);

test('a broker that is not there is told at once', async () => {
  for (const words of [
    ['produce', 'orders', 'body'],
    ['consume', 'orders', 'cat'],
  ]) {
    const beganMs = performance.now();
    const nobody = ['--url', 'wonderq://127.0.0.1:1'];
    assert.is((await wonderq(...words, ...nobody)).code, 69);
    assert.ok(performance.now() - beganMs < 15_000, 'it does not wait the 30 s of a call');
  }
});

test.run();
