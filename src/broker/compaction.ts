/**
 * Compaction: what is still needed of the oldest segment is appended again, in ordinary batches
 * while traffic goes on, and when that is durable the segment goes. One segment at a time, oldest
 * first, so that an acknowledgement can never go before the message that it settled.
 */
import { limits } from '../limits.ts';
import type { CachedRange, SegmentInfo } from '../log/log.ts';
import { IdList } from '../queue/id-list.ts';
import { restateKeys } from '../queue/produce-once.ts';
import type { Queue } from '../queue/queue.ts';
import { type MessageSnapshot, Survey, snapshotLocated } from '../queue/relocate.ts';
import { move } from '../queue/replay.ts';
import type { Session } from '../queue/session.ts';
import type { Core } from './core.ts';
import type { Reads } from './reads.ts';
import type { Rot } from './rot.ts';

/** The oldest segment goes whatever else holds when less than this of it is live. */
const worthKeepingBytes = 1024 * 1024;
/** Records of queues and templates written again in one turn. */
const factsPerTurn = 100;

const blank: MessageSnapshot = {
  id: 0,
  priority: 0,
  producedMs: 0,
  length: 0,
  state: 0,
  deliveryCount: 0,
  failureCount: 0,
  session: 0,
  token: 0,
  dueMs: 0,
  expiresMs: 0,
  failures: [],
  group: undefined,
};

/** Of a message that can no longer be read. */
const noBytes: CachedRange = { buffer: Buffer.alloc(0), address: 0 };

export class Compaction {
  private readonly core: Core;
  private readonly rot: Rot;
  private readonly reads: Reads;
  private readonly nextTurn: () => Promise<void>;
  private readonly failed: (error: unknown) => void;
  private readonly ids = new IdList(limits.sliceMessagesMax);
  private readonly snapshot = { ...blank };
  private isRunning = false;

  /** `nextTurn` resolves in the next turn of the broker; `failed` is told why it ended. */
  constructor(
    core: Core,
    rot: Rot,
    reads: Reads,
    nextTurn: () => Promise<void>,
    failed: (error: unknown) => void,
  ) {
    this.core = core;
    this.rot = rot;
    this.reads = reads;
    this.nextTurn = nextTurn;
    this.failed = failed;
  }

  /** Starts to compact if it is time to. Returns at once; cheap enough to be asked often. */
  startIfDue(): void {
    if (this.isRunning) return;
    const segment = this.oldestDue();
    if (segment === undefined) return;
    this.isRunning = true;
    this.compact(segment).then(() => {
      this.isRunning = false;
      this.startIfDue();
    }, this.failed);
  }

  /** The oldest segment if it is to be compacted now. */
  private oldestDue(): SegmentInfo | undefined {
    const { log } = this.core;
    // Asked whatever there is to compact: so it is seen that a full disk has room again.
    const { fileBytes, liveBytes, segmentBytes, reserveHalves } = log.space();
    const segments = log.segments();
    const [oldest] = segments;
    if (oldest === undefined || !oldest.sealed || segments.length < 2) return undefined;
    if (oldest.firstPosition < this.rot.end) return oldest;
    const deadBytes = fileBytes - liveBytes;
    const isMostlyDead = deadBytes > Math.max(fileBytes / 2, 2 * segmentBytes);
    const isHardlyLive = oldest.liveBytes < Math.min(worthKeepingBytes, oldest.fileBytes / 2);
    const isSpaceLow = reserveHalves < 2 && oldest.liveBytes < oldest.fileBytes / 2;
    return isMostlyDead || isHardlyLive || isSpaceLow ? oldest : undefined;
  }

  private async compact(segment: SegmentInfo): Promise<void> {
    const boundary = segment.endPosition;
    await this.copyFacts(boundary);
    await this.copyMessages(boundary);
    // Purged messages that wait to be freed still count in the segment that is about to go.
    while (this.core.state.isFreeing) await this.turnEnds();
    await this.core.log.dropBefore(boundary);
    this.core.compactedSegments += 1;
  }

  private async copyMessages(boundary: number): Promise<void> {
    const survey = new Survey(this.core.state, boundary);
    for (;;) {
      const queue = survey.next(this.ids, limits.compactionTurnBytesMax);
      if (queue === undefined) return;
      if (this.ids.count > 0) await this.copySome(queue, boundary);
      await this.turnEnds();
    }
  }

  /**
   * Copies those of `ids` that are still live and still before the boundary when their bytes are
   * there.
   */
  private async copySome(queue: Queue, boundary: number): Promise<void> {
    const { log } = this.core;
    for (let at = 0; at < this.ids.count; at += 1) {
      const id = this.ids.values[at]!;
      for (;;) {
        if (!this.needsCopy(queue, id, boundary)) break;
        const chunk = queue.foundChunk!;
        const position = chunk.positions[queue.foundIndex]!;
        const length = chunk.lengths[queue.foundIndex]!;
        const range = length === 0 ? noBytes : log.cached(position, length);
        if (range !== undefined) {
          this.copyLocated(queue, range.buffer, position - range.address);
          break;
        }
        this.mark();
        await this.reads.read(position, length);
        // What is copied outside of a turn could come after the end of the broker.
        await this.nextTurn();
      }
    }
  }

  private needsCopy(queue: Queue, id: number, boundary: number): boolean {
    return queue.locate(id) && queue.foundChunk!.positions[queue.foundIndex]! < boundary;
  }

  private copyLocated(queue: Queue, buffer: Buffer, start: number): void {
    const { core, snapshot } = this;
    snapshotLocated(core.state, queue, snapshot);
    move(core.state, queue, core.journal.copied(queue, snapshot, buffer, start));
    core.compactedBytes += snapshot.length;
  }

  /** Queues, templates and sessions whose records stand before the boundary are written again. */
  private async copyFacts(boundary: number): Promise<void> {
    const { state, journal } = this.core;
    let written = 0;
    for (const queue of [...state.queuesByNumber.values()]) {
      if (!queue.exists || queue.position >= boundary) continue;
      if (state.queuesByNumber.get(queue.number) !== queue) continue;
      queue.position = journal.queueSet(queue);
      if (++written % factsPerTurn === 0) await this.turnEnds();
    }
    for (const template of [...state.templates.values()]) {
      if (template.position >= boundary) continue;
      if (state.templates.get(template.pattern) !== template) continue;
      template.position = journal.templateSet(template);
      if (++written % factsPerTurn === 0) await this.turnEnds();
    }
    await this.copyKeys(boundary);
    for (const session of [...state.sessions.all()]) {
      if (state.sessions.withNumber(session.number) !== session) continue;
      if (this.copySession(session, boundary)) await this.turnEnds();
    }
    await this.turnEnds();
  }

  /** Deduplication IDs whose windows last longer than the segment that tells them. */
  private async copyKeys(boundary: number): Promise<void> {
    const { state, time } = this.core;
    let looked = 0;
    for (const queue of [...state.deduplicating]) {
      let from: number | undefined = 0;
      while (from !== undefined && state.deduplicating.has(queue)) {
        looked += 1 + Math.min(queue.deduplication!.size, limits.turnMessagesMax);
        from = restateKeys(state, queue, from, boundary, time.now());
        if (looked < limits.turnMessagesMax) continue;
        looked = 0;
        await this.turnEnds();
      }
    }
  }

  /** Returns whether anything was written. */
  private copySession(session: Session, boundary: number): boolean {
    const { journal } = this.core;
    const isOld = session.position < boundary;
    if (isOld) session.position = journal.sessionOpened(session);
    const sequences = session.answers.sequencesBefore(boundary);
    for (const sequence of sequences) {
      const answer = session.answers.find(sequence)!;
      const position = journal.restored(session, sequence, answer);
      session.answers.restore(sequence, { ...answer, position });
      // An answer with many refused receipts is long, and what one mark holds is bounded.
      this.mark();
    }
    return isOld || sequences.length > 0;
  }

  /** What was copied is marked, and traffic gets its turn; while too much is unsynced it waits. */
  private async turnEnds(): Promise<void> {
    this.mark();
    do await this.nextTurn();
    while (this.core.admission.isOverloaded);
  }

  private mark(): void {
    this.core.mark(this.core.time.now());
  }
}
