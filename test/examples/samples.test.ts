// The sample producer and consumer by themselves, when their broker is away.

import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ownLoopback } from '../../src/cli/loopback.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { run, withProcesses } from '../support/processes.ts';
import { withTemporary } from '../support/temporary.ts';

const root = join(import.meta.dirname, '../..');
const sample = (name: string) => ['--import', 'tsx', `examples/${name}.ts`];

test('producer and consumer go on after a restart of the broker', () =>
  withTemporary((dataDir) =>
    withProcesses(async (start) => {
      const host = ownLoopback();
      const first = await startBroker({ dataDir, host, port: 0 });
      const env = { WONDERQ_URL: first.url, PERIOD_MS: '50', CONSUMABLE_TIME: '200' };
      const producer = start(process.execPath, sample('producer'), { cwd: root, env });
      const consumer = start(process.execPath, sample('consumer'), { cwd: root, env });
      await consumer.line(/^queue[123] \d+ acknowledged$/, { deadlineMs: 30_000 });
      await first.stop();
      const second = await startBroker({ dataDir, host, port: first.port });
      // The counter of IDs jumps at each start.
      await producer.line(/^queue[123] \d{7} produced$/);
      await consumer.line(/^queue[123] \d{7} acknowledged$/, { deadlineMs: 20_000 });
      const endings = await Promise.all([producer.end('SIGTERM'), consumer.end('SIGINT')]);
      await second.stop();
      assert.equal(
        endings.map(({ code }) => code),
        [0, 0],
      );
    }),
  ));

test('without a broker they say so and end', async () => {
  const env = { WONDERQ_URL: 'wonderq://127.0.0.1:1' };
  const runSample = (name: string) => run(process.execPath, sample(name), { cwd: root, env });
  for (const ending of await Promise.all([runSample('producer'), runSample('consumer')])) {
    assert.is(ending.code, 1);
    assert.match(ending.stderr, /^CONNECT_FAILED: wonderq:\/\/127\.0\.0\.1:1 cannot be .*\n$/);
  }
});

test.run();
