// The command line end to end, from source, against a real broker in a process of its own: produce,
// receive, ack, stats, a kill in between, and how refusals end.
// limit: 180 s

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serve, urlOf, wonderq } from '../support/broker.ts';
import { withProcesses } from '../support/processes.ts';
import { withTemporary } from '../support/temporary.ts';

test('a lease taken before a kill is acknowledged after it, by another process', () =>
  withTemporary((directory) =>
    withProcesses(async (start) => {
      const first = serve(start, directory);
      const before = ['--url', await urlOf(first)];
      const produced = await wonderq('produce', 'orders', 'one', 'two\tlines\n', ...before);
      assert.equal(produced.stdout, '1\n2\n');
      const received = await wonderq('receive', 'orders', '--max', '2', ...before);
      const lines = received.stdout.trimEnd().split('\n');
      const [one, two] = lines.map((line) => line.split('\t'));
      assert.equal([one![0], one![2], two![0], two![2]], ['1', 'one', '2', '"two\\tlines\\n"']);
      await first.end('SIGKILL');

      const second = serve(start, directory);
      const after = ['--url', await urlOf(second)];
      const acked = await wonderq('ack', 'orders', one![1]!, one![1]!, '2-7', ...after);
      assert.equal([acked.stdout, acked.code], ['ok\nGONE\nSTALE_RECEIPT\n', 1]);
      const stats = await wonderq('stats', '--json', ...after);
      const { name, ready, inFlight } = JSON.parse(stats.stdout).queues[0];
      assert.equal({ name, ready, inFlight }, { name: 'orders', ready: 0, inFlight: 1 });
      const byId = await wonderq('ack', 'orders', '--current', two![0]!, '1', ...after);
      assert.equal([byId.stdout, byId.code], ['ok\nGONE\n', 1]);
      assert.equal((await second.end('SIGTERM')).code, 0);
    }),
  ));

test('refusals have exit codes of their own', async () => {
  assert.is((await wonderq('receive')).code, 64);
  assert.is((await wonderq('produce', '../x', 'body', '--url', 'wonderq://127.0.0.1:1')).code, 69);
  assert.is((await wonderq('serve', '--port', 'many')).code, 64);
  const [nobody, queues] = [['--url', 'wonderq://127.0.0.1:1'], ['queues']];
  for (const words of [
    ['create', 'orders', '--failures-max', '0'],
    ['pause', 'orders', '--what', 'all'],
  ]) {
    assert.is((await wonderq(...queues, ...words, ...nobody)).code, 64, words.join(' '));
  }
});

test.run();
