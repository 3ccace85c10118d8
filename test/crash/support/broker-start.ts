// How the crash tests start a broker: with the segments of `small-segments.ts`.

import type { BrokerStart } from '../../../src/cli/torture/stage.ts';
import { brokerWords } from '../../support/broker.ts';

/** `sourceDir`: where the broker's sources are, if they are not those of this project. */
export function brokerStart(sourceDir?: string): BrokerStart {
  return {
    ...brokerWords('test/crash/support/small-segments.ts', sourceDir),
    segmentBytes: 1536 * 1024,
  };
}
