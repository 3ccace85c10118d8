/**
 * Compaction as the broker does it, over recorded facts: piece by piece it copies what stands before a
 * boundary and is needed, at the end tells again what else is needed, and drops the rest.
 */
import * as assert from 'uvu/assert';
import { IdList } from '../../../src/queue/id-list.ts';
import { restateKeys } from '../../../src/queue/produce-once.ts';
import type { Queue } from '../../../src/queue/queue.ts';
import { type MessageSnapshot, Survey, snapshotLocated } from '../../../src/queue/relocate.ts';
import { move } from '../../../src/queue/replay.ts';
import type { State } from '../../../src/queue/state.ts';
import type { Recorder } from './recorder.ts';

export class Compaction {
  readonly boundary: number;
  copiedCount = 0;
  private readonly state: State;
  private readonly recorder: Recorder;
  private readonly survey: Survey;
  private readonly ids: IdList;

  constructor(state: State, recorder: Recorder, boundary: number, idsMax = 64) {
    this.state = state;
    this.recorder = recorder;
    this.boundary = boundary;
    this.survey = new Survey(state, boundary);
    this.ids = new IdList(idsMax);
  }

  /** Copies one piece. Returns whether there may be more. */
  step(bytesMax: number): boolean {
    const queue = this.survey.next(this.ids, bytesMax);
    if (queue === undefined) return false;
    const snapshot = {} as MessageSnapshot;
    for (const id of this.ids.values.subarray(0, this.ids.count)) {
      assert.ok(queue.locate(id), 'what is surveyed is live');
      const from = queue.foundChunk!.positions[queue.foundIndex]!;
      assert.ok(from < this.boundary, 'what is surveyed stands before the boundary');
      snapshotLocated(this.state, queue, snapshot);
      const { length } = snapshot;
      const body = length === 0 ? Buffer.alloc(0) : this.recorder.bodyAt(from, length);
      move(this.state, queue, this.recorder.copied(queue, snapshot, body));
      this.copiedCount += 1;
    }
    return true;
  }

  /** Tells again what is needed besides messages, then drops what stands before the boundary. */
  finish(nowMs = 0): void {
    const { state, recorder, boundary } = this;
    for (const queue of state.queuesByNumber.values()) {
      if (queue.position < boundary) queue.position = recorder.queueSet(queue);
    }
    for (const template of state.templates.values()) {
      if (template.position < boundary) template.position = recorder.templateSet(template);
    }
    for (const queue of state.deduplicating) this.restateKeys(queue, nowMs);
    for (const session of state.sessions.all()) {
      if (session.position < boundary) session.position = recorder.sessionOpened(session);
      for (const sequence of session.answers.sequencesBefore(boundary)) {
        const answer = session.answers.find(sequence)!;
        const position = recorder.restored(session, sequence, answer);
        session.answers.restore(sequence, { ...answer, position });
      }
    }
    recorder.dropBefore(boundary);
  }

  private restateKeys(queue: Queue, nowMs: number): void {
    let from: number | undefined = 0;
    while (from !== undefined) {
      from = restateKeys(this.state, queue, from, this.boundary, nowMs);
    }
  }
}
