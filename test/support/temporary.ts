// A fresh temporary directory for one test, removed when the test is over, passed or failed.
// Clean-up is the caller's frame, not a hook: a hook that throws goes unseen in uvu.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Calls `body` with a new empty directory; its result is the result of `body`. */
export async function withTemporary<T>(body: (path: string) => Promise<T> | T): Promise<T> {
  const path = await mkdtemp(join(tmpdir(), 'wonderq-test-'));
  try {
    return await body(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** The body of a test that needs a directory: `test('…', temporary(async (path) => …))`. */
export function temporary(body: (path: string) => Promise<void> | void): () => Promise<void> {
  return () => withTemporary(body);
}
