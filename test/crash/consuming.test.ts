// The consumers of the crash tests against a broker that nobody kills: their histories tell how each
// lease ended, so that the checker finds nothing where nothing is wrong.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bodyOf } from '../../src/cli/torture/body.ts';
import { Checker, violationNames } from '../../src/cli/torture/checker.ts';
import { Consumer, type ConsumerManner } from '../../src/cli/torture/consuming.ts';
import { History } from '../../src/cli/torture/history.ts';
import { type Client, connect } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { eventually } from '../support/eventually.ts';
import { seededRandom } from '../support/random.ts';
import { withTemporary } from '../support/temporary.ts';

const queue = 'crash';
const produced = 5;
const usual: ConsumerManner = { heldMax: 100, visibilitiesMs: [20_000] };

/**
 * All is taken for drained while a consumer's receive is under way, and it gets messages. The
 * consumer ends, its client says goodbye, and another one takes what is left. Returns what the
 * checker says.
 */
async function endWhileReceiving(directory: string, url: string, manner: ConsumerManner) {
  const path = join(directory, 'history.jsonl');
  const history = new History(path);
  const client = await connect(url);
  const other = await connect(url);
  let isDrained = false;
  const random = seededRandom(1);
  const ends = { isDrained: () => isDrained, isDraining: () => true, acked: () => {} };
  const consumer = (name: string, its: Client) =>
    new Consumer({ client: its, settler: its, queue, history, random, name, ...ends });
  history.write({ what: 'produce', key: 'a', count: produced });
  const bodies = Array.from({ length: produced }, (_, at) => bodyOf(`a/${at}`, 0));
  const ids = await other.produceMany(queue, bodies);
  history.write({ what: 'produced', key: 'a', ids });
  const first = consumer('first', client).receive(manner);
  isDrained = true;
  await first;
  await client.close();
  const isEmpty = async () => {
    const { ready, inFlight } = await other.getQueue(queue);
    return ready === 0 && inFlight === 0;
  };
  isDrained = false;
  const rest = consumer('rest', other).receive(usual);
  await eventually('all is settled', isEmpty);
  isDrained = true;
  await rest;
  await other.close();
  const checker = new Checker();
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  for (const line of lines) checker.read(JSON.parse(line));
  return { verdict: checker.judge(), violations: checker.violations };
}

const manners: Record<string, ConsumerManner> = {
  'in batches': usual,
  'with acks in its receives': { ...usual, acksInReceive: true },
  'with detached leases': { ...usual, detached: true },
};

for (const [title, manner] of Object.entries(manners)) {
  test(`a consumer ${title} settles also what it gets when all seemed drained`, () =>
    withTemporary(async (directory) => {
      const dataDir = join(directory, 'data');
      mkdirSync(dataDir);
      const broker = await startBroker({ dataDir, port: 0 });
      try {
        const { verdict, violations } = await endWhileReceiving(directory, broker.url, manner);
        assert.equal(violations, []);
        assert.not(violationNames.some((name) => verdict[name] > 0));
        assert.is(verdict.acked, produced);
      } finally {
        await broker.stop();
      }
    }));
}

test.run();
