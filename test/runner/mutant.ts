// A planted bug: one exact text of one source file, replaced in a copy of the project, where the
// named test must then fail. It shows that a passing test would have noticed.

import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FileResult, runFile } from './file.ts';

export interface Mutant {
  /** The file that gets the bug, from the root of the project. */
  readonly path: string;
  /** What it says there now, exactly once. */
  readonly text: string;
  readonly replacement: string;
  /** The test file that must notice, from the root of the project. */
  readonly test: string;
  /** Added to the environment of the test: fewer rounds, a fixed seed. */
  readonly env?: Readonly<Record<string, string>>;
  /** What would go wrong for a user. */
  readonly why: string;
}

const copied = ['src', 'tui', 'test', 'docs', 'examples', 'package.json', 'tsconfig.json'];

/** Why the mutant cannot be planted, or undefined. */
export async function misplaced(root: string, { path, text }: Mutant): Promise<string | undefined> {
  const source = await readFile(join(root, path), 'utf8').catch(() => '');
  const count = source.split(text).length - 1;
  return count === 1 ? undefined : `the text occurs ${count} times in ${path}, not once`;
}

/** Why the test of the mutant does not pass as it is, or undefined. */
export function failsUnmutated(root: string, { test, env }: Mutant): Promise<string | undefined> {
  return withCopy(root, async (copy) => {
    const result = await runFile(join(copy, test), { cwd: copy, ...(env && { env }) });
    return isGood(result) ? undefined : `${test} fails without the bug: ${tell(result)}`;
  });
}

/** Why the bug counts as not caught, or undefined. */
export function survives(root: string, mutant: Mutant): Promise<string | undefined> {
  const { test, env } = mutant;
  return withPlanted(root, mutant, async (copy) => {
    const result = await runFile(join(copy, test), { cwd: copy, ...(env && { env }) });
    if (isGood(result)) return `${test} passes with the bug`;
    return hasRun(result) ? undefined : `${test} does not even start: ${tell(result)}`;
  });
}

/** Calls `body` with a copy of the project that has the bug. */
export function withPlanted<T>(
  root: string,
  { path, text, replacement }: Mutant,
  body: (copy: string) => Promise<T>,
): Promise<T> {
  return withCopy(root, async (copy) => {
    const source = await readFile(join(copy, path), 'utf8');
    await writeFile(
      join(copy, path),
      source.replace(text, () => replacement),
    );
    return await body(copy);
  });
}

function isGood({ failed, problems }: FileResult): boolean {
  return failed === 0 && problems.length === 0;
}

// A replacement that does not compile proves nothing about the test.
function hasRun({ passed, failed, problems }: FileResult): boolean {
  return passed + failed > 0 || problems.some((problem) => problem.startsWith('killed after'));
}

function tell({ problems, output }: FileResult): string {
  return [...problems, output.trim()].join('\n');
}

async function withCopy<T>(root: string, body: (copy: string) => Promise<T>): Promise<T> {
  const copy = await mkdtemp(join(tmpdir(), 'wonderq-mutant-'));
  try {
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
    for (const name of copied) await copyIfThere(join(root, name), join(copy, name));
    return await body(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function copyIfThere(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
