// Runs a program of the tests in namespaces of its own (`src/cli/torture/namespaces.ts`).

import { namespaceFlags } from '../../../src/cli/torture/namespaces.ts';
import { run } from '../../support/processes.ts';

/** Returns its exit code and what it printed. */
export function withNamespaces(program: string, parameters: readonly string[]) {
  const node = [process.execPath, '--import', 'tsx', program, ...parameters];
  return run('unshare', [...namespaceFlags, ...node]);
}
