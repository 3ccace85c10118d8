// Preloaded into a broker: segments of 1.5 MiB may be asked for, and batches fit them, so that a
// second of work rolls and compacts several of them.

import { limits, recordBytesMax, settable } from '../../../src/limits.ts';

const KIB = 1024;
const batchBytesMax = 1280 * KIB;

if (batchBytesMax < recordBytesMax + KIB) throw new Error('a batch must hold a record');
Object.assign(limits as Record<string, number>, { batchBytesMax });
Object.assign(settable as Record<string, readonly number[]>, {
  segmentBytes: [batchBytesMax, settable.segmentBytes[1]],
});
