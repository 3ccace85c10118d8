/**
 * The sizes that shape a file log, with their relations asserted. The defaults are the limits of
 * the product; tests shrink them, so that a few records fill blocks, chunks, batches and segments.
 */
import assert from 'node:assert';
import { limits, recordBytesMax } from '../limits.ts';
import { BLOCK_HEADER_BYTES } from './block.ts';
import { RECORD_HEADER_BYTES } from './record.ts';

export interface Sizes {
  segmentBytes: number;
  batchBytesMax: number;
  blockBytesMax: number;
  recordBytesMax: number;
  /** Of the tail cache: a record never crosses a chunk. */
  chunkBytes: number;
  tailCacheBytes: number;
  readCacheBytes: number;
  /** One entry of a segment's sparse index per so many bytes of file. */
  indexBytes: number;
  /**
   * What one read of a deep backlog fetches: at random, and when it goes on where the last one
   * ended.
   */
  fetchBytes: number;
  fetchAheadBytes: number;
}

const KIB = 1024;

export const defaultSizes: Sizes = {
  segmentBytes: limits.segmentBytes,
  batchBytesMax: limits.batchBytesMax,
  blockBytesMax: limits.blockBytesMax,
  recordBytesMax: recordBytesMax + RECORD_HEADER_BYTES,
  chunkBytes: 4 * KIB * KIB,
  tailCacheBytes: limits.tailCacheBytes,
  readCacheBytes: limits.fetchBytesMax,
  indexBytes: 64 * KIB,
  fetchBytes: 256 * KIB,
  fetchAheadBytes: 1024 * KIB,
};

export function resolveSizes(given: Partial<Sizes>): Sizes {
  const sizes = { ...defaultSizes, ...given };
  assert(sizes.blockBytesMax <= limits.blockBytesMax, 'blocks beyond the format');
  assert(sizes.batchBytesMax <= limits.batchBytesMax, 'batches beyond the format');
  assert(sizes.recordBytesMax <= sizes.batchBytesMax, 'records longer than batches');
  assert(sizes.recordBytesMax <= sizes.chunkBytes, 'records longer than chunks');
  assert(sizes.segmentBytes > sizes.batchBytesMax + BLOCK_HEADER_BYTES, 'segments too short');
  return sizes;
}
