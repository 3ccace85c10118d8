// `npm run demo`: three programs in one terminal, of which none outlives it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually } from '../support/eventually.ts';
import { type Start, type TestProcess, withProcesses } from '../support/processes.ts';
import { withTemporary } from '../support/temporary.ts';

const root = join(import.meta.dirname, '../..');
const line = { deadlineMs: 30_000 };

/** The demo with its temporary files in `directory`. */
function startDemo(start: Start, directory: string): TestProcess {
  const env = { TMPDIR: directory, NO_COLOR: '1', CONSUMABLE_TIME: '500' };
  const parameters = ['--import', 'tsx', 'examples/demo.ts', '--fast'];
  return start(process.execPath, parameters, { cwd: root, env });
}

function childrenOf({ id }: TestProcess): number[] {
  const children = readFileSync(`/proc/${id}/task/${id}/children`, 'utf8').trim().split(' ');
  assert.ok(children.length >= 3, `broker, producer and consumer, not ${children}`);
  return children.map(Number);
}

function isRunning(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

test('shows messages on their way, and Ctrl-C ends everything in order', () =>
  withTemporary((directory) =>
    withProcesses(async (start) => {
      const demo = startDemo(start, directory);
      await demo.line(/^producer {2}queue[123] \d+ produced$/, line);
      await demo.line(/^consumer {2}queue[123] \d+ acknowledged$/, line);
      const refused = /^consumer {2}queue[123] \d+ took too long .*: (STALE_RECEIPT|GONE)$/;
      await demo.line(refused, line);
      await demo.line(/^queues {4}ready\/in flight: queue1 \d+\/\d+/, line);
      const children = childrenOf(demo);
      demo.signal('SIGINT');
      const ending = await demo.end('SIGINT'); // npm passes on what the terminal has sent already.
      assert.is(ending.code, 0, demo.stdout + demo.stderr);
      assert.equal(children.filter(isRunning), []);
      const kept = readdirSync(directory).filter((name) => name.startsWith('wonderq'));
      assert.equal(kept, []);
      assert.match(
        demo.stdout,
        /\nconsumer {2}ended\n(.*\n)*producer {2}ended\nbroker {4}ended\ndemo/,
      );
      assert.is(demo.stderr, '');
    }),
  ));

test('a demo that is killed takes its programs with it', () =>
  withTemporary((directory) =>
    withProcesses(async (start) => {
      const demo = startDemo(start, directory);
      await demo.line(/^consumer {2}queue[123] \d+ received/, line);
      const children = childrenOf(demo);
      await demo.end('SIGKILL');
      await eventually('no program is left', () => !children.some(isRunning));
    }),
  ));

test.run();
