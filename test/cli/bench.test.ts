// `wonderq bench` over a broker of its own and over one that runs: figures for every workload, and
// nothing left behind.
// limit: 120 s

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { main, serve, urlOf, wonderq } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { withProcesses } from '../support/processes.ts';
import { withTemporary } from '../support/temporary.ts';

const small = ['--seconds', '1', '--connections', '2', '--in-flight', '10', '--json'];

test('a broker of its own is measured, and goes with its log', () =>
  withTemporary(async (directory) => {
    const { code, stdout, stderr } = await wonderq('bench', ...small, '--dir', directory);
    assert.is(code, 0, stderr);
    const { diskSync, workloads } = JSON.parse(stdout);
    assert.ok(diskSync.count > 0 && diskSync.p50Ms > 0);
    const names = workloads.map(({ workload }: { workload: string }) => workload);
    assert.equal(names, ['produce', 'cycle', 'latency']);
    for (const figures of workloads) {
      const { messagesPerSecond, serverCpuUs, clientCpuUs, confirm } = figures;
      const all = [messagesPerSecond, serverCpuUs, clientCpuUs, confirm.p50Ms];
      assert.ok(
        all.every((figure) => figure > 0),
        JSON.stringify(figures),
      );
    }
    assert.ok(workloads[2].deliver.p50Ms > 0);
    assert.equal(readdirSync(directory), []);
  }));

test('a broker that runs is measured in a queue that goes afterwards', () =>
  withTemporary((directory) =>
    withProcesses(async (start) => {
      const url = await urlOf(serve(start, directory));
      const bench = ['bench', 'cycle', ...small, '--dir', directory, '--url', url];
      const { code, stdout, stderr } = await wonderq(...bench);
      assert.is(code, 0, stderr);
      assert.is(JSON.parse(stdout).broker, url);
      const stats = await wonderq('stats', '--json', '--url', url);
      assert.equal(JSON.parse(stats.stdout).queues, []);
    }),
  ));

test('a bench that is killed takes its broker with it', () =>
  withTemporary((directory) =>
    withProcesses(async (start) => {
      const words = ['bench', 'latency', '--seconds', '60', '--dir', directory];
      const bench = start(process.execPath, [...main, ...words]);
      const lock = () => {
        const [dataDir] = readdirSync(directory).filter((name) =>
          name.startsWith('wonderq-bench-'),
        );
        const lockFile = join(directory, dataDir!, 'log', 'lock');
        return JSON.parse(readFileSync(lockFile, 'utf8')).processId as number;
      };
      const brokerId = await eventually('its broker runs', lock, { deadlineMs: 30_000 });
      await bench.end('SIGKILL');
      const isGone = () => {
        const status = readFileSync(`/proc/${brokerId}/status`, 'utf8');
        return /^State:\s+Z/m.test(status);
      };
      const isOver = () => !existsSync(`/proc/${brokerId}`) || isGone();
      await eventually('it has ended', isOver, { deadlineMs: 30_000 });
    }),
  ));

test('a workload that is not there is wrong usage', async () => {
  const { code, stderr } = await wonderq('bench', 'everything');
  assert.is(code, 64);
  assert.match(stderr, /no workload "everything"/);
});

test.run();
