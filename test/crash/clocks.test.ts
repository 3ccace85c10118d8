// The wall clock of a real process jumps, an hour back and a day forward: nothing changes but the
// gap in its statistics. Row E7 of docs/reliability.md.
// limit: 60 s

import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/client.ts';
import { serve, urlOf } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { withProcesses } from '../support/processes.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('clocks');
const library = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => fs.existsSync(path));

if (library === undefined) {
  test('a wall clock that jumps is left out aloud', () => {
    console.log('not run: a wall clock that jumps (needs libfaketime)');
  });
} else {
  for (const [title, offset, expected] of [
    ['an hour back', '-3600s', { gapMs: 3_600_000, ahead: 'broker' }],
    ['a day forward', '+86400s', { gapMs: 86_400_000, ahead: 'wall' }],
  ] as const) {
    test(
      `E7: a jump of ${title} changes nothing but the gap in stats`,
      temporary((directory) =>
        withProcesses(async (start) => {
          const offsetPath = join(directory, 'offset');
          fs.writeFileSync(offsetPath, '+0s');
          const env = {
            LD_PRELOAD: library,
            FAKETIME_TIMESTAMP_FILE: offsetPath,
            FAKETIME_NO_CACHE: '1',
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
          };
          const broker = serve(start, directory, { env });
          const client = await connect(await urlOf(broker));
          await client.produceMany('orders', ['leased', 'ready']);
          await client.produce('orders', 'delayed', { delayMs: 3_000_000 });
          const [leased] = await client.receive('orders', { visibilityMs: 600_000 });
          const before = await client.getQueue('orders');
          const clock = async () => (await client.stats()).clock as typeof expected;
          assert.ok((await clock()).gapMs < 1000);

          fs.writeFileSync(offsetPath, offset);
          const isSeen = async () => {
            const { gapMs, ahead } = await clock();
            return Math.abs(gapMs - expected.gapMs) < 5000 && ahead === expected.ahead;
          };
          await eventually('the gap is told', isSeen, { deadlineMs: 10_000 });
          const { ready, inFlight, delayed } = await client.getQueue('orders');
          assert.equal({ ready, inFlight, delayed }, { ready: 1, inFlight: 1, delayed: 1 });
          assert.is(before.ready, 1);
          const [short] = await client.receive('orders', { visibilityMs: 300 });
          assert.is(short!.text(), 'ready');
          const [again] = await client.receive('orders', { waitMs: 10_000 });
          assert.is(again!.text(), 'ready', 'a lease ends in its own time');
          await client.ack([leased!, again!]);
          await client.close();
          assert.is((await broker.end()).code, 0);
        }),
      ),
    );
  }
}

test.run();
