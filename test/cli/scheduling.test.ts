// Delay, a time not to be delivered before, and time to live, on the command line and by the client
// as a new user would try them: in the figures, in the trace, over a restart.
// limit: 120 s

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDelay, parseTime, parseTimeToLive } from '../../src/cli/parse.ts';
import { type Client, connect } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { said, wonderq } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { rejects } from '../support/rejects.ts';
import { serving } from '../support/serving.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('scheduling');

interface Figures {
  readonly ready: number;
  readonly delayed: number;
  readonly dead: number;
  readonly counters: { readonly timedOut: number };
}

async function figuresOf(client: Client, queue: string): Promise<Figures> {
  return (await client.getQueue(queue)) as unknown as Figures;
}

test(
  'what is produced for later is delayed, over a restart too',
  temporary(async (dataDir) => {
    let broker = await startBroker({ dataDir, port: 0 });
    const { url } = broker;
    const inAYear = new Date(Date.now() + 365 * 86_400_000).toISOString();
    const id = await said('produce', 'mail', 'then', '--not-before', inAYear, '--url', url);
    await said('produce', 'mail', 'now', '--not-before', String(Date.now() - 5), '--url', url);
    assert.match(await said('receive', 'mail', '--ack', '--max', '3', '--url', url), /\tnow$/);
    const trace = await said('trace', 'mail', id, '--data-dir', dataDir);
    assert.match(trace, new RegExp(`priority 0, delayed until ${inAYear}`));
    await broker.stop();
    broker = await startBroker({ dataDir, port: 0 });
    const client = await connect(broker.url);
    const figures = await figuresOf(client, 'mail');
    assert.equal([figures.ready, figures.delayed], [0, 1]);
    await client.close();
    await broker.stop();
  }),
);

test(
  'past its time to live a message is gone, or dead as its queue says',
  temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    const { url } = broker;
    const client = await connect(url);
    const short = await said('produce', 'codes', '654321', '--ttl', '1', '--url', url);
    const isGone = async () => (await figuresOf(client, 'codes')).counters.timedOut === 1;
    await eventually('it expires', isGone);
    const gone = await said('trace', 'codes', short, '--data-dir', dataDir);
    assert.match(gone, /to live until 20.*\n.*expired: its time to live was over/);
    const flags = ['--ttl', '1', '--when-expired', 'dead', '--json'];
    const queue = JSON.parse(await said('queues', 'configure', 'codes', ...flags, '--url', url));
    assert.equal([queue.settings.timeToLiveMs, queue.settings.whenExpired], [1, 'dead']);
    const dead = await client.produce('codes', 'kept');
    const isDead = async () => (await figuresOf(client, 'codes')).dead === 1;
    await eventually('it is dead', isDead);
    const trace = await said('trace', 'codes', String(dead), '--data-dir', dataDir);
    assert.match(trace, /dead: its time to live was over/);
    assert.is(await said('redrive', 'codes', '--url', url), 'redriven: 1 message');
    assert.match(await said('receive', 'codes', '--ack', '--url', url), /\tkept$/);
    await client.close();
    await broker.stop();
  }),
);

test(
  'the client says it in one produce or many, and hears that a message was gone',
  serving(async (client) => {
    await client.produceMany('q', ['a', 'b'], { notBefore: new Date(Date.now() + 50) });
    const deliveries = await client.receive('q', { waitMs: 10_000, max: 2 });
    assert.equal(
      deliveries.map((delivery) => delivery.text()),
      ['a', 'b'],
    );
    const id = await client.produce('other', 'c', { timeToLiveMs: 1_000 });
    const [held] = await client.receive('other', { waitMs: 10_000 });
    assert.is(held!.id, id);
    await eventually('it expires', async () => {
      return (await figuresOf(client, 'other')).counters.timedOut === 1;
    });
    await rejects(client.ack(held!), { code: 'GONE' });
    const farMs = Date.now() + 4_000 * 86_400_000;
    const tooFar = client.produce('q', 'x', { notBefore: farMs });
    await rejects(tooFar, { code: 'BAD_REQUEST', field: 'notBeforeMs' });
  }),
);

test('what cannot be read is refused by the flag', async () => {
  const { code, stderr } = await wonderq('produce', 'q', 'x', '--not-before', 'tomorrow');
  assert.is(code, 64);
  assert.match(stderr, /--not-before must be milliseconds, or a time as 2030-01-31T08:00:00Z/);
  const wrong = ['', '-1', '1.5', '2030-01-31', '2030-01-31T08:00:00', '2030-13-31T08:00:00Z'];
  for (const text of wrong) assert.throws(() => parseTime(text), /must be/, text);
  assert.is(parseTime('1900000000000'), 1_900_000_000_000);
  assert.is(parseTime('2030-01-31T08:00:00.5+01:00'), Date.UTC(2030, 0, 31, 7, 0, 0, 500));
  for (const text of ['0', '316224000001']) assert.throws(() => parseTimeToLive(text), /1 to/);
  assert.throws(() => parseDelay('316224000001'), /to 316224000000/);
});

test.run();
