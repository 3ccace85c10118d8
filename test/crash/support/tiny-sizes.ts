// Sizes of the file log so small that a few kilobytes roll and compact segments: few enough bytes
// that every state a crash can leave of them can be tried.

import { smallSizes } from '../../simulation/small-limits.ts';

export const segmentBytes = 3072;

export const tinySizes = {
  ...smallSizes,
  batchBytesMax: 1700,
  recordBytesMax: 1600,
  chunkBytes: 1700,
  blockBytesMax: 400,
} as const;
