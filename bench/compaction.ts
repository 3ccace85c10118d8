// What stays on disk under load: `node --import tsx bench/compaction.ts [SECONDS] [PER_SECOND]`.
// Half of what the machine can do of produce and ack, for ten minutes, while 10,000 old messages
// wait; the directory is looked at twice a second. Then all is acknowledged, and after ten seconds
// the broker is started once more. Prints a JSON line at the end.

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, connect } from 'wonderq';
import { BrokerProcess } from './support/broker.ts';

const [seconds = 600, perSecond = 100_000] = process.argv.slice(2).map(Number);
const oldMessages = 10_000;
const bodyBytes = 256;
const batch = 100;
const segmentBytes = 64 * 1024 * 1024;
const lookMs = 500;

const bodies = Array.from({ length: batch }, () => randomBytes(bodyBytes));

/** At an even rate, until it is told to stop; resolves to how many it produced. */
async function produce(client: Client, signal: AbortSignal): Promise<number> {
  const startMs = performance.now();
  let produced = 0;
  while (!signal.aborted) {
    const due = ((performance.now() - startMs) / 1000) * perSecond;
    const frames: Promise<unknown>[] = [];
    for (; produced < due; produced += batch) frames.push(client.produceMany('load', bodies));
    await Promise.all(frames);
    await pause(5);
  }
  return produced;
}

/** Acknowledges what comes, until nothing has come for a second after the end. */
async function consume(client: Client, queue: string, signal: AbortSignal): Promise<number> {
  for (let acked = 0; ; ) {
    const deliveries = await client.receive(queue, { max: batch, waitMs: 1000 });
    if (deliveries.length === 0 && signal.aborted) return acked;
    const outcomes = await client.ack(deliveries);
    acked += outcomes.filter((outcome) => outcome === 'ok').length;
  }
}

/** The worst that was seen of the directory, beside what it may be. */
class Looks {
  count = 0;
  over = 0;
  worst = { fileBytes: 0, liveBytes: 0, boundBytes: 1, share: 0 };

  async look(client: Client): Promise<void> {
    const { log } = await client.stats({ queues: false });
    const { liveBytes } = log as { liveBytes: number };
    const fileBytes = segmentBytesOf(broker);
    const boundBytes = 2 * liveBytes + 4 * segmentBytes;
    const share = fileBytes / boundBytes;
    this.count += 1;
    if (share > 1) this.over += 1;
    if (share > this.worst.share) this.worst = { fileBytes, liveBytes, boundBytes, share };
  }
}

function segmentBytesOf(process: BrokerProcess): number {
  return [...process.segments().values()].reduce((sum, bytes) => sum + bytes, 0);
}

const broker = new BrokerProcess();
await broker.start();
try {
  const open = () => connect(broker.url, { durability: 'fsync', name: 'compaction' });
  const [producer, control, ...consumers] = await Promise.all(Array.from({ length: 6 }, open));
  for (let sent = 0; sent < oldMessages; sent += batch) await producer!.produceMany('old', bodies);
  const stopping = new AbortController();
  const producing = produce(producer!, stopping.signal);
  const consuming = consumers.flatMap((client) =>
    Array.from({ length: 4 }, () => consume(client, 'load', stopping.signal)),
  );
  const looks = new Looks();
  const endMs = performance.now() + seconds * 1000;
  while (performance.now() < endMs) {
    await looks.look(control!);
    await pause(lookMs);
  }
  stopping.abort();
  const produced = await producing;
  const acked = (await Promise.all(consuming)).reduce((sum, count) => sum + count);
  const old = await consume(control!, 'old', stopping.signal);
  await pause(10_000);
  const { log } = await control!.stats({ queues: false });
  const { compactedSegments, compactedBytes } = log as Record<string, number>;
  const segments = broker.segments().size;
  for (const client of [producer!, control!, ...consumers]) await client.close();
  await broker.stop();
  const restartMs = await broker.start();
  const { count, over, worst } = looks;
  const figures = { seconds, perSecond, produced, acked, old, looks: count, over, worst };
  const after = { segments, compactedSegments, compactedBytes, restartMs };
  console.log(JSON.stringify({ figures: 'compaction', ...figures, ...after }));
} finally {
  await broker.remove();
}
