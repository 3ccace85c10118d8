/**
 * Redrive, a slice a request: by ID or all, and no faster than asked.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MessageInfo } from '../../src/client/browsing.ts';
import { type RedriveOptions, redrive } from '../../src/client/redriving.ts';

const test = suite('redriving');

/**
 * Redrives where messages 1 to `dead` are dead; of those in `again` each dies once more at once.
 * Tells the IDs of each request, where they went, and how long it took.
 */
async function asked(dead: number, options: RedriveOptions, again: readonly number[] = []) {
  const isDead = new Set(Array.from({ length: dead }, (_, at) => at + 1));
  const requests: (readonly number[])[] = [];
  const targets = new Set<string | undefined>();
  const startedMs = performance.now();
  const result = await redrive(
    {
      redrive: ({ ids, to }) => {
        requests.push(ids);
        targets.add(to);
        const refused = ids.filter((id) => !isDead.has(id)).map((id) => refusal(id));
        const redriven = ids.length - refused.length;
        for (const id of ids) if (!again.includes(id)) isDead.delete(id);
        return Promise.resolve({ redriven, refused, dead: isDead.size });
      },
      deadAfter: (cursor, limit) => {
        const ids = [...isDead].filter((id) => id > Number(cursor ?? 0)).slice(0, limit);
        const messages = ids.map((id) => ({ id }) as MessageInfo);
        return Promise.resolve({
          messages,
          next: ids.length < limit ? undefined : `${ids.at(-1)}`,
        });
      },
    },
    options,
  );
  return { result, requests, targets: [...targets], tookMs: performance.now() - startedMs };
}

const refusal = (id: number) => ({ id, code: 'NOT_DEAD' }) as const;

const sizes = (requests: readonly (readonly number[])[]) => requests.map(({ length }) => length);

test('all that are dead when it begins', async () => {
  const { result, requests, targets } = await asked(2_500, { to: 'other' });
  assert.equal(result, { redriven: 2_500, refused: [] });
  assert.equal([sizes(requests), targets], [[1_000, 1_000, 500], ['other']]);
});

test('each once, also where the first ones die again meanwhile', async () => {
  const { result, requests } = await asked(5, { ratePerSecond: 1000 }, [1, 2]);
  assert.equal([result.redriven, requests], [5, [[1, 2, 3, 4, 5]]]);
  const slow = await asked(6, { ratePerSecond: 3 }, [1, 2, 3]);
  assert.equal(
    [slow.result.redriven, slow.requests],
    [
      6,
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ],
  );
});

test('none is dead', async () => {
  assert.equal((await asked(0, {})).result, { redriven: 0, refused: [] });
});

test('by ID, with those that could not be', async () => {
  const ids = Array.from({ length: 1_002 }, (_, at) => at + 1);
  const { result, requests } = await asked(1_001, { ids });
  assert.equal(result, { redriven: 1_001, refused: [{ id: 1_002, code: 'NOT_DEAD' }] });
  assert.equal(sizes(requests), [1_000, 2]);
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
