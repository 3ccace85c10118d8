/**
 * Repair of a log whose blocks all check and of which a record cannot be read, as a defect of a broker
 * would leave it. Row E10 of docs/reliability.md: a start refuses it, and a repair leaves its batch
 * out, tells that exactly, and keeps the rest.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RECORD } from '../../src/broker/records.ts';
import { type Files, resealFrom } from '../log/support/damage.ts';
import { type Stop, smallLog } from '../log/support/small-log.ts';
import { rejects } from '../support/rejects.ts';
import {
  batchesOf,
  contentOf,
  type FoundBatch,
  repaired,
  stateOf,
  withoutBatches,
} from './support/repaired.ts';

const test = suite('repair of malformed records');

const what = 'a malformed record';
const BLOCK_HEADER_BYTES = 56;

/** The records that end in the block at `start`, or what that has of a single one. */
function recordsAt(bytes: Buffer, start: number): Buffer[] {
  const payload = start + BLOCK_HEADER_BYTES;
  const end = payload + bytes.readUInt32BE(start + 12);
  const records: Buffer[] = [];
  for (let at = payload, next = at; at < end; at = next) {
    next = at + 4 + bytes.readUInt32BE(at);
    if (at === payload || next <= end) records.push(bytes.subarray(at, Math.min(next, end)));
  }
  return records;
}

/** Changes the last record of the batch that is not long; all blocks check. */
function changed(
  files: Files,
  { file, start }: FoundBatch,
  change: (record: Buffer) => void,
): Files {
  const result = new Map([...files].map(([name, bytes]) => [name, Buffer.from(bytes)]));
  change(recordsAt(result.get(file)!, start).at(-1)!);
  resealFrom(result, file, start);
  return result;
}

const ways: Record<string, (record: Buffer) => void> = {
  'longer than its batch': (record) => record.writeUInt32BE(2 ** 24),
  // The log's own kind `oldest` has numbers of fixed length, which can be read whatever they are.
  'of which the body cannot be read': (record) => {
    record[4] = Math.max(record[4]!, RECORD.settled);
    record[5] = 1;
    record.fill(0xff, 6);
  },
};

async function isLeftOut(whole: Files, batch: FoundBatch, files: Files): Promise<boolean> {
  const { file, start, end } = batch;
  await rejects(stateOf(files), { file, offset: start, what });
  const { report, state } = await repaired(files);
  assert.equal(report.damaged, [{ file, offset: start, bytes: end - start, what }]);
  const expected = await repaired(withoutBatches(whole, [batch]));
  assert.equal(report.lost, expected.report.lost);
  // Of a last batch that the checkpoint does not know nobody would miss anything.
  if (expected.report.nothingLost) return false;
  assert.is(contentOf(state), contentOf(expected.state));
  return true;
}

for (const stop of ['clean', 'unclean'] satisfies Stop[]) {
  for (const [title, change] of Object.entries(ways)) {
    test(`a record ${title}, in any batch, ${stop} stop`, async () => {
      const files = await smallLog(stop);
      const { findings } = await stateOf(files);
      const needed = batchesOf(files).filter(({ batch }) => batch >= findings.oldest!.batch);
      let missed = 0;
      for (const batch of needed) {
        const harmed = changed(files, batch, change);
        if (await isLeftOut(files, batch, harmed)) missed += 1;
      }
      console.log(JSON.stringify({ test: 'malformed records', title, stop, missed }));
      assert.ok(missed > 30);
    });
  }
}

test.run();
