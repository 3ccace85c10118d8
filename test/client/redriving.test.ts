/**
 * Redrive, a slice a request: by ID or all, and no faster than asked.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type RedriveOptions, redrive } from '../../src/client/redriving.ts';

const test = suite('redriving');

type Fields = Record<string, unknown>;

/** Redrives against a broker in which so many are dead; tells what was asked, and after how long. */
async function asked(dead: number, options: RedriveOptions) {
  let left = dead;
  const requests: Fields[] = [];
  const startedMs = performance.now();
  const ask = (fields: Fields): Promise<Fields> => {
    requests.push(fields);
    const { ids, limit } = fields as { ids?: number[]; limit?: number };
    const redriven = Math.min(left, ids?.length ?? limit ?? 0);
    left -= redriven;
    const refused = (ids ?? []).slice(redriven).map((id) => ({ id, code: 'NOT_DEAD' }));
    return Promise.resolve({ redriven, dead: left, refused });
  };
  const result = await redrive(ask, options);
  return { result, requests, tookMs: performance.now() - startedMs };
}

test('all that are dead when it begins', async () => {
  const { result, requests } = await asked(2_500, { to: 'other' });
  assert.equal(result, { redriven: 2_500, refused: [] });
  assert.equal(requests, Array(3).fill({ to: 'other', limit: 1_000 }));
});

test('by ID, with those that could not be', async () => {
  const ids = Array.from({ length: 1_002 }, (_, at) => at + 1);
  const { result, requests } = await asked(1_001, { ids });
  assert.equal(result, { redriven: 1_001, refused: [{ id: 1_002, code: 'NOT_DEAD' }] });
  assert.equal(
    requests.map((fields) => (fields.ids as number[]).length),
    [1_000, 2],
  );
});

test('no more in a second than asked', async () => {
  for (const ids of [undefined, [1, 2, 3]]) {
    const { result, requests, tookMs } = await asked(3, { ids, ratePerSecond: 2 });
    assert.equal([result.redriven, requests.length], [3, 2]);
    // The timer may be a little early.
    assert.ok(tookMs > 990, `${tookMs} ms`);
  }
});

test.run();
