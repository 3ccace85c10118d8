// Preloaded into a broker: the small bounds of the simulation, and segments of 3 KiB.

import { segmentBytes, tinySizes } from './tiny-sizes.ts';

// The bounds must be small before anything is built on them.
const { settable } = await import('../../../src/limits.ts');
const { defaultSizes } = await import('../../../src/log/sizes.ts');

Object.assign(defaultSizes, tinySizes);
Object.assign(settable as Record<string, readonly number[]>, {
  segmentBytes: [segmentBytes, settable.segmentBytes[1]],
});
