// A time limit for one test. uvu has none, so a test that waits for ever would only end with its
// whole file; this names the test that waited.

/** The body of a test with a limit: `test('…', within(2000, async () => …))`. */
export function within<Context extends { __test__?: string }>(
  limitMs: number,
  body: (context: Context) => Promise<void> | void,
): (context: Context) => Promise<void> {
  return async (context) => {
    let limit: NodeJS.Timeout | undefined;
    const expired = new Promise<never>((_, reject) => {
      limit = setTimeout(() => {
        reject(new Error(`${context.__test__ ?? 'the test'} took more than ${limitMs} ms`));
      }, limitMs);
    });
    try {
      await Promise.race([body(context), expired]);
    } finally {
      clearTimeout(limit);
    }
  };
}
