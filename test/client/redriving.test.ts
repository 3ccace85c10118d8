/**
 * Redrive, a slice a request: by ID or all, and no faster than asked.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MessageInfo } from '../../src/client/browsing.ts';
import { checkRedrive, type RedriveOptions, redrive } from '../../src/client/redriving.ts';

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
        const messages = ids.map(described);
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

/** Every second one was said to have no address; the even ones failed at 1,000 times their ID. */
function described(id: number): MessageInfo {
  const last = id % 2 === 0 ? { text: 'no address', atMs: id * 1000 } : {};
  const failures = [{ reason: 'expired' }, { reason: 'nacked', ...last }];
  return { id, failures, headers: { tenant: `${id % 3}`, kind: 'x' } } as unknown as MessageInfo;
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

test('those that a filter means', async () => {
  const meant = async (options: RedriveOptions) => (await asked(6, options)).requests.flat();
  assert.equal(await meant({ reason: 'no address' }), [2, 4, 6]);
  assert.equal(await meant({ reason: 'nacked' }), [1, 3, 5]);
  assert.equal(await meant({ failedFrom: 2000, failedBefore: new Date(6000) }), [2, 4]);
  assert.equal(await meant({ failedBefore: 2000 }), [1, 3, 5]);
  assert.equal(await meant({ headers: { tenant: '0', kind: 'x' } }), [3, 6]);
  assert.equal(await meant({ reason: 'no address', headers: { tenant: '0' } }), [6]);
  assert.equal(await meant({ headers: { kind: 'y' } }), []);
});

test('a filter that means few looks at all of them, and no longer', async () => {
  const { result, requests } = await asked(2_500, { failedFrom: 2_400_000 });
  assert.equal([result.redriven, sizes(requests)], [51, [51]]);
  const slow = await asked(9, { reason: 'nacked', ratePerSecond: 1000 }, [1, 3, 5, 7, 9]);
  assert.equal(slow.requests, [[1, 3, 5, 7, 9]]);
});

test('a filter that cannot be meant', () => {
  const fieldOf = (options: object) => {
    try {
      checkRedrive(options);
    } catch (error) {
      return (error as { field?: string }).field;
    }
    return undefined;
  };
  assert.equal(
    [{ reason: 7 }, { failedFrom: -1 }, { failedBefore: 'now' }, { headers: { a: 1 } }].map(
      fieldOf,
    ),
    ['reason', 'failedFrom', 'failedBefore', 'headers'],
  );
  assert.equal([fieldOf({ ids: [1], reason: 'x' }), fieldOf({ ids: [1] })], ['ids', undefined]);
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
