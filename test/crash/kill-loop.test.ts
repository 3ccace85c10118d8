// A broker is killed 20 times at random and at chosen moments while producers and competing
// consumers use it. What the checker notices is shown in checker.test.ts; that answers wait for the
// disk is shown by power-cuts.test.ts, not here. Rows E1, E2, E5, E34 and E35 of
// docs/reliability.md.
// limit: 180 s

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { printedSeed } from '../support/random.ts';
import { runKillLoop } from './support/kill-loop.ts';

const cycles = 20;

if (process.env.WONDERQ_CRASH === undefined) {
  test('the kill loop is left out aloud', () => {
    console.log(`not run: ${cycles} kills, since WONDERQ_CRASH is not set, as by .ci/run`);
  });
} else {
  test('20 kills, at work, at the start and within file calls, lose nothing', async () => {
    const { report, violations } = await runKillLoop({ cycles, seed: printedSeed('kill loop') });
    console.log(JSON.stringify(report));
    assert.equal(violations, []);
    const { confirmed, acked, leasesHonoured, segmentsRemoved, targeted } = report;
    assert.ok(confirmed > 1000 && acked > 1000, 'there was work');
    assert.ok(leasesHonoured > 0, 'leases were held over kills');
    assert.ok(segmentsRemoved > 0, 'segments were compacted away');
    if (targeted === undefined) {
      console.log('not run: kills within file calls, since there is no gcc');
      return;
    }
    const { write, fdatasync, rename, unlink, fsyncdir } = targeted;
    assert.ok(write + fdatasync + rename + unlink + fsyncdir > 0, 'some kills came at their call');
  });
}

test.run();
