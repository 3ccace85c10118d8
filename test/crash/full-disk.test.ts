// A file system that is really full: produce is refused, acks and compaction go on and make room,
// produce goes on again; a broker killed at the fullest starts on it and has everything. Row E17 of
// docs/reliability.md.
// limit: 120 s

import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { whyNot } from '../../src/cli/torture/file-system.ts';
import type { Client } from '../../src/client/client.ts';
import { clientOf, serveCommand, urlOf } from '../support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { run, type Start, type TestProcess, withProcesses } from '../support/processes.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('full disk');
const patience = { deadlineMs: 60_000 };
const imageSize = '64M';
const segmentBytes = 5 * 2 ** 20;
const padding = 'x'.repeat(300 * 1024);

/** A broker that sees the image mounted; the mount ends with it. */
async function serveOn(start: Start, directory: string): Promise<TestProcess> {
  const mounting = 'mount -o loop "$0" "$1" && shift && exec "$@"';
  const [image, at] = [join(directory, 'image'), join(directory, 'mounted')];
  const serving = serveCommand(at, { flags: ['--segment-bytes', String(segmentBytes)] });
  const inOwnMounts = ['--mount', 'sh', '-c', mounting, image, at];
  const mountAndServe = async () => {
    const broker = start('unshare', [...inOwnMounts, ...serving]);
    const isListening = await urlOf(broker).then(
      () => true,
      () => false,
    );
    // The loop device of the one before may take a moment to let go of the image.
    return !isListening && /^mount: /m.test(broker.stderr) ? undefined : broker;
  };
  return await eventually('it is mounted', mountAndServe, patience);
}

/** Produces until it is refused; returns what was confirmed. */
async function fill(client: Client): Promise<string[]> {
  const confirmed: string[] = [];
  for (;;) {
    const body = `${confirmed.length}:`;
    try {
      await client.produce('orders', body + padding);
    } catch (error) {
      assert.is((error as { code?: string }).code, 'DISK_FULL');
      return confirmed;
    }
    confirmed.push(body);
  }
}

/** Receives and acks all that is there; returns it. */
async function empty(client: Client): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const deliveries = await client.receive('orders', { max: 5 });
    if (deliveries.length === 0) return found;
    found.push(...deliveries.map((delivery) => delivery.text().slice(0, -padding.length)));
    await client.ack(deliveries);
  }
}

const reason = await whyNot('ext4');
if (reason !== undefined) {
  test('a disk that is really full is left out aloud', () => {
    console.log(`not run: a disk that is really full, since ${reason}`);
  });
} else {
  test(
    'E17: full, emptied, full again, killed and started on',
    temporary((directory) =>
      withProcesses(async (start) => {
        fs.mkdirSync(join(directory, 'mounted'));
        const image = join(directory, 'image');
        assert.is((await run('truncate', ['-s', imageSize, image])).code, 0);
        assert.is((await run('mkfs.ext4', ['-q', '-F', image])).code, 0);

        const first = await serveOn(start, directory);
        const client = await clientOf(first);
        const confirmed = await fill(client);
        assert.equal((await empty(client)).sort(), [...confirmed].sort());
        const again = () => client.produce('orders', `again:${padding}`);
        await eventually('produce opens again', again, { deadlineMs: 30_000 });
        const more = ['again:', ...(await fill(client))];
        await first.end('SIGKILL');

        const second = await serveOn(start, directory);
        const next = await clientOf(second);
        const refused = await fill(next);
        const found = await empty(next);
        assert.equal(found.sort(), [...more, ...refused].sort());
        await eventually('it opens', () => next.produce('orders', 'last'), { deadlineMs: 30_000 });
        await next.close();
        assert.is((await second.end()).code, 0, second.stderr);
        const counts = { confirmed: confirmed.length + more.length, lost: 0 };
        console.log(JSON.stringify({ test: 'full disk', imageSize, ...counts }));
      }),
    ),
  );
}

test.run();
