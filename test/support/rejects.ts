// `const error = await rejects(promise, { code: 'GONE' })`: the assertion that uvu lacks. Its own
// `throws` does not wait for a promise.

import * as assert from 'uvu/assert';

/** Waits for `promise` to reject with an Error that has the expected properties; returns it. */
export async function rejects(
  promise: Promise<unknown>,
  expected: Readonly<Record<string, unknown>> = {},
): Promise<Error & Record<string, unknown>> {
  const error = await promise.then(
    () => assert.unreachable(`expected a rejection with ${JSON.stringify(expected)}`) as never,
    (reason: unknown) => reason,
  );
  assert.instance(error, Error);
  const actual = error as Error & Record<string, unknown>;
  for (const [name, value] of Object.entries(expected)) {
    assert.equal(actual[name], value, `${name} of: ${actual.stack}`);
  }
  return actual;
}
