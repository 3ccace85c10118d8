/**
 * The file `CHECKPOINT`: up to where the log is known to be durable, so that a log that lost its
 * end is told from one that never was longer; and whether the last run ended with a clean stop,
 * after which any damage is damage, that of the last batch included. It is replaced as a whole, so
 * that it is never torn. Layout, big-endian:
 *
 *     offset bytes
 *          0     8  magic
 *          8     4  CRC-32 of the rest
 *         12     2  format version
 *         14     1  1 after a clean stop
 *         16     4  epoch
 *         20     4  number of the newest segment that must be there; 0 for none
 *         24     8  number of the last durable batch
 *         32     8  position: one past the last durable byte
 *         40     8  broker time of that batch in milliseconds
 *         48     8  next message ID of that batch
 *         56     8  zeros
 */
import { crc32 } from 'node:zlib';
import { LogDamagedError, UnknownFormatError } from '../errors.ts';
import { createFile, removeLeftover, replaceFile } from './files.ts';
import { readSafeInteger, writeSafeInteger } from './safe-integer.ts';
import type { ChainEnd } from './scan.ts';
import type { Storage } from './storage.ts';

export const CHECKPOINT_NAME = 'CHECKPOINT';
const CHECKPOINT_BYTES = 64;
/** Where stand whether the stop was clean, and the epoch. */
export const CHECKPOINT_LIFE = [14, 20] as const;

const TEMPORARY_NAME = 'checkpoint.tmp';
const MAGIC = Buffer.from('WONDERQC', 'latin1');
const VERSION = 1;
const VERSION_OFFSET = 12;

export interface Checkpoint {
  isClean: boolean;
  epoch: number;
  segment: number;
  batch: number;
  position: number;
  timeMs: number;
  nextId: number;
}

/** Says that the log is durable up to the end of `chain`. */
export function checkpointAt(
  chain: Readonly<ChainEnd>,
  life: Pick<Checkpoint, 'isClean' | 'epoch' | 'segment'>,
): Checkpoint {
  const { batch, address, timeMs, nextId } = chain;
  return { ...life, batch, position: address, timeMs, nextId };
}

export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  const bytes = Buffer.alloc(CHECKPOINT_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16BE(VERSION, VERSION_OFFSET);
  bytes[14] = checkpoint.isClean ? 1 : 0;
  bytes.writeUInt32BE(checkpoint.epoch, 16);
  bytes.writeUInt32BE(checkpoint.segment, 20);
  writeSafeInteger(bytes, checkpoint.batch, 24);
  writeSafeInteger(bytes, checkpoint.position, 32);
  writeSafeInteger(bytes, checkpoint.timeMs, 40);
  writeSafeInteger(bytes, checkpoint.nextId, 48);
  bytes.writeUInt32BE(crc32(bytes.subarray(12)), 8);
  return bytes;
}

export function decodeCheckpoint(bytes: Buffer): Checkpoint {
  const isIntact =
    bytes.length === CHECKPOINT_BYTES &&
    bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
    crc32(bytes.subarray(12)) === bytes.readUInt32BE(8);
  if (!isIntact) throw new LogDamagedError(CHECKPOINT_NAME, 0, 'its checksum is wrong');
  const version = bytes.readUInt16BE(VERSION_OFFSET);
  if (version !== VERSION) throw new UnknownFormatError(CHECKPOINT_NAME, VERSION_OFFSET, version);
  return {
    isClean: bytes[14] === 1,
    epoch: bytes.readUInt32BE(16),
    segment: bytes.readUInt32BE(20),
    batch: readSafeInteger(bytes, 24),
    position: readSafeInteger(bytes, 32),
    timeMs: readSafeInteger(bytes, 40),
    nextId: readSafeInteger(bytes, 48),
  };
}

export async function readCheckpoint(storage: Storage): Promise<Checkpoint> {
  const file = await storage.open(CHECKPOINT_NAME, 'read');
  try {
    const bytes = Buffer.alloc(CHECKPOINT_BYTES + 1);
    const length = await file.read(bytes, 0);
    return decodeCheckpoint(bytes.subarray(0, length));
  } finally {
    await file.close();
  }
}

/** On return the checkpoint is durable. */
export async function writeCheckpoint(storage: Storage, checkpoint: Checkpoint): Promise<void> {
  await removeLeftover(storage, TEMPORARY_NAME);
  const file = await createFile(storage, TEMPORARY_NAME, encodeCheckpoint(checkpoint));
  await file.close();
  await replaceFile(storage, TEMPORARY_NAME, CHECKPOINT_NAME);
}
