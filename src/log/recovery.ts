/**
 * Makes a validated directory ready for appending. Every step can be cut short by a crash and taken
 * again: 1. the checkpoint says that the log is in use; 2. a copy goes that a start left which was
 * cut short; 3. the torn tail is copied to `quarantine/`; 4. files at the end without a batch go,
 * newest first; 5. after an unclean stop the last segment is written anew, since what the page
 * cache shows may never have reached the disk; 6. a new segment of a new epoch is made; 7. the
 * checkpoint says that all of this is durable.
 */
import { LogDamagedError, UnsteadyFileError } from '../errors.ts';
import { type Checkpoint, checkpointAt, writeCheckpoint } from './checkpoint.ts';
import {
  copyBytes,
  createFile,
  isNoDescriptor,
  isNoSpace,
  removeFile,
  removeLeftover,
  replaceFile,
} from './files.ts';
import type { Reserve } from './reserve.ts';
import { ScanWindow, SegmentScan } from './scan.ts';
import { encodeSegmentHeader, Segment } from './segment.ts';
import type { Segments } from './segments.ts';
import type { Storage } from './storage.ts';
import type { Findings, TornTail } from './validation.ts';

const TORN_NAME = 'torn.tmp';
const REWRITTEN_NAME = 'rewritten.tmp';

/**
 * Makes the file of a segment: on return it is durable under its name, and open. Without space or a
 * descriptor for it nothing of it stays, so that it can be tried again.
 */
export async function createSegment(
  storage: Storage,
  header: { number: number; epoch: number; salt: number; timeMs: number },
  indexBytes: number,
): Promise<Segment> {
  const segment = new Segment(header, indexBytes);
  segment.file = await createFile(storage, segment.name, encodeSegmentHeader(header));
  try {
    await storage.syncDir();
  } catch (error) {
    await segment.file.close();
    if (isNoSpace(error) || isNoDescriptor(error)) await storage.unlink(segment.name);
    throw error;
  }
  return segment;
}

export class Recovery {
  readonly #storage: Storage;
  readonly #segments: Segments;
  readonly #findings: Findings;
  readonly #reserve: Reserve;
  readonly #epoch: number;
  /** The file in `quarantine/` that keeps the torn tail. */
  cutFile: string | undefined;

  constructor(
    storage: Storage,
    segments: Segments,
    findings: Findings,
    reserve: Reserve,
    epoch: number,
  ) {
    this.#storage = storage;
    this.#segments = segments;
    this.#findings = findings;
    this.#reserve = reserve;
    this.#epoch = epoch;
  }

  /** On return a new segment is taken into use. */
  async run(salt: number, indexBytes: number): Promise<void> {
    const { checkpoint, torn, chain } = this.#findings;
    await this.#note(this.#inUse());
    await this.#removeCopy();
    if (torn !== undefined) await this.#setAside(torn);
    await this.#removeUnused();
    if (checkpoint !== undefined && !checkpoint.isClean) await this.#rewriteTail();
    const number = this.#findings.lastNumber - this.#findings.unused.length + 1;
    const segment = await this.#reserve.withRoom(() =>
      createSegment(
        this.#storage,
        { number, epoch: this.#epoch, salt, timeMs: chain.timeMs },
        indexBytes,
      ),
    );
    segment.begin(chain.address, chain.batch + 1, chain.crc);
    this.#segments.push(segment);
    await this.#note(this.#reached());
  }

  /** What is durable is known again only at the end; files without a batch are about to go. */
  #inUse(): Checkpoint {
    const known = this.#findings.checkpoint ?? this.#reached();
    const segment = Math.min(known.segment, this.#segments.newest?.number ?? 0);
    return { ...known, isClean: false, epoch: this.#epoch, segment };
  }

  #reached(): Checkpoint {
    const segment = this.#segments.newest?.number ?? 0;
    return checkpointAt(this.#findings.chain, { isClean: false, epoch: this.#epoch, segment });
  }

  async #note(checkpoint: Checkpoint): Promise<void> {
    await this.#reserve.withRoom(() => writeCheckpoint(this.#storage, checkpoint));
  }

  async #setAside(torn: TornTail): Promise<void> {
    const name = `quarantine/${torn.file}-${torn.offset}-epoch-${this.#epoch}`;
    const end = torn.offset + torn.bytes;
    await this.#reserve.withRoom(() =>
      copyBytes(this.#storage, torn.file, torn.offset, end, TORN_NAME),
    );
    await replaceFile(this.#storage, TORN_NAME, name);
    this.cutFile = name;
  }

  /**
   * A copy that a start left behind goes before the segment that it is of can: alone, it would be a
   * segment under another name.
   */
  async #removeCopy(): Promise<void> {
    await removeLeftover(this.#storage, REWRITTEN_NAME);
    await this.#storage.syncDir();
  }

  async #removeUnused(): Promise<void> {
    for (const name of this.#findings.unused.toReversed()) {
      await removeFile(this.#storage, name);
    }
  }

  async #rewriteTail(): Promise<void> {
    const tail = this.#segments.newest;
    if (tail === undefined) return;
    await this.#reserve.withRoom(() =>
      copyBytes(this.#storage, tail.name, 0, tail.fileBytes, REWRITTEN_NAME),
    );
    await this.#checkCopy(tail);
    await replaceFile(this.#storage, REWRITTEN_NAME, tail.name);
  }

  /**
   * After a failed sync the page cache may show what the disk does not have, and may have let go of
   * it since the tail was validated: then the copy is of other bytes, and must not take its place.
   */
  async #checkCopy(tail: Segment): Promise<void> {
    const chain = { ...this.#findings.chain, isKnown: true };
    chain.batch = tail.firstBatch - 1;
    chain.crc = tail.previousCrc;
    chain.address = tail.firstAddress;
    const copy = await this.#storage.open(REWRITTEN_NAME, 'read');
    try {
      const read = new Segment(tail, Number.POSITIVE_INFINITY);
      const scan = new SegmentScan(read, copy, chain, new ScanWindow().for(copy), () => {});
      const end = await scan.run().catch(whereDamaged);
      if (end === tail.fileBytes && chain.crc === this.#findings.chain.crc) return;
      throw new UnsteadyFileError(tail.name, end);
    } finally {
      await copy.close();
    }
  }
}

function whereDamaged(error: unknown): number {
  if (!(error instanceof LogDamagedError)) throw error;
  return error.offset;
}
