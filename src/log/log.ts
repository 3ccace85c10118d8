/**
 * The log as the broker sees it: the one seam below the broker. Files are the default
 * (`file-log.ts`); a replicated log can stand in its place. It knows records as opaque bytes of a
 * kind, never queues.
 *
 * A *position* is a safe integer that only the log interprets: ordered, and the address of one byte
 * in the endless stream of record bytes. A record is written in place into the log's own memory
 * (the arena), which is both the write buffer and the cache of the tail, so its bytes are copied
 * once.
 */
import type { BlockDamagedError } from '../errors.ts';

export type Position = number;

/** What every batch carries besides records. */
export interface Stamp {
  /** Broker time of the newest record, in milliseconds. */
  timeMs: number;
  /** The next message ID that the broker will give out. */
  nextId: number;
}

/** A run of bytes in memory: the byte at position p lies at `buffer[p - address]`. */
export interface CachedRange {
  readonly buffer: Buffer;
  readonly address: Position;
}

/** What a start found and did. */
export interface OpenReport {
  /** Counts the starts of this log, from 1. */
  epoch: number;
  /** Whether the last run ended with `close()`. */
  cleanStop: boolean;
  /** The stamp of the last valid batch; zeros in a new log. */
  stamp: Stamp;
  segments: number;
  batches: number;
  records: number;
  bytesRead: number;
  /** A torn tail that was cut: bytes, and the file in `quarantine/` that keeps them. */
  bytesCut: number;
  cutFile: string | undefined;
}

export interface SegmentInfo {
  firstPosition: Position;
  /** One past the last record byte. */
  endPosition: Position;
  fileBytes: number;
  liveBytes: number;
  sealed: boolean;
}

export interface LogSpace {
  /** All files of the log but the reserve. */
  fileBytes: number;
  /** Record bytes that the owner declared live. */
  liveBytes: number;
  freeBytes: number;
  /** About how many bytes go at once when the oldest is dropped. */
  segmentBytes: number;
  /** Halves of the reserve that are left: 2 in good times. */
  reserveHalves: 0 | 1 | 2;
}

export type VisitRecord = (
  kind: number,
  version: number,
  /** Holds the record's body from `start` to `end`; valid only during the call. */
  buffer: Buffer,
  start: number,
  end: number,
  /** Position of the byte at `start`. */
  position: Position,
) => void;

/** Called by the log, never from inside a call to it. */
export interface LogListener {
  /** A watermark moved: look at `written` and `synced`. */
  progressed(): void;
  /** The reserve was given up, or is whole again: look at `space()`. */
  spaceChanged(): void;
  /**
   * Bytes that were durable cannot be read any more: a start would refuse the log until what else
   * is live up to there was appended again and `dropBefore` let the file go. May be told again.
   */
  damaged(error: BlockDamagedError): void;
  /**
   * The log has ended; nothing will become durable any more. `fenced`: somebody else owns it now.
   * `failed`: a write or sync failed.
   */
  ended(how: 'fenced' | 'failed', error: Error): void;
}

export interface Log {
  /** No batch is longer than this. */
  readonly batchBytesMax: number;

  /**
   * Reads the whole log in order, calls `visit` for every record of every valid batch, then makes
   * it ready for appending: the torn tail is cut and kept aside, the tail of an unclean stop
   * rewritten, a new epoch and a new segment begun. On return all that was visited is durable.
   * Throws `LogDamagedError` with file, offset and what is affected, and changes nothing, on any
   * other damage, and where `visit` throws `UnknownRecordError` or `MalformedRecordError`. Yields
   * to the event loop between reads.
   */
  open(visit: VisitRecord): Promise<OpenReport>;

  /** From here on the listener is told. */
  listen(listener: LogListener): void;

  /**
   * Begins a record of at most `bytesMax` bytes of body. Returns where its body goes in `buffer`,
   * which has room for them in one run. Exactly one `end` follows, before any other call.
   */
  begin(kind: number, version: number, bytesMax: number): number;
  /** The arena that `begin` pointed into. */
  readonly buffer: Buffer;
  /** Position of the first body byte of the record now being written. */
  readonly beginPosition: Position;
  /** Ends the record: its body reaches up to `offset` in `buffer`. */
  end(offset: number): void;

  /** The records since the last mark belong together: they share one batch. */
  mark(stamp: Stamp): void;

  /**
   * Writes and syncs what is marked. While a batch is in flight the next one gathers and follows by
   * itself: there is no timer. Cheap when there is nothing to do.
   */
  commit(): void;

  /** One past the last byte marked, written to the operating system, and durable. */
  readonly appended: Position;
  readonly written: Position;
  readonly synced: Position;

  /**
   * Nothing gets durable for now; the broker refuses what would need it. For files: no descriptor
   * is left for the next segment; each `commit` tries again.
   */
  readonly stalled: boolean;

  /**
   * The run that holds these bytes, if they are in memory. No allocation. The bytes stay as they
   * are while one more record is written, so that it can be a copy of them.
   */
  cached(position: Position, length: number): CachedRange | undefined;

  /**
   * Fetches these bytes (and what lies near them) into memory and checks them. On return `cached`
   * finds them, until 16 MiB of later reads have pushed them out. Many may run at once. A drop
   * waits for those that began before it; what it took away they need not find.
   */
  read(position: Position, length: number): Promise<void>;

  /** The owner tells what is live, so that the log can tell what is worth compacting. */
  addLive(position: Position, bytes: number): void;
  addDead(position: Position, bytes: number): void;

  /**
   * Nothing before `position` is needed any more. Writes the record `oldest` in a batch after all
   * that was marked before the call, and when that is durable removes the segments that end at or
   * before `position`, oldest first. At most one at a time, and none once the log closes.
   */
  dropBefore(position: Position): Promise<void>;

  /** Oldest first. The last one is being written. */
  segments(): SegmentInfo[];
  space(): LogSpace;

  /**
   * Commits what is marked, waits for it and for a drop that runs, leaves the clean marker. With
   * what the owner failed at, the log ends as it is: only a completed stop is a clean one. A second
   * close is the first one: it is over when that is, and as that is.
   */
  close(failure?: Error): Promise<void>;
}
