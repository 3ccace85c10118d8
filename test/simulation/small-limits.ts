/**
 * The bounds of the product, shrunk in this process: so that a few kilobytes are executed in
 * slices, fill batches, segments and caches, make connections wait, and push answers out of a
 * session's memory. Imported before anything is built.
 */
import { limits } from '../../src/limits.ts';

const KIB = 1024;

export const smallLimits = {
  turnBytesMax: 1 * KIB,
  turnMessagesMax: 24,
  receiveAcksMax: 24,
  sliceMessagesMax: 40,
  deliveryFrameBytesMax: 2 * KIB,
  compactionTurnBytesMax: 1 * KIB,
  batchBytesMax: 6 * KIB,
  unsyncedBytesMax: 24 * KIB,
  connectionUnsentBytesMax: 6 * KIB,
  heldBytesMax: 48 * KIB,
  sessionAnswersMax: 32,
  sessionForgetMs: 12_000,
  deduplicationMsDefault: 500,
} as const;

Object.assign(limits as Record<string, number>, smallLimits);

/** Sizes of the file log that go with them. */
export const smallSizes = {
  batchBytesMax: smallLimits.batchBytesMax,
  recordBytesMax: 4.5 * KIB,
  blockBytesMax: 2 * KIB,
  chunkBytes: 5 * KIB,
  indexBytes: 1 * KIB,
  fetchBytes: 1 * KIB,
  fetchAheadBytes: 3 * KIB,
} as const;
