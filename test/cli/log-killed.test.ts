// A backup, a restore and a repair that are killed at any moment: what they leave is the whole log
// or none, and no broker starts on a part of it. Row E23 of docs/reliability.md.
// limit: 240 s

import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { verdictOn } from '../../src/cli/log/verify.ts';
import { LogDamagedError } from '../../src/errors.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { programWords } from '../support/broker.ts';
import { run } from '../support/processes.ts';
import { temporary } from '../support/temporary.ts';
import { imageOf, log, makeLog } from './support/log-directory.ts';

const test = suite('log backup, restore and repair, killed');
const killed = join(import.meta.dirname, 'support/killed.ts');

/** Commands that make a log in `to` of the one in `from`. */
const commands = {
  backup: (from: string, to: string) => ['backup', '--data-dir', from, '--to', to],
  repair: (from: string, to: string) => ['repair', '--data-dir', from, '--to', to],
};
const restore = (from: string, to: string) => ['restore', '--from', from, '--data-dir', to];

/** Returns whether it was killed: a number beyond its last call lets it end. */
async function isKilledAt(moment: number, parameters: readonly string[]): Promise<boolean> {
  const program = [...programWords('src/cli/main.ts', killed), 'log', ...parameters];
  const env = { KILLED_AT: String(moment) };
  const { code, signal, stderr } = await run(process.execPath, program, { env });
  if (signal !== 'SIGKILL') assert.is(code, 0, stderr);
  return signal === 'SIGKILL';
}

/** What a start there comes to. */
async function startOn(dataDir: string): Promise<'refused' | 'whole'> {
  try {
    const broker = await startBroker({ dataDir, port: 0 });
    await broker.stop();
  } catch (error) {
    if (!(error instanceof LogDamagedError)) throw error;
    assert.match(error.message, /^log\.part, offset 0: .* runs or was cut off/);
    return 'refused';
  }
  assert.is((await verdictOn(dataDir)).messages, 6, 'it starts with all messages');
  return 'whole';
}

for (const [name, command] of Object.entries(commands)) {
  test(
    `${name}: killed before every fifth call`,
    temporary(async (directory) => {
      const from = join(directory, 'data');
      await makeLog(from, 'clean');
      const outcomes: string[] = [];
      for (let moment = 1, wasKilled = true; wasKilled; moment += 5) {
        const to = join(directory, `to-${moment}`);
        wasKilled = await isKilledAt(moment, command(from, to));
        outcomes.push(await startOn(to));
      }
      console.log(JSON.stringify({ test: `killed ${name}`, outcomes: outcomes.join(' ') }));
      assert.ok(outcomes.filter((outcome) => outcome === 'refused').length > 2);
      assert.is(outcomes.at(-1), 'whole');
    }),
  );
}

test(
  'what a killed one left is removed by nobody, and told by all who look',
  temporary(async (directory) => {
    const [from, to] = [join(directory, 'data'), join(directory, 'to')];
    await makeLog(from, 'clean');
    assert.ok(await isKilledAt(8, restore(from, to)));
    const left = imageOf(to);
    const again = await log(...restore(from, to));
    assert.is(again.code, 64);
    assert.match(again.stderr, /log\.part is there: .* runs or was cut off/);
    for (const look of ['verify', 'inspect']) {
      const { code, stderr } = await log(look, '--data-dir', to);
      assert.is(code, 65);
      assert.match(stderr, /^wonderq: log\.part, offset 0: /);
    }
    assert.equal(imageOf(to), left);
    fs.rmSync(join(to, 'log.part'), { recursive: true });
    const { code, stderr } = await log(...restore(from, to));
    assert.is(code, 0, stderr);
    assert.is(await startOn(to), 'whole');
  }),
);

test.run();
