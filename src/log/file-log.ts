/**
 * The log on files: what `log.ts` promises, put together from its parts. Records gather in the
 * arena (`gathering.ts`, `arena.ts`), go to the newest segment a batch at a time (`writer.ts`), and
 * come back from memory or disk (`read-cache.ts`). A start reads everything (`validation.ts`,
 * `recovery.ts`).
 */
import assert from 'node:assert';
import { randomBytes } from 'node:crypto';
import { Arena } from './arena.ts';
import { type Checkpoint, writeCheckpoint } from './checkpoint.ts';
import { type Fence, FencedStorage } from './fenced-storage.ts';
import { isNoDescriptor, isNoSpace } from './files.ts';
import { Gathering } from './gathering.ts';
import type {
  CachedRange,
  Log,
  LogListener,
  LogSpace,
  OpenReport,
  Position,
  SegmentInfo,
  Stamp,
  VisitRecord,
} from './log.ts';
import { Notices } from './notices.ts';
import { type BlockDamaged, ReadCache } from './read-cache.ts';
import { KIND_OLDEST, OLDEST_BODY_BYTES, OLDEST_VERSION, writeOldest } from './record.ts';
import { Recovery } from './recovery.ts';
import { type FileKept, Removals } from './removals.ts';
import { Reserve } from './reserve.ts';
import type { ChainEnd } from './scan.ts';
import type { Segment } from './segment.ts';
import { Segments } from './segments.ts';
import { resolveSizes, type Sizes } from './sizes.ts';
import type { Storage } from './storage.ts';
import { type Findings, Validation } from './validation.ts';
import { Writer } from './writer.ts';

export interface FileLogOptions extends Partial<Sizes> {
  /** Whether to keep a reserve for a full disk. */
  reserve?: boolean;
  /** Whether to wait for a file descriptor for the next segment, until it is asked again. */
  waits?: boolean;
  /** Asked before each batch is confirmed and before each change of a name. */
  fence?: Fence;
  /** A random number of 32 bits for each new segment. */
  salt?: () => number;
  /** Told of a segment that is no longer needed and cannot be removed; it is tried again. */
  fileKept?: FileKept;
}

export class FileLog implements Log {
  readonly batchBytesMax: number;
  readonly #storage: Storage;
  readonly #sizes: Sizes;
  readonly #keepsReserve: boolean;
  readonly #waits: boolean;
  readonly #fence: Fence;
  readonly #salt: () => number;
  readonly #segments: Segments;
  readonly #removals: Removals;
  readonly #reserve: Reserve;
  readonly #gathering: Gathering;
  readonly #readCache: ReadCache;
  readonly #notices = new Notices();
  #arena!: Arena;
  #writer!: Writer;
  #epoch = 0;
  #freeBytes = 0;
  #isAskingFree = false;
  /** The drop that runs: a clean stop waits for it. */
  #dropping: Promise<void> | undefined;
  #isOpen = false;
  /** The close that runs or is over: there is only one. */
  #closing: Promise<void> | undefined;
  /** The last checkpoint begun: one follows the other. */
  #checkpointing: Promise<void> = Promise.resolve();

  constructor(storage: Storage, options: FileLogOptions = {}) {
    const { reserve, waits, fence, salt, fileKept, ...sizes } = options;
    this.#fence = fence ?? (() => true);
    this.#storage = new FencedStorage(storage, this.#fence);
    this.#sizes = resolveSizes(sizes);
    this.#keepsReserve = reserve ?? true;
    this.#waits = waits ?? true;
    this.#salt = salt ?? (() => randomBytes(4).readUInt32BE(0));
    this.#segments = new Segments(this.#storage);
    this.#removals = new Removals(this.#storage, fileKept ?? (() => {}));
    this.#reserve = new Reserve(
      this.#storage,
      this.#sizes.segmentBytes,
      this.#notices.spaceChanged,
    );
    this.#gathering = new Gathering(this.#sizes.batchBytesMax);
    this.#readCache = new ReadCache(this.#segments, this.#sizes, this.#onDamaged);
    this.batchBytesMax = this.#sizes.batchBytesMax;
  }

  async open(visit: VisitRecord): Promise<OpenReport> {
    assert(this.#epoch === 0, 'a log is opened once');
    await this.#reserve.load();
    const validation = new Validation(this.#storage, this.#segments, this.#sizes, visit);
    const findings = await validation.run();
    this.#epoch = findings.epoch + 1;
    const recovery = new Recovery(
      this.#storage,
      this.#segments,
      findings,
      this.#reserve,
      this.#epoch,
    );
    await recovery.run(this.#salt(), this.#sizes.indexBytes);
    await this.#removeBefore(findings.oldest?.number ?? 0);
    this.#begin(findings.chain);
    this.#freeBytes = await this.#storage.freeBytes();
    this.#fillReserve();
    this.#isOpen = true;
    return this.#report(findings, recovery.cutFile);
  }

  listen(listener: LogListener): void {
    this.#notices.listen(listener);
  }

  begin(kind: number, version: number, bytesMax: number): number {
    return this.#arena.begin(kind, version, bytesMax, this.#writer.synced);
  }

  get buffer(): Buffer {
    return this.#arena.buffer;
  }

  get beginPosition(): Position {
    return this.#arena.beginPosition;
  }

  end(offset: number): void {
    this.#arena.finish(offset);
  }

  mark(stamp: Stamp): void {
    this.#gathering.mark(this.#arena.end, stamp);
  }

  commit(): void {
    this.#writer.start();
  }

  get stalled(): boolean {
    return this.#writer.isStalled;
  }

  get appended(): Position {
    return this.#gathering.appended;
  }

  get written(): Position {
    return this.#writer.written;
  }

  get synced(): Position {
    return this.#writer.synced;
  }

  cached(position: Position, length: number): CachedRange | undefined {
    return this.#arena.find(position, length) ?? this.#readCache.find(position, length);
  }

  async read(position: Position, length: number): Promise<void> {
    if (this.cached(position, length) !== undefined) return;
    await this.#readCache.read(position, length);
  }

  addLive(position: Position, bytes: number): void {
    if (position >= this.#gathering.start) this.#gathering.addLive(position, bytes);
    else this.#segments.addLive(position, bytes);
  }

  addDead(position: Position, bytes: number): void {
    this.addLive(position, -bytes);
  }

  async dropBefore(position: Position): Promise<void> {
    assert(this.#dropping === undefined, 'one drop at a time');
    if (this.#closing !== undefined) return;
    this.#dropping = this.#drop(position);
    try {
      await this.#dropping;
    } catch (error) {
      this.#writer.fail(error);
      throw error;
    } finally {
      this.#dropping = undefined;
    }
  }

  segments(): SegmentInfo[] {
    return this.#segments.all.map((segment) => ({
      firstPosition: segment.firstAddress,
      endPosition: segment.endAddress,
      fileBytes: segment.fileBytes,
      liveBytes: segment.liveBytes,
      sealed: segment.isSealed,
    }));
  }

  /** Asks for the free space in the background, so that the next call knows it. */
  space(): LogSpace {
    this.#askFree();
    const inSegments = this.#segments.all.reduce((sum, segment) => sum + segment.fileBytes, 0);
    return {
      fileBytes: inSegments + this.#removals.fileBytes,
      liveBytes: this.#segments.liveBytes + this.#gathering.liveBytes,
      freeBytes: this.#freeBytes,
      segmentBytes: this.#sizes.segmentBytes,
      reserveHalves: this.#reserve.halves,
    };
  }

  /**
   * After an end, and where `open` failed, nothing is left to be made durable, and the next start
   * must look at everything.
   */
  close(failure?: Error): Promise<void> {
    this.#closing ??= this.#close(failure);
    return this.#closing;
  }

  async #close(failure: Error | undefined): Promise<void> {
    if (failure !== undefined && this.#isOpen) this.#writer.fail(failure);
    const isRunning = this.#isOpen && !this.#writer.hasEnded;
    // Before the wait for a drop, which may wait for what waits for a descriptor.
    if (isRunning) this.#writer.giveUp();
    // How it ends is for its caller; the directory is given back when nothing is removed any more.
    await this.#dropping?.catch(() => undefined);
    try {
      if (isRunning) await this.#stopCleanly();
    } finally {
      await this.#reserve.stop();
      if (this.#isOpen) await this.#writer.settle();
      await this.#checkpointing;
      await this.#readCache.settle();
      await this.#segments.closeAll();
    }
  }

  #begin(chain: ChainEnd): void {
    const { chunkBytes, tailCacheBytes } = this.#sizes;
    this.#arena = new Arena(chain.address, chunkBytes, tailCacheBytes);
    this.#gathering.begin(chain.address, chain);
    this.#writer = new Writer(
      {
        storage: this.#storage,
        arena: this.#arena,
        gathering: this.#gathering,
        segments: this.#segments,
        reserve: this.#reserve,
        sizes: this.#sizes,
        epoch: this.#epoch,
        fence: this.#fence,
        salt: this.#salt,
        progressed: this.#notices.progressed,
        rolled: this.#onRolled,
        ended: this.#notices.ended,
      },
      chain,
    );
    if (!this.#waits) this.#writer.giveUp();
  }

  #report(findings: Findings, cutFile: string | undefined): OpenReport {
    const { checkpoint, chain } = findings;
    return {
      epoch: this.#epoch,
      cleanStop: checkpoint?.isClean ?? true,
      stamp: { timeMs: chain.timeMs, nextId: chain.nextId },
      segments: this.#segments.all.length,
      batches: findings.batches,
      records: findings.records,
      bytesRead: findings.bytesRead,
      bytesCut: findings.torn?.bytes ?? 0,
      cutFile,
    };
  }

  async #drop(position: Position): Promise<void> {
    const kept = this.#segments.all.find(
      (segment) => !segment.isSealed || segment.endAddress > position,
    );
    assert(kept !== undefined, 'a log without a segment');
    if (kept !== this.#segments.oldest) await this.#writeOldest(kept);
    await this.#removeBefore(kept.number);
    this.#askFree();
  }

  /** In a later batch than all that is marked: that must be durable before anything may go. */
  async #writeOldest(kept: Segment): Promise<void> {
    assert(this.#arena.end === this.appended, 'records without a mark');
    this.#gathering.cut();
    const offset = this.begin(KIND_OLDEST, OLDEST_VERSION, OLDEST_BODY_BYTES);
    writeOldest(this.buffer, offset, {
      number: kept.number,
      address: kept.firstAddress,
      batch: kept.firstBatch,
      previousCrc: kept.previousCrc,
    });
    this.end(offset + OLDEST_BODY_BYTES);
    this.mark(this.#gathering.lastStamp);
    this.commit();
    await this.#writer.whenSynced(this.appended);
  }

  async #removeBefore(number: number): Promise<void> {
    while (this.#segments.oldest !== undefined && this.#segments.oldest.number < number) {
      const segment = this.#segments.shift();
      await this.#segments.closeForGood(segment);
      this.#removals.add(segment);
    }
    await this.#removals.run();
  }

  /** The newest one ends here: a segment goes only when another one is written. */
  readonly #onDamaged: BlockDamaged = (segment, error) => {
    segment.isDamaged = true;
    if (!segment.isSealed) this.#writer.seal();
    this.#notices.damaged(error);
  };

  readonly #onRolled = (): void => {
    const checkpoint = this.#checkpoint(false);
    this.#checkpointing = this.#checkpointing.then(() => this.#noteRoll(checkpoint));
    this.#askFree();
  };

  /** Nothing depends on this one: without space or a descriptor for it the one before stays. */
  async #noteRoll(checkpoint: Checkpoint): Promise<void> {
    try {
      await writeCheckpoint(this.#storage, checkpoint);
    } catch (error) {
      if (!isNoSpace(error) && !isNoDescriptor(error)) this.#writer.fail(error);
    }
  }

  #checkpoint(isClean: boolean): Checkpoint {
    const writer = this.#writer;
    return {
      isClean,
      epoch: this.#epoch,
      segment: writer.tail.number,
      batch: writer.syncedBatch,
      position: writer.synced,
      timeMs: writer.lastStamp.timeMs,
      nextId: writer.lastStamp.nextId,
    };
  }

  async #stopCleanly(): Promise<void> {
    assert(this.#arena.end === this.appended, 'records without a mark');
    this.commit();
    await this.#writer.whenSynced(this.appended);
    await this.#reserve.stop();
    await this.#checkpointing;
    if (this.#writer.hasEnded || !this.#writer.isOurs()) return;
    const checkpoint = this.#checkpoint(true);
    try {
      await this.#reserve.withRoom(() => writeCheckpoint(this.#storage, checkpoint));
    } catch (error) {
      this.#writer.fail(error);
      if (this.#writer.isOurs()) throw error;
    }
  }

  #askFree(): void {
    if (this.#isAskingFree || this.#closing !== undefined) return;
    this.#isAskingFree = true;
    this.#storage.freeBytes().then(
      (freeBytes) => {
        this.#isAskingFree = false;
        this.#freeBytes = freeBytes;
        this.#fillReserve();
      },
      (error: unknown) => this.#writer.fail(error),
    );
  }

  #fillReserve(): void {
    if (!this.#keepsReserve || this.#closing !== undefined) return;
    this.#reserve.fill(this.#freeBytes).catch((error: unknown) => this.#writer.fail(error));
  }
}
