/**
 * The repair of a damaged log, into another directory: every record that still checks is written
 * there again, in order, as a log without holes, and what was mended or is lost is told. The
 * damaged log is only read.
 */
import assert from 'node:assert';
import { limits } from '../limits.ts';
import { writeCheckpoint } from '../log/checkpoint.ts';
import { FileLog } from '../log/file-log.ts';
import type { Stamp } from '../log/log.ts';
import { type Losses, lossesOf } from '../log/losses.ts';
import { KIND_OWNER_MIN, visitRecords } from '../log/record.ts';
import { type Run, Salvage, type Salvaged } from '../log/salvage.ts';
import type { ChainEnd, VisitBatch } from '../log/scan.ts';
import type { Sizes } from '../log/sizes.ts';
import type { Storage } from '../log/storage.ts';
import type { State } from '../queue/state.ts';
import { stateOver } from './log-state.ts';
import { Mender } from './mending.ts';
import { RecordJournal } from './record-journal.ts';
import { type Facts, RecordParser } from './record-parser.ts';
import { RecordReader } from './record-reader.ts';

/**
 * No message of the repaired log may get an ID of one that is lost: a message takes three bytes of
 * the log at least, so that this is enough for 12 GiB without a trace.
 */
const idsLeftOut = 2 ** 32;

export type RepairReport = ReturnType<Repair['report']>;

export interface RepairOptions {
  /** No time in the repaired log is later. */
  readonly timeMsMax?: number | undefined;
  readonly sizes?: Partial<Sizes>;
}

export class Repair {
  readonly #target: Storage;
  readonly #salvage: Salvage;
  readonly #log: FileLog;
  readonly #state: State;
  readonly #journal: RecordJournal;
  readonly #mender: Mender;
  readonly #look: RecordParser;
  readonly #reader: RecordReader;
  readonly #timeMsMax: number;
  #stamp: Stamp = { timeMs: 0, nextId: 1 };
  #batches = 0;
  #records = 0;
  #batchesSetBack = 0;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(source: Storage, target: Storage, options: RepairOptions = {}) {
    this.#target = target;
    this.#timeMsMax = options.timeMsMax ?? Number.POSITIVE_INFINITY;
    this.#log = new FileLog(target, { ...options.sizes, reserve: false, waits: false });
    this.#journal = new RecordJournal(this.#log);
    this.#state = stateOver(this.#journal);
    this.#mender = new Mender(this.#state, this.#journal, () => this.#log.mark(this.#stamp));
    this.#look = new RecordParser(this.#mender.facts, this.#state.ids);
    this.#reader = new RecordReader(this.#state);
    const check = new RecordParser(nothing, this.#state.ids);
    this.#salvage = new Salvage(source, (...record) => check.apply(...record));
  }

  /** On return the new log is durable and closed; where it fails, nothing is written any more. */
  async run(): Promise<RepairReport> {
    const salvaged = await this.#salvage.survey();
    const losses = lossesOf(salvaged);
    try {
      await this.#begin(salvaged);
      await this.#writeAgain(salvaged, losses);
    } catch (error) {
      await this.#log.close(error as Error);
      throw error;
    }
    await this.#log.close();
    return this.report(salvaged, losses);
  }

  async #writeAgain(salvaged: Salvaged, losses: Losses): Promise<void> {
    const firstHole = firstHoleOf(losses);
    for (const { run, after } of losses.kept) {
      await this.#salvage.visit(
        run,
        (chain, ...batch) => {
          this.#mender.isBehindHole = chain.batch >= firstHole;
          if (chain.batch > after) this.#keep(chain, batch);
        },
        () => this.#caughtUp(limits.unsyncedBytesMax),
      );
    }
    this.#finish(salvaged, losses);
    await this.#caughtUp(0);
  }

  /** A log of the epoch after the last one that is known. */
  async #begin({ runs, checkpoint }: Salvaged): Promise<void> {
    const epoch = Math.max(checkpoint?.epoch ?? 0, ...runs.map((run: Run) => run.header.epoch));
    const empty = { segment: 0, batch: 0, position: 0, timeMs: 0, nextId: 0 };
    await writeCheckpoint(this.#target, { isClean: true, epoch, ...empty });
    await this.#log.open(() => assert.fail('a new log holds a record'));
    this.#log.listen({
      progressed: () => this.#wake(),
      spaceChanged: () => {},
      damaged: (error) => this.#fail(error),
      ended: (_how, error) => this.#fail(error),
    });
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  /** Waits until no more than so many bytes are on their way to the disk. */
  async #caughtUp(bytesMax: number): Promise<void> {
    while (this.#log.appended - this.#log.synced > bytesMax) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #keep(chain: Readonly<ChainEnd>, batch: Parameters<VisitBatch>): void {
    if (chain.timeMs > this.#timeMsMax) this.#batchesSetBack += 1;
    const timeMs = Math.min(chain.timeMs, this.#timeMsMax);
    this.#stamp = { timeMs, nextId: chain.nextId };
    this.#batches += 1;
    visitRecords(...batch, (kind, version, buffer, start, end, position) => {
      if (kind < KIND_OWNER_MIN) return;
      this.#records += 1;
      this.#mender.isReplaced = false;
      this.#look.apply(kind, version, buffer, start, end, position);
      if (!this.#mender.isReplaced) this.#write(kind, version, buffer, start, end);
    });
    this.#log.commit();
  }

  /**
   * Writes a record again and lets it take effect where it now stands. Each is marked by itself,
   * since what is mended before them may not fit their batch: no start sees a part of the new log.
   */
  #write(kind: number, version: number, buffer: Buffer, start: number, end: number): void {
    const log = this.#log;
    const offset = log.begin(kind, version, end - start);
    const position = log.beginPosition;
    buffer.copy(log.buffer, offset, start, end);
    log.end(offset + end - start);
    this.#reader.apply(kind, version, log.buffer, offset, offset + end - start, position);
    log.mark(this.#stamp);
  }

  #finish(salvaged: Salvaged, losses: Losses): void {
    const hasHoles = isDamaged(salvaged, losses);
    this.#mender.finish(hasHoles);
    if (this.#batchesSetBack > 0) this.#mender.releaseEverything();
    const known = Math.max(this.#state.nextId, this.#stamp.nextId, lastId(salvaged));
    const nextId = hasHoles ? known + idsLeftOut : known;
    // A batch that says so must hold a record.
    this.#journal.started(0);
    this.#log.mark({ timeMs: this.#stamp.timeMs, nextId });
    this.#log.commit();
  }

  report(salvaged: Salvaged, losses: Losses) {
    return {
      nothingLost: !isDamaged(salvaged, losses),
      kept: { batches: this.#batches, records: this.#records },
      damaged: salvaged.damaged,
      missing: salvaged.missing,
      lost: losses.lost,
      breaks: losses.breaks,
      checkpoint: salvaged.checkpointLost ?? 'intact',
      mended: this.#mender.mended,
      batchesSetBack: this.#batchesSetBack,
    };
  }
}

const ignore = () => {};

/** For a record that is only read to see whether it can be. */
const nothing: Facts = {
  started: ignore,
  queueSet: ignore,
  queueDeleted: ignore,
  templateSet: ignore,
  templateDeleted: ignore,
  purged: ignore,
  produced: ignore,
  delivered: ignore,
  settled: ignore,
  returned: ignore,
  died: ignore,
  moved: ignore,
  deleted: ignore,
  deduplicated: ignore,
  redriven: ignore,
  extended: ignore,
  unreadable: ignore,
  sessionOpened: ignore,
  sessionEnded: ignore,
  answered: ignore,
  restored: ignore,
  copied: ignore,
};

/** The first batch that is lost, or does not continue the one before. */
function firstHoleOf({ lost, breaks }: Losses): number {
  const batches = [
    ...lost.map(({ firstBatch }) => firstBatch),
    ...breaks.map(({ batch }) => batch),
  ];
  return Math.min(...batches, Number.POSITIVE_INFINITY);
}

function isDamaged({ damaged, missing, checkpointLost }: Salvaged, losses: Losses): boolean {
  const findings = [damaged, missing, losses.lost, losses.breaks];
  return checkpointLost !== undefined || findings.some((some) => some.length > 0);
}

function lastId({ checkpoint, runs }: Salvaged): number {
  return Math.max(checkpoint?.nextId ?? 0, ...runs.map(({ chain }) => chain.nextId));
}
