/** Data directories as real brokers leave them, to be looked at, broken and compared. */
import fs from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { connect } from '../../../src/client/client.ts';
import { startBroker } from '../../../src/server/start-broker.ts';
import { blocks, resealBlock } from '../../log/support/damage.ts';
import { run } from '../../support/processes.ts';

const main = join(import.meta.dirname, '../../../src/cli/main.ts');

const fromSource = ['--import', 'tsx', main];

/** Runs `wonderq log ...` to its end. */
export function log(...parameters: string[]) {
  return run(process.execPath, [...fromSource, 'log', ...parameters]);
}

export const logOf = (dataDir: string) => join(dataDir, 'log');

/**
 * Three lives, a segment each: acked, in flight, delayed and ready messages in two queues. What is
 * left is three of `orders` and three of `mails`, long enough that nothing is compacted.
 */
export async function makeLog(dataDir: string, stop: 'clean' | 'unclean'): Promise<void> {
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
  if (stop === 'unclean') markUnclean(dataDir);
}

/** As a kill leaves it: the checkpoint of a running broker. */
function markUnclean(dataDir: string): void {
  const path = join(logOf(dataDir), 'CHECKPOINT');
  const bytes = fs.readFileSync(path);
  bytes[14] = 0;
  bytes.writeUInt32BE(crc32(bytes.subarray(12)), 8);
  fs.writeFileSync(path, bytes);
}

export function flip(path: string, offset: number): void {
  const bytes = fs.readFileSync(path);
  bytes[offset]! ^= 1;
  fs.writeFileSync(path, bytes);
}

/** The last batch holds a record of a kind that nobody knows, and checks. */
export function plantUnknownKind(dataDir: string): void {
  const path = segments(dataDir).at(-1)!;
  const bytes = fs.readFileSync(path);
  const { offset } = blocks(bytes).at(-1)!;
  bytes[offset + 56 + 4] = 99;
  fs.writeFileSync(path, resealBlock(bytes, offset));
}

export function segments(dataDir: string): string[] {
  const names = fs.readdirSync(logOf(dataDir)).filter((name) => name.endsWith('.wq'));
  return names.sort().map((name) => join(logOf(dataDir), name));
}

/** Every file and directory with its bytes and times. */
export function imageOf(directory: string): Map<string, string> {
  const image = new Map<string, string>();
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' });
  for (const name of ['.', ...names]) {
    const path = join(directory, name);
    const { mtimeNs, ctimeNs, mode } = fs.statSync(path, { bigint: true });
    const bytes = fs.statSync(path).isFile() ? fs.readFileSync(path, 'latin1') : '';
    image.set(name, `${mtimeNs} ${ctimeNs} ${mode} ${bytes}`);
  }
  return image;
}
