// One directory, one broker, by whatever way another one comes to it: a bind mount, other
// namespaces of mounts, processes and networks, a copy. Rows E4, E20, E21, E22 and E23 of
// docs/reliability.md.
// limit: 180 s

import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clientOf, programWords, serve, serveCommand, urlOf } from '../support/broker.ts';
import { run, type Start, type TestProcess, withProcesses } from '../support/processes.ts';
import { rejects } from '../support/rejects.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('locks');
const patience = { deadlineMs: 60_000 };
const holder = [process.execPath, ...programWords('test/log/support/directory-lock-holder.ts')];
const starters = 20;
const lockStaleMs = 10_000;

function check(title: string, body: (directory: string, start: Start) => Promise<void>): void {
  const withStart = (directory: string) => withProcesses((start) => body(directory, start));
  test(title, temporary(withStart));
}

function startAll(start: Start, [command, ...parameters]: string[]): TestProcess {
  return start(command!, parameters);
}

async function bodiesOf(broker: TestProcess): Promise<string[]> {
  const client = await clientOf(broker);
  const deliveries = await client.receive('orders', { max: 10 });
  await client.close();
  return deliveries.map((delivery) => delivery.text());
}

/** In a network of its own, where no socket of the others is seen. */
const ownNetwork = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
const ownProcesses = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** The ways to another view of a directory, which only root may take. */
function waysTo(directory: string): Record<string, string[]> {
  const other = join(directory, 'other');
  fs.mkdirSync(other);
  const bound = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  return {
    'mounts of its own': ['unshare', '--mount', ...serveCommand(join(directory, 'data'))],
    'a bind mount': [
      ...['unshare', '--mount', 'sh', '-c', bound, 'sh', join(directory, 'data'), other],
      ...serveCommand(other),
    ],
    'processes of its own': [...ownProcesses, ...serveCommand(join(directory, 'data'))],
    'a network of its own': [...ownNetwork, ...serveCommand(join(directory, 'data'))],
    'networks and processes of its own': [
      ...[...ownProcesses, ...ownNetwork],
      ...serveCommand(join(directory, 'data')),
    ],
  };
}

/** The process that `unshare` started and waits for. */
function brokerIn({ id }: TestProcess): number {
  return Number(fs.readFileSync(`/proc/${id}/task/${id}/children`, 'utf8'));
}

const isAllowed =
  process.getuid!() === 0 && (await run('unshare', ['--mount', ...ownNetwork, 'true'])).code === 0;
if (!isAllowed) {
  console.log('not run: locks over mounts and namespaces (need root, unshare and iproute2)');
}

check('E21: of many that start on the lock of a dead one, one wins', async (directory, start) => {
  const dead = startAll(start, [...holder, directory]);
  await dead.line(/^locked$/, patience);
  await dead.end('SIGKILL');
  const all = Array.from({ length: starters }, () =>
    startAll(start, [...holder, directory, 'wait']),
  );
  await Promise.all(all.map((process) => process.line(/^ready$/, patience)));
  for (const process of all) process.signal('SIGUSR2');
  const lines = await Promise.all(
    all.map((process) => process.line(/^(locked|refused)/, patience)),
  );
  const winners = lines.filter(([line]) => line === 'locked').length;
  console.log(JSON.stringify({ test: 'starters', starters, winners }));
  assert.is(winners, 1);
});

check('E23: a copy of a directory in use starts alone, told by its epoch', async (at, start) => {
  const [original, copy] = [join(at, 'original'), join(at, 'copy')];
  const first = serve(start, original);
  const client = await clientOf(first);
  await client.produce('orders', 'before the copy');
  fs.cpSync(original, copy, { recursive: true });
  const [delivery] = await client.receive('orders');
  await client.ack(delivery!);
  await client.produce('orders', 'after the copy');
  const second = serve(start, copy);
  assert.equal(await bodiesOf(second), ['before the copy']);
  assert.match(second.stderr, /"epoch":2,/);
  assert.match(first.stderr, /"epoch":1,/);
  const { ready, inFlight } = await client.getQueue('orders');
  assert.equal({ ready, inFlight }, { ready: 1, inFlight: 0 });
  await client.close();
});

if (isAllowed) {
  check('E20, E22: a second one is refused whatever it sees', async (directory, start) => {
    const first = serve(start, join(directory, 'data'));
    const client = await clientOf(first);
    const ways = Object.entries(waysTo(directory));
    for (const [way, command] of ways) {
      const second = startAll(start, command);
      assert.is((await second.ended).code, 75, `${way}: ${second.stderr}`);
      assert.match(second.stderr, /is in use by|is locked by/, way);
    }
    await client.produce('orders', 'still there');
    console.log(
      JSON.stringify({ test: 'second brokers', ways: ways.length, refused: ways.length }),
    );
    await client.close();
  });

  check('E4, E22: one that sleeps while another takes over confirms nothing', async (at, start) => {
    const dataDir = join(at, 'data');
    const first = serve(start, dataDir);
    const client = await clientOf(first);
    await client.produce('orders', 'before');
    first.signal('SIGSTOP');
    const elsewhere = [...ownProcesses, ...ownNetwork, ...serveCommand(dataDir)];
    const refused = startAll(start, elsewhere);
    assert.is((await refused.ended).code, 75);
    // As if it had slept so long: it renews nothing meanwhile.
    const renewed = new Date(Date.now() - lockStaleMs);
    fs.utimesSync(join(dataDir, 'log', 'lock'), renewed, renewed);
    const second = startAll(start, elsewhere);
    await urlOf(second);
    const producing = rejects(client.produce('orders', 'too late'), { code: 'CONNECTION_CLOSED' });
    first.signal('SIGCONT');
    await producing;
    assert.is((await first.ended).code, 75);
    process.kill(brokerIn(second), 'SIGTERM');
    assert.is((await second.ended).code, 0);
    assert.equal(await bodiesOf(serve(start, dataDir)), ['before']);
  });
}

test.run();
