/**
 * Bytes that were durable and no longer check when they are read back: never handed out, told with
 * what is lost, and the file is kept aside once the log no longer needs it. Row E12 of
 * docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BlockDamagedError } from '../../src/errors.ts';
import type { Log, SegmentInfo } from '../../src/log/log.ts';
import type { SimulatedStorage } from '../simulation/storage.ts';
import { append, durable, openLog, promptStorage, read, until } from './support/storages.ts';

const test = suite('rot (E12)');

const bodyBytes = 100;
const first = '0000000001.wq';
/** The header of a segment, that of a block, and some of its payload. */
const insideFirstBlock = 64 + 56 + 30;

const bodyOf = (number: number) => `body ${number}`.padEnd(bodyBytes, '.');

async function write(log: Log, count: number): Promise<number[]> {
  const positions: number[] = [];
  for (let number = 0; number < count; number += 1) {
    positions.push(...append(log, bodyOf(number)));
    await durable(log);
  }
  return positions;
}

async function damageAt(log: Log, position: number): Promise<BlockDamagedError | undefined> {
  try {
    await log.read(position, bodyBytes);
    return undefined;
  } catch (error) {
    assert.instance(error, BlockDamagedError);
    return error as BlockDamagedError;
  }
}

function filesIn(storage: SimulatedStorage, pattern: RegExp): string[] {
  return [...storage.files().keys()].filter((name) => pattern.test(name));
}

async function loseOne(inside: number): Promise<void> {
  const storage = promptStorage();
  const { log, listener } = await openLog(storage);
  const positions = await write(log, 40);
  storage.flip(first, (insideFirstBlock + inside) * 8);
  const lost: number[] = [];
  for (const [number, position] of positions.entries()) {
    const damage = await damageAt(log, position);
    if (damage === undefined) {
      assert.is(read(log, position, bodyBytes), bodyOf(number));
      continue;
    }
    assert.is(damage.file, first);
    assert.ok(position < damage.to && position + bodyBytes > damage.from);
    assert.is(log.cached(position, bodyBytes), undefined);
    lost.push(number);
  }
  assert.is(lost.length, 1, `of a block with one message: ${lost}`);
  await until(() => listener.damages.length > 0);
  assert.equal(listener.endings, []);
  await log.close();
}

test('what is lost is never handed out and told, all else is read', async () => {
  // Payloads and headers: the latter no longer say where their blocks end.
  for (let inside = 200; inside < 800; inside += 24) await loseOne(inside);
});

test('two that wait for one load are each told what is theirs', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const positions = await write(log, 40);
  storage.flip(first, (insideFirstBlock + 160) * 8);
  const told = await Promise.all(positions.slice(0, 3).map((at) => damageAt(log, at)));
  assert.is(told[0], undefined);
  assert.ok(told[1] !== undefined);
  await log.close();
});

/** Everything is live up to the end of the segment; then the log goes on behind it. */
async function dropped(log: Log, segment: SegmentInfo): Promise<void> {
  const sealed = log.segments().find((one) => one.firstPosition === segment.firstPosition)!;
  assert.ok(sealed.sealed);
  await log.dropBefore(sealed.endPosition);
}

test('the file of a damaged segment is kept aside, all others go', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const [, second] = await write(log, 60);
  storage.flip(first, (insideFirstBlock + 160) * 8);
  assert.ok((await damageAt(log, second!)) !== undefined);
  await dropped(log, log.segments()[1]!);
  assert.equal(filesIn(storage, /quarantine/), [`quarantine/${first}`]);
  assert.not(storage.files().has(first));
  assert.not(storage.files().has('0000000002.wq'));
  await log.close();
  const again = await openLog(storage.crash('power'));
  assert.is(again.report.cleanStop, true);
  await again.log.close();
});

test('a damaged segment that is still written ends with the next batch', async () => {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const newest = () => log.segments().at(-1)!;
  await write(log, 20);
  const before = log.segments().length;
  while (log.segments().length === before) await write(log, 1);
  const [oldest] = await write(log, 9);
  assert.is(log.segments().length, before + 1);
  const damaged = newest();
  const [name] = filesIn(storage, /^\d+\.wq$/)
    .sort()
    .slice(before, before + 1);
  assert.is(log.cached(oldest!, bodyBytes), undefined, 'it is no longer in memory');
  storage.flip(name!, (insideFirstBlock + 160) * 8);
  assert.ok((await damageAt(log, oldest!)) !== undefined);
  await write(log, 1);
  assert.is(newest().firstPosition, damaged.endPosition);
  await dropped(log, damaged);
  assert.equal(filesIn(storage, /quarantine/), [`quarantine/${name}`]);
  await log.close();
});

test.run();
