// Templates as an operator uses them: set, listed, taken by queues that come into being, over restarts
// and a repair, deleted; on the command line and by the client.
// limit: 120 s

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { said, wonderq } from '../support/broker.ts';
import { rejects } from '../support/rejects.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('templates');

test(
  'what is set holds for queues to come, over restarts and a repair',
  temporary(async (directory) => {
    const [dataDir, mended] = [join(directory, 'first'), join(directory, 'mended')];
    let broker = await startBroker({ dataDir, port: 0 });
    let { url } = broker;
    const templates = (...words: string[]) => said('templates', ...words, '--url', url);
    await said('produce', 'orders.old', 'body', '--url', url);
    const flags = ['--failures-max', '1', '--dead-queue', 'dead', '--json'];
    assert.equal(JSON.parse(await templates('set', 'orders.*', ...flags)), { matches: 1 });
    assert.is(await templates('set', 'nobody*'), 'set; 0 queues of such a name there already');
    assert.match(await templates(), /^orders\.\* +failuresMax=1 deadQueue=dead$/m);
    assert.equal(JSON.parse(await templates('delete', 'nobody*', '--json')), {
      deleted: 'nobody*',
    });
    const missing = await wonderq('templates', 'delete', 'nobody*', '--url', url);
    assert.equal([missing.code, /TEMPLATE_NOT_FOUND/.test(missing.stderr)], [1, true]);
    const never = await wonderq('templates', 'set', 'orders/*', '--url', url);
    assert.equal([never.code, /BAD_REQUEST.*pattern/.test(never.stderr)], [64, true]);
    await broker.stop();

    const dump = await said('log', 'dump', '--data-dir', dataDir);
    const records = dump.split('\n').map((line) => JSON.parse(line));
    const told = records.filter(({ kind }) => kind.startsWith('template'));
    assert.equal(
      told.map(({ kind, pattern, failuresMax }) => [kind, pattern, failuresMax]),
      [
        ['templateSet', 'orders.*', 1],
        ['templateSet', 'nobody*', undefined],
        ['templateDeleted', 'nobody*', undefined],
      ],
    );
    await said('log', 'repair', '--data-dir', dataDir, '--to', mended);
    broker = await startBroker({ dataDir: mended, port: 0 });
    ({ url } = broker);
    const settings = { failuresMax: 1, deadQueue: 'dead' };
    assert.equal(JSON.parse(await templates('--json')), [{ pattern: 'orders.*', settings }]);
    await said('produce', 'orders.new', 'poison', '--url', url);
    const { receipt } = JSON.parse(await said('receive', 'orders.new', '--json', '--url', url));
    await said('nack', 'orders.new', receipt, '--url', url);
    assert.match(await said('receive', 'dead', '--url', url), /poison$/);
    await broker.stop();
  }),
);

test(
  'a queue keeps what it took when its template is changed and deleted',
  temporary(async (dataDir) => {
    let broker = await startBroker({ dataDir, port: 0 });
    let client = await connect(broker.url);
    assert.is(await client.setTemplate('orders*', { visibilityMs: 7_000 }), 0);
    await client.setTemplate('orders.eu*', { visibilityMs: 8_000 });
    const visibilityOf = async (queue: string) =>
      ((await client.getQueue(queue)).settings as { visibilityMs: number }).visibilityMs;
    for (const queue of ['orders.eu', 'orders.us', 'other']) await client.produce(queue, 'x');
    assert.is(await client.setTemplate('orders*', { visibilityMs: 9_000 }), 2);
    await client.deleteTemplate('orders.eu*');
    await client.close();
    await broker.stop();
    broker = await startBroker({ dataDir, port: 0 });
    client = await connect(broker.url);
    await client.createQueue('orders.eu.2');
    const queues = ['orders.eu', 'orders.us', 'other', 'orders.eu.2'];
    const found = await Promise.all(queues.map(visibilityOf));
    assert.equal(found, [8_000, 7_000, 30_000, 9_000]);
    assert.equal(await client.templates(), [
      { pattern: 'orders*', settings: { visibilityMs: 9_000 } },
    ]);
    const bad = { code: 'BAD_REQUEST', field: 'pattern' };
    await rejects(client.setTemplate('no such/*', {}), bad);
    await rejects(client.deleteTemplate(''), bad);
    await rejects(client.deleteTemplate('other*'), {
      code: 'TEMPLATE_NOT_FOUND',
      field: 'pattern',
    });
    await client.close();
    await broker.stop();
  }),
);

test.run();
