// How the crash tests start a broker: from source, with the segments of `small-segments.ts`.

import { join } from 'node:path';
import type { BrokerStart } from '../../../src/cli/torture/stage.ts';

const project = join(import.meta.dirname, '../../..');

/** `sourceDir`: where the broker's sources are. */
export function brokerStart(sourceDir = project): BrokerStart {
  const at = (path: string) => join(sourceDir, path);
  const preload = ['--import', 'tsx', '--import', at('test/crash/support/small-segments.ts')];
  return {
    parameters: [...preload, at('src/cli/main.ts')],
    segmentBytes: 1536 * 1024,
    cwd: sourceDir,
  };
}
