// Limits of a queue on the command line and by the client, as a new user would try them: refused, or the
// oldest dropped; in the figures, in the trace, over a restart.
// limit: 120 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startBroker } from '../../src/server/start-broker.ts';
import { said, wonderq } from '../support/broker.ts';
import { rejects } from '../support/rejects.ts';
import { serving } from '../support/serving.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('overflow');

test(
  'a full queue refuses, or drops its oldest, over a restart too',
  temporary(async (dataDir) => {
    let broker = await startBroker({ dataDir, port: 0 });
    await said('queues', 'create', 'q', '--messages-max', '2', '--url', broker.url);
    await said('produce', 'q', 'a', 'b', '--url', broker.url);
    await broker.stop();
    broker = await startBroker({ dataDir, port: 0 });
    const { url } = broker;
    const refused = await wonderq('produce', 'q', 'c', '--url', url);
    assert.equal([refused.code, refused.stderr.includes('QUEUE_FULL')], [1, true]);
    const flags = ['--when-full', 'drop-oldest', '--bytes-max', String(2 ** 40), '--json'];
    const { settings } = JSON.parse(await said('queues', 'configure', 'q', ...flags, '--url', url));
    const { messagesMax, bytesMax, whenFull } = settings;
    assert.equal([messagesMax, bytesMax, whenFull], [2, 2 ** 40, 'dropOldest']);
    await said('produce', 'q', 'c', '--url', url);
    const { queues } = JSON.parse(await said('stats', '--json', '--url', url));
    assert.equal([queues[0].ready, queues[0].counters.dropped], [2, 1]);
    assert.match(await said('receive', 'q', '--max', '9', '--ack', '--url', url), /\tb\n.*\tc$/);
    await broker.stop();
    assert.match(
      await said('trace', 'q', '1', '--data-dir', dataDir),
      /dropped: the queue was full/,
    );
  }),
);

test(
  'the client hears when to come again, and what cannot be meant',
  serving(async (client, url) => {
    await client.createQueue('q', { bytesMax: 100 });
    const full = { code: 'QUEUE_FULL', field: 'queue', retryAfterMs: 1000 };
    await rejects(client.produceMany('q', ['x'.repeat(60), 'y'.repeat(60)]), full);
    await client.produce('q', 'x'.repeat(60));
    await rejects(client.produce('q', 'y'.repeat(60)), full);
    await client.ack((await client.receive('q'))[0]!);
    await client.produce('q', 'y'.repeat(60));
    const bad = (settings: object, field: string) =>
      rejects(client.configureQueue('q', settings), { code: 'BAD_REQUEST', field });
    await bad({ messagesMax: 0 }, 'settings.messagesMax');
    await bad({ bytesMax: 1.5 }, 'settings.bytesMax');
    await bad({ whenFull: 'drop' }, 'settings.whenFull');
    await bad({ whenFull: 'refuse', bytesMax: null }, 'settings.whenFull');
    await client.configureQueue('q', { bytesMax: null, messagesMax: 7, whenFull: 'refuse' });
    const { settings } = await client.getQueue('q');
    const { messagesMax, bytesMax, whenFull } = settings as Record<string, unknown>;
    assert.equal([messagesMax, bytesMax, whenFull], [7, null, 'refuse']);
    const words = ['queues', 'configure', 'q', '--when-full', 'drop_oldest', '--url', url];
    const { code, stderr } = await wonderq(...words);
    assert.equal([code, stderr.includes('--when-full must be refuse or dropOldest')], [64, true]);
  }),
);

test.run();
