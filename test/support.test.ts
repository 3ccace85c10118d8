// What the other tests lean on: it must fail when it should.

import { existsSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commitOfSources } from './support/commit.ts';
import { eventually } from './support/eventually.ts';
import { run, type TestProcess, withProcesses } from './support/processes.ts';
import { seededRandom } from './support/random.ts';
import { rejects } from './support/rejects.ts';
import { withTemporary } from './support/temporary.ts';
import { within } from './support/within.ts';

const node = process.execPath;
const stays = ['-e', 'console.log("ready 7"); setInterval(() => {}, 1000);'];

test('a temporary directory is gone afterwards, also after a failure', async () => {
  let path = '';
  const error = await rejects(
    withTemporary((given) => {
      path = given;
      assert.ok(existsSync(path));
      throw new Error('failed inside');
    }),
  );
  assert.is(error.message, 'failed inside');
  assert.not(existsSync(path));
});

test('a run says of which commit it is, where that can be known', async () => {
  assert.match(commitOfSources(), /^([0-9a-f]{7,}(-dirty)?|unknown)$/);
  const outside = await withTemporary((path) => Promise.resolve(commitOfSources(path)));
  assert.is(outside, 'unknown');
});

test('eventually returns what came true, and else says what did not', async () => {
  let count = 0;
  assert.is(await eventually('a count of 3', () => ++count >= 3 && count), 3);
  const never = eventually('the impossible', () => false, { deadlineMs: 20 });
  await rejects(never, { message: 'not within 20 ms: the impossible' });
  const cause = new Error('not yet');
  const throws = eventually('a calm check', () => Promise.reject(cause), { deadlineMs: 20 });
  await rejects(throws, { cause });
});

test('eventually without an interval looks once a turn', async () => {
  let [turns, looks, isOver] = [0, 0, false];
  const turn = () => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await eventually('20 looks', () => ++looks === 20, { intervalMs: 0 });
  isOver = true;
  assert.ok(turns >= 18 && turns <= 22, `${turns} turns`);
});

test('within names the test that took too long', async () => {
  const body = within(20, () => new Promise<void>(() => {}));
  await rejects(body({ __test__: 'slow' }), { message: 'slow took more than 20 ms' });
  await within(1000, () => {})({});
});

test('rejects fails for a promise that resolves, or rejects otherwise', async () => {
  const gone = Object.assign(new Error('gone'), { code: 'GONE' });
  assert.is(await rejects(Promise.reject(gone), { code: 'GONE' }), gone);
  await rejects(rejects(Promise.resolve(1), { code: 'GONE' }), { name: 'Assertion' });
  await rejects(rejects(Promise.reject(gone), { code: 'BUSY' }), { name: 'Assertion' });
});

test('one seed gives one sequence', () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 1000 }, () => random.integer(1, 6));
  };
  assert.equal(draw(1), draw(1));
  assert.not.equal(draw(1), draw(2));
  assert.equal([...new Set(draw(3))].sort(), [1, 2, 3, 4, 5, 6]);
  const shuffled = seededRandom(4).shuffle(draw(5));
  assert.equal(shuffled.toSorted(), draw(5).toSorted());
});

test('a process is waited for by what it prints, and ended by its ID', () =>
  withProcesses(async (start) => {
    const process = start(node, stays);
    assert.is((await process.line(/^ready (\d+)$/))[1], '7');
    assert.ok(process.isRunning);
    assert.equal(await process.end(), { code: null, signal: 'SIGTERM' });
    await rejects(process.line(/^never$/), {});
  }));

test('no process outlives its body', async () => {
  let process: TestProcess | undefined;
  await rejects(
    withProcesses(async (start) => {
      process = start(node, stays);
      await process.line(/^ready/);
      throw new Error('failed inside');
    }),
    { message: 'failed inside' },
  );
  assert.not(process!.isRunning);
});

test('a command is run to its end', async () => {
  const script = 'process.stdin.pipe(process.stdout); console.error(process.env.WORD);';
  const result = await run(node, ['-e', script], { input: 'echoed', env: { WORD: 'given' } });
  assert.equal(result, { code: 0, signal: null, stdout: 'echoed', stderr: 'given\n' });
});

test.run();
