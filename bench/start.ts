// How long a start takes: `node --import tsx bench/start.ts [MESSAGES] [BODY_BYTES]`, in a directory
// with room for them. Fills a log, then in turns reads its files and no more, starts a broker on it,
// and verifies it; prints one JSON line of medians. As root it also takes them with cold caches.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { connect } from 'wonderq';
import { BrokerProcess } from './support/broker.ts';
import { median } from './support/median.ts';

const [messages = 4_000_000, bodyBytes = 16] = process.argv.slice(2).map(Number);
const batch = Math.max(1, Math.min(1000, Math.floor(1_000_000 / bodyBytes)));
const rounds = 5;
const isRoot = process.getuid?.() === 0;

async function fill(broker: BrokerProcess): Promise<void> {
  const client = await connect(broker.url, { durability: 'fsync', name: 'start' });
  const bodies = Array.from({ length: batch }, () => randomBytes(bodyBytes));
  for (let sent = 0; sent < messages; ) {
    const open: Promise<unknown>[] = [];
    for (; open.length < 8 && sent < messages; sent += batch) {
      open.push(client.produceMany('waiting', bodies));
    }
    await Promise.all(open);
  }
  await client.close();
}

function timed(work: () => void): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

const piece = Buffer.alloc(4 * 1024 * 1024);

function readFiles(paths: readonly string[]): number {
  let bytes = 0;
  for (const path of paths) {
    const file = openSync(path, 'r');
    for (;;) {
      const length = readSync(file, piece, 0, piece.length, -1);
      if (length === 0) break;
      bytes += length;
    }
    closeSync(file);
  }
  return bytes;
}

/** What the broker says that reading its log took, without the start of its process. */
async function startMs(broker: BrokerProcess): Promise<number> {
  await broker.start();
  const client = await connect(broker.url, { name: 'start' });
  const { start } = await client.stats({ queues: false });
  await client.close();
  await broker.stop();
  return (start as { tookMs: number }).tookMs;
}

function makeCold(): void {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

const figures: Record<string, number[]> = {};
const note = (name: string, ms: number) => {
  figures[name] = [...(figures[name] ?? []), ms];
};

const broker = new BrokerProcess();
await broker.start();
try {
  await fill(broker);
  await broker.stop();
  const paths = broker.segmentPaths();
  const bytes = readFiles(paths);
  for (let round = 0; round < rounds; round += 1) {
    note(
      'readMs',
      timed(() => readFiles(paths)),
    );
    note('startMs', await startMs(broker));
    note('verifyMs', broker.verify());
    if (!isRoot) continue;
    makeCold();
    note(
      'coldReadMs',
      timed(() => readFiles(paths)),
    );
    makeCold();
    note('coldStartMs', await startMs(broker));
  }
  const medians = Object.fromEntries(
    Object.entries(figures).map(([name, values]) => [name, Math.round(median(values))]),
  );
  const perSecond = Math.round(messages / (median(figures.startMs!) / 1000));
  console.log(
    JSON.stringify({ figures: 'start', messages, bodyBytes, bytes, ...medians, perSecond }),
  );
} finally {
  await broker.remove();
}
