// Many connections to one broker: too many for its file descriptors, and many that are idle. Rows E18
// and E31 of docs/reliability.md.
// limit: 60 s

import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/client.ts';
import { serveCommand, urlOf } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { type TestProcess, withProcesses } from '../support/processes.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('connections (E18, E31)');
const patience = { deadlineMs: 30_000 };

async function withBroker(
  dataDir: string,
  descriptors: number,
  use: (broker: TestProcess, url: string) => Promise<void>,
): Promise<void> {
  await withProcesses(async (start) => {
    const flags = ['--segment-bytes', String(5 * 2 ** 20)];
    const limited = ['-c', `ulimit -n ${descriptors} && exec "$0" "$@"`];
    const broker = start('sh', [...limited, ...serveCommand(dataDir, { flags })]);
    await use(broker, await urlOf(broker));
  });
}

/** Connections that say nothing; resolves when each is open or closed again. */
async function open(url: string, count: number): Promise<Socket[]> {
  const { port } = new URL(url);
  const sockets = Array.from({ length: count }, () => {
    const socket = createConnection(Number(port), '127.0.0.1');
    // One that is refused may be told by a reset.
    return socket.on('error', () => {}).resume();
  });
  const isKnown = (socket: Socket) => !socket.connecting;
  await eventually('all are answered', () => sockets.every(isKnown), patience);
  return sockets;
}

const openOf = (sockets: readonly Socket[]) =>
  sockets.filter(({ destroyed, readyState }) => !destroyed && readyState === 'open').length;

test(
  'too many connections leave descriptors for the log',
  temporary((dataDir) =>
    withBroker(dataDir, 200, async (broker, url) => {
      const client = await connect(url, { reconnect: false });
      const sockets = await open(url, 300);
      try {
        await eventually('the others are closed', () => openOf(sockets) < 72, patience);
        const body = Buffer.alloc(500_000);
        for (let made = 0; made < 40; made += 1) await client.produce('orders', body);
        const { log } = await client.stats();
        assert.ok((log as { segments: number }).segments > 2, 'segments were made meanwhile');
        assert.match(broker.stderr, /"refused":1,.*too many are open/);
        await client.close();
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    }),
  ),
);

function residentKib(broker: TestProcess): number {
  const status = readFileSync(`/proc/${broker.id}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]);
}

test(
  'an idle connection costs a few kilobytes',
  temporary((dataDir) =>
    withBroker(dataDir, 4096, async (broker, url) => {
      const count = 2000;
      for (const socket of await open(url, 100)) socket.destroy();
      const before = residentKib(broker);
      const sockets = await open(url, count);
      try {
        const { connections } = await (await connect(url, { reconnect: false })).stats();
        // On a busy machine some may have been open for so long that they had to say hello.
        const told = Number(connections);
        assert.ok(told > count / 4, `${told} are open`);
        const each = (residentKib(broker) - before) / told;
        console.log(JSON.stringify({ test: 'idle connections', open: told, kibEach: each }));
        assert.ok(each < 16, `${each} KiB each`);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    }),
  ),
);

test.run();
