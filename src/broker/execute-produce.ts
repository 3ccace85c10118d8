/**
 * Produce: admit, execute a slice, remember, answer with the last slice.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { writeProduced, writeProducedRun } from '../protocol/answers.ts';
import { DURABILITY } from '../protocol/operations.ts';
import type { Request } from '../protocol/request.ts';
import type { RefusedReceipt } from '../queue/answers.ts';
import type { MessageSlice } from '../queue/journal.ts';
import { dropOldest, isLimited, loadOf, refuseGroups, refuseOverflow } from '../queue/overflow.ts';
import { produce, queueToProduceTo } from '../queue/produce.ts';
import { produceOnce, refuseTooManyKeys } from '../queue/produce-once.ts';
import type { Durability, Queue } from '../queue/queue.ts';
import type { Connection, RunningRequest } from './connection.ts';
import { type Core, durabilityNumber } from './core.ts';
import {
  begin,
  progressOf,
  recall,
  refuseTooManyOpen,
  remember,
  sequencedSession,
} from './sequence.ts';

const duplicate: readonly RefusedReceipt[] = [{ index: 0, code: 'DUPLICATE' }];

/** Returns its cost in messages. */
export function executeProduce(
  core: Core,
  connection: Connection,
  request: Request,
  nowMs: number,
): number {
  const session = sequencedSession(connection, request);
  const known = recall(session, request);
  if (known?.complete) {
    const runs = known.runs ?? [known.value, known.count];
    answer(core, connection, request, runs, known.refused ?? []);
    return 1;
  }
  const progress = progressOf(core, connection, known, request.messages.count);
  if (progress === undefined) {
    refuseTooManyOpen(connection, session);
    core.admission.refuseWhatNeedsSpace();
    refuseTooFarAhead(request, nowMs);
  }
  const { state } = core;
  // What has begun is finished, whatever has become of the queue meanwhile.
  const begun = progress === undefined ? undefined : state.existing(request.queue);
  const queue = begun ?? queueToProduceTo(state, request.queue, nowMs);
  if (progress === undefined && request.deduplicationIds.length > 0) {
    refuseTooManyKeys(state, queue, request.deduplicationIds.length, nowMs);
  }
  const done = progress?.done ?? 0;
  if (done === 0 && isLimited(queue) && !hasRoom(core, request, progress, queue, nowMs)) {
    connection.running = progress ?? begin(core, 0);
    return limits.sliceMessagesMax;
  }
  const slice = sliceFrom(core, request, done);
  if (request.deduplicationIds.length > 0) {
    executeOnce(core, connection, request, progress ?? begin(core, 0), queue, slice, nowMs);
    return slice.count;
  }
  const firstId = produce(state, queue, request, slice, nowMs);
  const complete = done + slice.count === request.messages.count;
  remember(core, session, request, complete, slice.count, firstId, undefined);
  if (progress === undefined && complete) {
    answerRun(core, connection, request, firstId, slice.count);
  } else {
    goOn(core, connection, request, progress, firstId, slice.count);
  }
  return slice.count;
}

/** Refuses what is too much, or makes room for it; false: more is to go in the next turns. */
function hasRoom(
  { state }: Core,
  { messages, deduplicationIds }: Request,
  progress: RunningRequest | undefined,
  queue: Queue,
  nowMs: number,
): boolean {
  const load = loadOf(queue, messages, deduplicationIds, nowMs);
  if (progress === undefined) {
    refuseGroups(queue, messages.groups);
    refuseOverflow(queue, load);
  }
  return !dropOldest(state, queue, load);
}

function refuseTooFarAhead({ notBeforeMs }: Request, nowMs: number): void {
  if (notBeforeMs - nowMs <= limits.delayMsMax) return;
  const what = `notBeforeMs may be at most ${limits.delayMsMax} ms ahead`;
  throw new WonderqError('BAD_REQUEST', what, { field: 'notBeforeMs' });
}

/** As above, where messages have deduplication IDs: a part of the answer for each run of them. */
function executeOnce(
  core: Core,
  connection: Connection,
  request: Request,
  running: RunningRequest,
  queue: Queue,
  slice: MessageSlice,
  nowMs: number,
): void {
  const session = sequencedSession(connection, request);
  const keys = request.deduplicationIds;
  for (const part of produceOnce(core.state, queue, request, slice, keys, nowMs)) {
    const { firstId, count, isDuplicate } = part;
    if (isDuplicate) running.refused.push({ index: running.done, code: 'DUPLICATE' });
    running.done += count;
    const complete = running.done === request.messages.count;
    const refused = isDuplicate ? duplicate : undefined;
    remember(core, session, request, complete, count, firstId, refused);
    addRun(running.runs, firstId, count);
  }
  conclude(core, connection, request, running);
}

function goOn(
  core: Core,
  connection: Connection,
  request: Request,
  progress: RunningRequest | undefined,
  firstId: number,
  count: number,
): void {
  const running = progress ?? begin(core, 0);
  running.done += count;
  addRun(running.runs, firstId, count);
  conclude(core, connection, request, running);
}

function conclude(
  core: Core,
  connection: Connection,
  request: Request,
  running: RunningRequest,
): void {
  const isDone = running.done === request.messages.count;
  connection.running = isDone ? undefined : running;
  if (isDone) answer(core, connection, request, running.runs, running.refused);
}

/** As many messages from the one numbered `first` on as one turn takes. */
function sliceFrom(core: Core, request: Request, first: number): MessageSlice {
  const { messages } = request;
  const { buffer } = core.frame;
  const start = messages.offsets[first]!;
  let next = first;
  let end = start;
  while (next < messages.count && next - first < limits.turnMessagesMax) {
    if (next > first && end - start >= limits.turnBytesMax) break;
    end = messages.offsets[next]! + messages.lengths[next]!;
    next += 1;
  }
  const { offsets, lengths, groups } = messages;
  return { buffer, start, end, count: next - first, first, offsets, lengths, groups };
}

function answerRun(
  core: Core,
  connection: Connection,
  request: Request,
  firstId: number,
  count: number,
): void {
  const level = levelOf(core, request);
  const output = core.gate.output(connection, level);
  writeProducedRun(output.writer, request.id, durabilityNumber(level), firstId, count);
  core.gate.countSequenced(connection, output, request);
}

function answer(
  core: Core,
  connection: Connection,
  request: Request,
  runs: readonly number[],
  duplicates: readonly RefusedReceipt[],
): void {
  const level = levelOf(core, request);
  const output = core.gate.output(connection, level);
  const indices = duplicates.map(({ index }) => index);
  writeProduced(output.writer, request.id, durabilityNumber(level), runs, indices);
  core.gate.countSequenced(connection, output, request);
}

function levelOf(core: Core, request: Request): Durability {
  if (request.durability === DURABILITY.write) return 'write';
  return core.levelOf(core.state.existing(request.queue));
}

function addRun(runs: number[], firstId: number, count: number): void {
  const last = runs.length - 1;
  if (last > 0 && runs[last - 1]! + runs[last]! === firstId) runs[last] = runs[last]! + count;
  else runs.push(firstId, count);
}
