/** Data directories as real brokers leave them, to be looked at, broken and compared. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { RecordJournal } from '../../../src/broker/record-journal.ts';
import { connect } from '../../../src/client/client.ts';
import { Disk } from '../../../src/log/disk.ts';
import { FileLog } from '../../../src/log/file-log.ts';
import type { Stamp } from '../../../src/log/log.ts';
import { startBroker } from '../../../src/server/start-broker.ts';
import { blocks, resealBlock, resealHeader } from '../../log/support/damage.ts';
import { wonderq } from '../../support/broker.ts';
import { withTemporary } from '../../support/temporary.ts';

/** Runs `wonderq log ...` to its end. */
export function log(...parameters: string[]) {
  return wonderq('log', ...parameters);
}

const DAY_MS = 86_400_000;

export const logOf = (dataDir: string) => join(dataDir, 'log');

/**
 * Three lives, a segment each: acked, in flight, delayed and ready messages in two queues. What is
 * left is three of `orders` and three of `mails`, long enough that nothing is compacted.
 */
async function liveThrice(dataDir: string): Promise<Map<string, Buffer>> {
  for (let life = 0; life < 3; life += 1) {
    const broker = await startBroker({ dataDir, port: 0 });
    const client = await connect(broker.url, { session: false });
    await client.produceMany('orders', [`a${life}`, `b${life}`]);
    const [first] = await client.receive('orders', { visibilityMs: 3_600_000 });
    if (life < 2) await client.ack(first!);
    await client.produceMany('mails', [`${life}`.repeat(8_000)], { delayMs: 9_000_000 });
    if (life === 2) {
      const [second] = await client.receive('orders', { visibilityMs: 3_600_000 });
      await client.ack(second!);
    }
    await client.close();
    await broker.stop();
  }
  const names = fs.readdirSync(logOf(dataDir));
  return new Map(names.map((name) => [name, fs.readFileSync(join(logOf(dataDir), name))]));
}

let lived: Promise<Map<string, Buffer>> | undefined;

/** The log of those lives, which are lived once for all tests of a file. */
export async function makeLog(dataDir: string, stop: 'clean' | 'unclean'): Promise<void> {
  lived ??= withTemporary(liveThrice);
  const files = await lived;
  fs.mkdirSync(logOf(dataDir), { recursive: true, mode: 0o700 });
  for (const [name, bytes] of files) {
    fs.writeFileSync(join(logOf(dataDir), name), bytes, { mode: 0o600 });
  }
  if (stop === 'unclean') markUnclean(dataDir);
}

/** As a kill leaves it: the checkpoint of a running broker. */
function markUnclean(dataDir: string): void {
  rewrite(join(logOf(dataDir), 'CHECKPOINT'), (bytes) => {
    bytes[14] = 0;
  });
}

/** Changes a checkpoint, or the header of a segment, so that it still checks. */
export function rewrite(path: string, change: (bytes: Buffer) => void): void {
  const bytes = fs.readFileSync(path);
  change(bytes);
  fs.writeFileSync(path, resealHeader(bytes));
}

/** Appends as a broker would that knows nothing of what is in the log; `stamp`: the last one there. */
export async function appendTo(
  dataDir: string,
  write: (log: FileLog, stamp: Stamp) => void,
): Promise<void> {
  const disk = new Disk(logOf(dataDir));
  const log = new FileLog(disk, { reserve: false });
  const { stamp } = await log.open(() => {});
  write(log, stamp);
  await log.close();
  await disk.close();
}

/** A new log that was written over a day from now; returns when. */
export async function makeLogAhead(dataDir: string): Promise<number> {
  const timeMs = Date.now() + DAY_MS + 60_000;
  await appendTo(dataDir, (log) => {
    new RecordJournal(log).started(1);
    log.mark({ timeMs, nextId: 1 });
  });
  return timeMs;
}

export function flip(path: string, offset: number): void {
  const bytes = fs.readFileSync(path);
  bytes[offset]! ^= 1;
  fs.writeFileSync(path, bytes);
}

/** Changes the first record of the last batch, which checks again afterwards; returns where it is. */
function changeRecord(dataDir: string, at: number, byte: number): number {
  const path = segments(dataDir).at(-1)!;
  const bytes = fs.readFileSync(path);
  const { offset } = blocks(bytes).at(-1)!;
  bytes[offset + 56 + at] = byte;
  fs.writeFileSync(path, resealBlock(bytes, offset));
  return offset;
}

/** The last batch holds a record of a kind that nobody knows. */
export const plantUnknownKind = (dataDir: string) => changeRecord(dataDir, 4, 99);

/** It holds one that is longer than the batch, or one whose body says more than it holds. */
export const plantLongRecord = (dataDir: string) => changeRecord(dataDir, 1, 99);
export const plantEndlessNumber = (dataDir: string) => changeRecord(dataDir, 6, 0xff);

export function segments(dataDir: string): string[] {
  const names = fs.readdirSync(logOf(dataDir)).filter((name) => name.endsWith('.wq'));
  return names.sort().map((name) => join(logOf(dataDir), name));
}

/** What may stand in the place of a file and is none; a link leads to a segment that is whole. */
export const noFiles: Record<string, (path: string) => void> = {
  'a directory': (path) => fs.mkdirSync(path),
  'a link to nowhere': (path) => fs.symlinkSync('/nowhere/at/all', path),
  'a link to a segment': (path) => {
    const outside = join(path, '../../outside');
    fs.copyFileSync(join(path, '../0000000001.wq'), outside);
    fs.symlinkSync(outside, path);
  },
  'a pipe': (path) => void execFileSync('mkfifo', [path]),
};

/** Every file and directory with its bytes. */
export function contentsOf(directory: string): Map<string, string> {
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return new Map(names.map((name) => [name, bytesOf(join(directory, name))]));
}

const bytesOf = (path: string) =>
  fs.lstatSync(path).isFile() ? fs.readFileSync(path, 'latin1') : '';

/** As above, with their times and modes. */
export function imageOf(directory: string): Map<string, string> {
  const image = new Map<string, string>();
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' });
  for (const name of ['.', ...names]) {
    const path = join(directory, name);
    const { mtimeNs, ctimeNs, mode } = fs.lstatSync(path, { bigint: true });
    image.set(name, `${mtimeNs} ${ctimeNs} ${mode} ${bytesOf(path)}`);
  }
  return image;
}
