/**
 * One row for each way a directory can be found: what a start makes of it. `refused`: with this
 * message, and nothing is changed. `cut`: the torn tail is reported and kept aside. `whole`:
 * nothing is lost. Rows E2, E9, E10, E11, E13 and E15 of docs/reliability.md.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogDamagedError, UnknownRecordError } from '../../src/errors.ts';
import { FileLog } from '../../src/log/file-log.ts';
import type { SimulatedStorage } from '../simulation/storage.ts';
import { rejects } from '../support/rejects.ts';
import {
  blocks,
  type Files,
  flip,
  lastBatchOffset,
  resealBlock,
  resealHeader,
  segmentNames,
  tailName,
  without,
  zeroed,
} from './support/damage.ts';
import {
  append,
  durable,
  limitedStorage,
  openLog,
  promptStorage,
  smallOptions,
  until,
} from './support/storages.ts';

const test = suite('recovery');

interface Sample {
  files: Files;
  bodies: string[];
  /** How many records come before the last batch. */
  beforeLast: number;
}

/** A log of several segments whose last batch is of three blocks. */
async function sample(stop: 'clean' | 'unclean'): Promise<Sample> {
  const storage = promptStorage();
  const { log } = await openLog(storage);
  const bodies: string[] = [];
  const batch = async (...parts: string[]): Promise<void> => {
    bodies.push(...parts);
    append(log, ...parts);
    await durable(log);
  };
  for (let count = 0; count < 33; count += 1) {
    await batch(`${count}`.repeat(60).slice(0, 30 + count * 3));
  }
  const beforeLast = bodies.length;
  await batch('x'.repeat(150), 'y'.repeat(150));
  assert.is(log.segments().length, 3);
  await until(() => !storage.files().has('checkpoint.tmp'));
  if (stop === 'clean') await log.close();
  return { files: storage.files(), bodies, beforeLast };
}

type Expected = { refused: RegExp } | 'cut last' | 'cut none' | 'whole';

interface Row {
  name: string;
  stop?: 'clean';
  change: (files: Files) => void;
  expected: Expected;
}

function changeTail(change: (bytes: Buffer) => Buffer): (files: Files) => void {
  return (files) => {
    const name = tailName(files);
    files.set(name, change(files.get(name)!));
  };
}

function changeSegment(index: number, change: (bytes: Buffer) => Buffer): (files: Files) => void {
  return (files) => {
    const name = segmentNames(files)[index]!;
    files.set(name, change(files.get(name)!));
  };
}

const change1 = (change: (bytes: Buffer) => Buffer) => changeSegment(1, change);
const nextName = '0000000004.wq';

const rows: Row[] = [
  { name: 'nothing happened', change: () => undefined, expected: 'whole' },
  { name: 'nothing happened', stop: 'clean', change: () => undefined, expected: 'whole' },

  // The tail, torn.
  {
    name: 'the last batch ends within its first header',
    change: changeTail((bytes) => bytes.subarray(0, lastBatchOffset(bytes) + 20)),
    expected: 'cut last',
  },
  {
    name: 'the last batch ends within a payload',
    change: changeTail((bytes) => bytes.subarray(0, lastBatchOffset(bytes) + 70)),
    expected: 'cut last',
  },
  {
    name: 'the last batch lacks its last block',
    change: changeTail((bytes) => bytes.subarray(0, blocks(bytes).at(-1)!.offset)),
    expected: 'cut last',
  },
  {
    name: 'a middle block of the last batch is damaged',
    change: changeTail((bytes) => flip(bytes, blocks(bytes).at(-2)!.offset + 60)),
    expected: 'cut last',
  },
  {
    name: 'the first block of the last batch is zeros, the others are there',
    change: changeTail((bytes) => {
      const first = blocks(bytes).findLast((block) => block.isFirst)!;
      return zeroed(bytes, first.offset, first.end);
    }),
    expected: 'cut last',
  },
  {
    name: 'the last batch is all zeros',
    change: changeTail((bytes) => zeroed(bytes, lastBatchOffset(bytes), bytes.length)),
    expected: 'cut last',
  },
  {
    name: 'the last byte turned over',
    change: changeTail((bytes) => flip(bytes, bytes.length - 1)),
    expected: 'cut last',
  },
  {
    name: 'the file grew with zeros',
    change: changeTail((bytes) => Buffer.concat([bytes, Buffer.alloc(400)])),
    expected: 'cut none',
  },
  {
    name: 'one byte too many',
    change: changeTail((bytes) => Buffer.concat([bytes, Buffer.from('x')])),
    expected: 'cut none',
  },
  {
    name: 'the tail is torn and a prepared segment follows',
    change: (files) => {
      changeTail((bytes) => bytes.subarray(0, bytes.length - 3))(files);
      files.set(nextName, prepared(files, 4));
    },
    expected: 'cut last',
  },

  // What a crash leaves besides.
  {
    name: 'a prepared segment without a byte',
    change: (files) => files.set(nextName, Buffer.alloc(0)),
    expected: 'whole',
  },
  {
    name: 'a prepared segment with half of its header',
    change: (files) => files.set(nextName, prepared(files, 4).subarray(0, 30)),
    expected: 'whole',
  },
  {
    name: 'a prepared segment with its header',
    change: (files) => files.set(nextName, prepared(files, 4)),
    expected: 'whole',
  },
  {
    name: 'a prepared segment after a clean stop',
    stop: 'clean',
    change: (files) => files.set(nextName, prepared(files, 4)),
    expected: 'whole',
  },
  {
    name: 'a first batch torn in its segment',
    change: (files) => {
      const torn = Buffer.concat([prepared(files, 4), Buffer.from('WQB\x01torn', 'latin1')]);
      files.set(nextName, torn);
    },
    expected: 'cut none',
  },
  {
    name: 'leftovers of steps that were cut short',
    change: (files) => {
      files.set('checkpoint.tmp', Buffer.from('half'));
      files.set('rewritten.tmp', files.get(tailName(files))!.subarray(0, 100));
      files.set('torn.tmp', Buffer.from('some'));
      files.set('reserve.tmp', Buffer.from('some'));
    },
    expected: 'whole',
  },
  {
    name: 'files of somebody else',
    change: (files) => {
      files.set('README', Buffer.from('hello'));
      files.set('0000000002.wq.copy', files.get('0000000002.wq')!);
      files.set('1.wq', Buffer.from('not ours'));
    },
    expected: 'whole',
  },

  // Damage of the last segment that no crash makes.
  {
    name: 'a batch before the last one turned over a bit',
    change: changeTail((bytes) => flip(bytes, blocks(bytes)[1]!.offset + 60)),
    expected: { refused: /batch \d+ is damaged, and a valid later one is at \d+/ },
  },
  {
    name: 'a batch before the last one is zeros',
    change: changeTail((bytes) => {
      const block = blocks(bytes)[1]!;
      return zeroed(bytes, block.offset, block.end);
    }),
    expected: { refused: /a valid later one/ },
  },
  {
    name: 'a batch is taken out',
    change: changeTail((bytes) => {
      const block = blocks(bytes)[1]!;
      return without(bytes, block.offset, block.end);
    }),
    expected: { refused: /batch \d+ where batch \d+ is due/ },
  },
  {
    name: 'the first batch of the segment is taken out',
    change: changeTail((bytes) => without(bytes, 64, blocks(bytes)[0]!.end)),
    expected: { refused: /is due/ },
  },
  {
    name: 'a batch stands there twice',
    change: changeTail((bytes) => {
      const block = blocks(bytes)[1]!;
      const again = bytes.subarray(block.offset, block.end);
      return Buffer.concat([bytes.subarray(0, block.end), again, bytes.subarray(block.end)]);
    }),
    expected: { refused: /is due/ },
  },
  {
    name: 'a middle block of a batch is taken out',
    change: changeTail((bytes) => {
      const block = blocks(bytes).at(-2)!;
      return without(bytes, block.offset, block.end);
    }),
    expected: { refused: /a block of address \d+ where \d+ is due/ },
  },
  {
    name: 'a batch is replaced by one of the same place that checks',
    change: changeTail((bytes) => {
      const block = blocks(bytes)[1]!;
      const changed = Buffer.from(bytes);
      changed[block.offset + 70]! ^= 1;
      return resealBlock(changed, block.offset);
    }),
    expected: { refused: /does not continue the block before it/ },
  },
  {
    name: 'more bytes do not check than one batch can have',
    change: changeTail((bytes) => Buffer.concat([bytes, Buffer.alloc(2000)])),
    expected: { refused: /more than one batch/ },
  },
  {
    name: 'the header of the last segment is damaged',
    change: changeTail((bytes) => flip(bytes, 20)),
    expected: { refused: /its header is damaged/ },
  },
  {
    name: 'the last segment lost its header and all after it',
    change: changeTail((bytes) => bytes.subarray(0, 63)),
    expected: { refused: /its header is damaged/ },
  },
  {
    name: 'the last segment ends before the position known to be durable',
    change: changeSegment(1, (bytes) => bytes.subarray(0, lastBatchOffset(bytes))),
    expected: { refused: /is due/ },
  },
  {
    name: 'the last segment lost all its batches, and another began after it',
    change: (files) => {
      changeTail((bytes) => bytes.subarray(0, 64))(files);
      files.set(nextName, Buffer.concat([prepared(files, 4), Buffer.from('something')]));
    },
    expected: { refused: /lost its records/ },
  },
  {
    name: 'the tail is torn although the next segment was begun',
    change: (files) => {
      changeTail((bytes) => bytes.subarray(0, bytes.length - 3))(files);
      files.set(nextName, Buffer.concat([prepared(files, 4), Buffer.from('something')]));
    },
    expected: { refused: /later segments hold records/ },
  },

  // Damage of other segments.
  {
    name: 'a bit turned over in the middle of the log',
    change: change1((bytes) => flip(bytes, 300)),
    expected: { refused: /is damaged/ },
  },
  {
    name: 'a bit turned over in the last batch of a middle segment',
    change: change1((bytes) => flip(bytes, bytes.length - 1)),
    expected: { refused: /later segments hold records/ },
  },
  {
    name: 'a middle segment is cut between two batches',
    change: change1((bytes) => bytes.subarray(0, lastBatchOffset(bytes))),
    expected: { refused: /is due/ },
  },
  {
    name: 'a middle segment is cut to its header',
    change: change1((bytes) => bytes.subarray(0, 64)),
    expected: { refused: /lost its records/ },
  },
  {
    name: 'a middle segment is empty',
    change: change1(() => Buffer.alloc(0)),
    expected: { refused: /its header is damaged/ },
  },
  {
    name: 'a middle segment is missing',
    change: (files) => files.delete('0000000002.wq'),
    expected: { refused: /0000000002.wq.*missing/ },
  },
  {
    name: 'the first segment is missing',
    change: (files) => files.delete('0000000001.wq'),
    expected: { refused: /0000000001.wq.*missing/ },
  },
  {
    name: 'the last segment is missing',
    change: (files) => files.delete('0000000003.wq'),
    expected: { refused: /0000000003.wq.*missing/ },
  },
  {
    name: 'all segments are missing',
    change: (files) => {
      for (const name of segmentNames(files)) files.delete(name);
    },
    expected: { refused: /missing/ },
  },
  {
    name: 'two segments are swapped',
    change: (files) => {
      const [one, two] = [files.get('0000000001.wq')!, files.get('0000000002.wq')!];
      files.set('0000000001.wq', two).set('0000000002.wq', one);
    },
    expected: { refused: /it is segment 2 by its header/ },
  },
  {
    name: 'a segment stands there twice',
    change: (files) => files.set(nextName, files.get('0000000003.wq')!),
    expected: { refused: /it is segment 3 by its header/ },
  },
  {
    name: 'the last segment has another name',
    change: (files) => {
      files.set('0000000003.wq.bak', files.get('0000000003.wq')!);
      files.delete('0000000003.wq');
    },
    expected: { refused: /0000000003.wq.bak.*under another name/ },
  },
  {
    name: 'a segment of a later epoch precedes',
    change: changeSegment(0, (bytes) => {
      const changed = Buffer.from(bytes);
      changed.writeUInt32BE(7, 20);
      return resealHeader(changed);
    }),
    expected: { refused: /another epoch/ },
  },

  // The checkpoint.
  {
    name: 'the checkpoint is missing',
    change: (files) => files.delete('CHECKPOINT'),
    expected: { refused: /CHECKPOINT.*missing/ },
  },
  {
    name: 'the checkpoint is damaged',
    change: (files) => files.set('CHECKPOINT', flip(files.get('CHECKPOINT')!, 33)),
    expected: { refused: /CHECKPOINT.*checksum/ },
  },
  {
    name: 'the checkpoint is cut',
    change: (files) => files.set('CHECKPOINT', files.get('CHECKPOINT')!.subarray(0, 63)),
    expected: { refused: /CHECKPOINT.*checksum/ },
  },

  // After a clean stop nothing may be torn.
  {
    name: 'the last batch is damaged after a clean stop',
    stop: 'clean',
    change: changeTail((bytes) => flip(bytes, bytes.length - 1)),
    expected: { refused: /after a clean stop/ },
  },
  {
    name: 'the last batch is gone after a clean stop',
    stop: 'clean',
    change: changeTail((bytes) => bytes.subarray(0, lastBatchOffset(bytes))),
    expected: { refused: /it was durable up to batch/ },
  },
  {
    name: 'zeros follow after a clean stop',
    stop: 'clean',
    change: changeTail((bytes) => Buffer.concat([bytes, Buffer.alloc(8)])),
    expected: { refused: /after a clean stop/ },
  },

  // Formats of the future.
  {
    name: 'a segment of a newer format',
    change: changeSegment(0, (bytes) => {
      const changed = Buffer.from(bytes);
      changed.writeUInt16BE(2, 12);
      return resealHeader(changed);
    }),
    expected: { refused: /format version 2/ },
  },
  {
    name: 'a block of a newer version',
    change: changeTail((bytes) => {
      const { offset } = blocks(bytes).at(-1)!;
      const changed = Buffer.from(bytes);
      changed[offset + 8] = 2;
      return resealBlock(changed, offset);
    }),
    expected: { refused: /block version 2/ },
  },
  {
    name: 'a record kind of the log that is not known',
    change: changeTail((bytes) => {
      const { offset } = blocks(bytes).findLast((block) => block.isFirst && block.isLast)!;
      const changed = Buffer.from(bytes);
      changed[offset + 56 + 4] = 2;
      resealBlock(changed, offset);
      return changed.subarray(0, blocks(bytes).find((block) => block.offset === offset)!.end);
    }),
    expected: { refused: /unknown record kind 2/ },
  },
  {
    name: 'a record longer than its batch',
    change: changeTail((bytes) => {
      const { offset, end } = blocks(bytes).findLast((block) => block.isFirst && block.isLast)!;
      const changed = Buffer.from(bytes);
      changed[offset + 56 + 1] = 1;
      return resealBlock(changed, offset).subarray(0, end);
    }),
    expected: { refused: /malformed record/ },
  },
];

/** The header of a segment that was made in advance. */
function prepared(files: Files, number: number): Buffer {
  const header = Buffer.from(files.get('0000000001.wq')!.subarray(0, 64));
  header.writeUInt32BE(number, 16);
  header.writeUInt32BE(1, 20);
  return resealHeader(header);
}

const samples = { clean: await sample('clean'), unclean: await sample('unclean') };

for (const row of rows) {
  const stop = row.stop ?? 'unclean';
  test(`${row.name} (${stop} stop)`, async () => {
    const { files, bodies, beforeLast } = samples[stop];
    const changed: Files = new Map(files);
    row.change(changed);
    const storage = promptStorage().load(changed);
    if (typeof row.expected === 'object') {
      await refuses(storage, row.expected.refused);
      return;
    }
    const kept = row.expected === 'cut last' ? bodies.slice(0, beforeLast) : bodies;
    const opened = await openLog(storage);
    assert.equal(opened.bodies, kept);
    assert.is(opened.report.bytesCut > 0, row.expected !== 'whole');
    assert.is(opened.report.cutFile !== undefined, row.expected !== 'whole');
    const { cutFile, bytesCut } = opened.report;
    if (cutFile !== undefined) assert.is(storage.files().get(cutFile)!.length, bytesCut);
    append(opened.log, 'more');
    await opened.log.close();
    const again = await openLog(storage);
    assert.equal(again.bodies, [...kept, 'more']);
    assert.is(again.report.cleanStop, true);
    await again.log.close();
  });
}

async function refuses(storage: ReturnType<typeof promptStorage>, message: RegExp): Promise<void> {
  const before = storage.files();
  try {
    await openLog(storage);
  } catch (error) {
    assert.instance(error, LogDamagedError);
    assert.match((error as Error).message, message);
    assert.equal(storage.files(), before);
    return;
  }
  assert.unreachable('the damage went unnoticed');
}

test('after an unclean stop the tail is a new file, after a clean one it is not', async () => {
  for (const stop of ['clean', 'unclean'] as const) {
    const storage = promptStorage().load(samples[stop].files);
    const renames: string[] = [];
    storage.fault = (operation, name) => {
      if (operation === 'rename') renames.push(name);
      return undefined;
    };
    const { log } = await openLog(storage);
    assert.is(renames.includes('rewritten.tmp'), stop === 'unclean');
    await log.close();
  }
});

/** Of two batches the disk has one; the page cache shows both. */
async function killedAfterFailedSync(): Promise<SimulatedStorage> {
  const storage = promptStorage();
  const { log, listener } = await openLog(storage);
  append(log, 'durable');
  await durable(log);
  storage.fault = (operation, name) =>
    operation === 'sync' && name.endsWith('.wq') ? new Error('EIO') : undefined;
  append(log, 'never synced');
  await durable(log, listener);
  assert.is(listener.endings[0]?.how, 'failed');
  return storage.crash('kill');
}

test('what a page cache shows and a disk never had is on the disk after a start', async () => {
  const killed = await killedAfterFailedSync();
  const second = await openLog(killed);
  assert.equal(second.bodies, ['durable', 'never synced']);
  const third = await openLog(killed.crash('power'));
  assert.equal(third.bodies, ['durable', 'never synced']);
  await third.log.close();
});

test('a tail that the page cache lets go of while it is copied takes no place', async () => {
  const killed = await killedAfterFailedSync();
  killed.fault = (_operation, name) => {
    if (name === 'rewritten.tmp') killed.inode('0000000001.wq').evict();
    return undefined;
  };
  const refused = await rejects(openLog(killed), { name: 'UnsteadyFileError' });
  assert.match(refused.message, /^0000000001\.wq, offset \d+: it is not what it was/);
  const third = await openLog(killed.crash('power'));
  assert.equal(third.bodies, ['durable']);
  await third.log.close();
});

test('a read error at the start is no end of a file', async () => {
  let points = 0;
  for (let at = 1; ; at += 1) {
    const storage = promptStorage().load(samples.clean.files);
    let reads = 0;
    storage.fault = (operation) => {
      if (operation === 'read') reads += 1;
      return operation === 'read' && reads === at ? new Error('EIO') : undefined;
    };
    let message = '';
    await openLog(storage).catch((error: Error) => {
      message = error.message;
    });
    if (reads < at) break;
    assert.is(message, 'EIO');
    assert.equal(storage.files(), samples.clean.files);
    points += 1;
  }
  assert.ok(points >= 8);
});

test('what a start found is known as durable from then on', async () => {
  const storage = promptStorage().load(samples.unclean.files);
  await openLog(storage);
  const files = storage.crash('kill').files();
  changeTail((bytes) => bytes.subarray(0, lastBatchOffset(bytes)))(files);
  await refuses(promptStorage().load(files), /it was durable up to/);
});

test('a start cut short at any step can be taken again', async () => {
  const files: Files = new Map(samples.unclean.files);
  files.set(nextName, Buffer.concat([prepared(files, 4), Buffer.from('WQB torn in its first')]));
  files.set('0000000005.wq', prepared(files, 5));
  // What a start that was cut short had copied, of a segment whose batch then was lost.
  files.set('rewritten.tmp', files.get(nextName)!);
  let crashes = 0;
  for (let steps = 1; ; steps += 1) {
    let isOver = false;
    for (let seed = 1; seed <= 8; seed += 1) {
      isOver = await startCutShort(files, steps, seed);
      crashes += 1;
    }
    if (isOver) break;
  }
  console.log(JSON.stringify({ test: 'starts cut short', crashes, lost: 0, refused: 0 }));
  assert.ok(crashes > 200);
});

/** Returns whether the start was over before the steps were. */
async function startCutShort(files: Files, steps: number, seed: number): Promise<boolean> {
  const { storage, limit } = limitedStorage(seed);
  storage.load(files);
  limit.steps = steps;
  let isOver = false;
  void openLog(storage).then(() => {
    isOver = true;
  });
  await until(() => isOver || limit.steps <= 0);
  limit.steps = Number.MAX_SAFE_INTEGER;
  const again = await openLog(storage.crash(seed % 4 === 0 ? 'kill' : 'power'));
  assert.equal(again.bodies, samples.unclean.bodies);
  await again.log.close();
  return isOver;
}

test('a failing visitor stops the start, and nothing is changed', async () => {
  const storage = promptStorage().load(samples.unclean.files);
  const before = storage.files();
  const log = new FileLog(storage, smallOptions);
  let message = '';
  const visit = (): void => {
    throw new Error('not known here');
  };
  await log.open(visit).catch((error: Error) => {
    message = error.message;
  });
  assert.is(message, 'not known here');
  await log.close();
  assert.equal(storage.files(), before);
});

test('a record that its owner does not know is refused by file and offset', async () => {
  const { files, bodies } = samples.unclean;
  const storage = promptStorage().load(files);
  let seen = 0;
  const log = new FileLog(storage, smallOptions);
  const opening = log.open((kind, version) => {
    seen += 1;
    if (seen === bodies.length) throw new UnknownRecordError(kind, version);
  });
  const error = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, LogDamagedError);
  const { file, offset, message } = error as LogDamagedError;
  assert.is(file, segmentNames(files).at(-1));
  assert.is(offset, lastBatchOffset(files.get(file)!));
  assert.match(message, /unknown record kind 16, version 1$/);
  assert.equal(storage.files(), files);
  await log.close();
});

test.run();
