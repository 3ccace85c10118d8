/**
 * Receive and subscribe, and what goes with them: acknowledge on the way, credit, take back.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type Codes, writeOk } from '../protocol/answers.ts';
import type { Request } from '../protocol/request.ts';
import type { RefusedReceipt, RememberedAnswer } from '../queue/answers.ts';
import { joinLine, removeTaker } from '../queue/deliver.ts';
import type { Queue } from '../queue/queue.ts';
import { ack } from '../queue/settle.ts';
import { Taker } from '../queue/taker.ts';
import type { Acknowledged } from './acknowledged.ts';
import { retryAfterMs } from './admission.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import { codesOf } from './execute-settle.ts';
import { recall, refuseTooManyOpen, remember, sequencedSession } from './sequence.ts';

/**
 * Its answer comes with the dispatch at the end of the turn, or later. Returns its cost in
 * messages.
 */
export function executeReceive(
  core: Core,
  connection: Connection,
  request: Request,
  nowMs: number,
): number {
  refuseTaker(core, connection, request);
  const known = request.hasAcks ? admitAcks(core, connection, request) : undefined;
  const queues = core.state.allExpected(request.queues);
  const acknowledged = request.hasAcks
    ? acknowledge(core, connection, request, known, nowMs)
    : undefined;
  const taker = newTaker(connection, request, 'receive', queues, acknowledged);
  const { waitMs } = request;
  core.state.takers.add(taker, waitMs === 0 ? undefined : nowMs + waitMs);
  joinLine(core.state, taker);
  return 1 + request.receipts.count;
}

export function subscribe(core: Core, connection: Connection, request: Request): void {
  refuseTaker(core, connection, request);
  const queues = core.state.allExpected(request.queues);
  const taker = newTaker(connection, request, 'subscription', queues, undefined);
  core.state.takers.add(taker, Number.POSITIVE_INFINITY);
  joinLine(core.state, taker);
  // Ahead of the deliveries that follow, whatever their level.
  writeOk(core.gate.output(connection, 'write').writer, request.id);
}

export function addCredit(core: Core, connection: Connection, request: Request): void {
  const taker = connection.takers.get(request.subscription);
  // It may have ended while this was on its way.
  if (taker === undefined) return;
  taker.messages = Math.min(limits.creditMax, taker.messages + request.creditMessages);
  taker.bytes += request.creditBytes;
  joinLine(core.state, taker);
}

export function unsubscribe(core: Core, connection: Connection, request: Request): void {
  const taker = connection.takers.get(request.subscription);
  if (taker !== undefined) {
    connection.takers.delete(request.subscription);
    removeTaker(core.state, taker);
  }
  // Behind the deliveries before it, whatever their level.
  writeOk(core.gate.output(connection, 'fsync').writer, request.id);
}

export function cancel(core: Core, connection: Connection, request: Request): void {
  const taker = connection.takers.get(request.target);
  if (taker !== undefined) {
    removeTaker(core.state, taker);
    core.outlet.end(taker, 'CANCELLED');
  }
  writeOk(core.gate.output(connection, 'write').writer, request.id);
}

function refuseTaker(core: Core, connection: Connection, request: Request): void {
  core.admission.refuseDeliveries();
  if (connection.takers.has(request.id)) {
    throw new WonderqError('BAD_REQUEST', 'a request of this ID is open', { field: 'id' });
  }
  if (connection.takers.size >= limits.takersPerConnectionMax) {
    const most = `${limits.takersPerConnectionMax} receives and subscriptions are open`;
    throw new WonderqError('BUSY', most, { retryAfterMs });
  }
  if (!request.detached && connection.session === undefined) {
    throw new WonderqError('BAD_REQUEST', 'without a session a lease must be detached', {
      field: 'detached',
    });
  }
}

function newTaker(
  connection: Connection,
  request: Request,
  kind: 'receive' | 'subscription',
  queues: readonly Queue[],
  acknowledged: Acknowledged | undefined,
): Taker {
  const isReceive = kind === 'receive';
  const bytes = isReceive ? request.bytesMax : request.creditBytes;
  const taker = new Taker({
    connection,
    requestId: request.id,
    queues,
    session: request.detached ? undefined : connection.session,
    kind,
    messages: isReceive ? request.messagesMax : request.creditMessages,
    bytes: bytes === 0 ? Number.POSITIVE_INFINITY : bytes,
    visibilityMs: request.visibilityMs,
    acknowledged,
    isSequenced: isReceive && request.sequence > 0,
  });
  connection.takers.set(request.id, taker);
  return taker;
}

/** What is remembered of the receive's acks; if nothing, they may be executed now. */
function admitAcks(
  core: Core,
  connection: Connection,
  request: Request,
): RememberedAnswer | undefined {
  const session = sequencedSession(connection, request);
  const known = recall(session, request);
  if (known !== undefined) return known;
  refuseTooManyOpen(connection, session);
  core.admission.refuseWhatChanges();
  return undefined;
}

/** Acknowledges what the receive carries, unless that was done before. */
function acknowledge(
  core: Core,
  connection: Connection,
  request: Request,
  known: RememberedAnswer | undefined,
  nowMs: number,
): Acknowledged {
  const refused = known === undefined ? ackAll(core, connection, request, nowMs) : known.refused;
  if (request.sequence > 0) connection.openSequenced += 1;
  const { groups } = request;
  const queues = groups.queues.slice(0, groups.count);
  const levels = queues.map((name) => core.levelOf(core.state.existing(name)));
  const codes = queues.map((_, group): Codes => {
    const from = groups.from[group]!;
    const to = groups.to[group]!;
    const ofGroup = refused?.filter(({ index }) => index >= from && index < to);
    const shifted = ofGroup?.map(({ index, code }) => ({ index: index - from, code }));
    return codesOf(shifted, to - from);
  });
  return { codes, level: levels.includes('fsync') ? 'fsync' : 'write' };
}

function ackAll(
  core: Core,
  connection: Connection,
  request: Request,
  nowMs: number,
): readonly RefusedReceipt[] | undefined {
  const { groups, receipts } = request;
  const { ids, tokens } = receipts;
  const all: RefusedReceipt[] = [];
  for (let group = 0; group < groups.count; group += 1) {
    const queue = core.state.existing(groups.queues[group]!);
    const from = groups.from[group]!;
    const to = groups.to[group]!;
    const place = { ids, tokens, from, to };
    const refused = ack(core.state, queue, connection.session, place, nowMs);
    for (const { index, code } of refused ?? []) all.push({ index: from + index, code });
  }
  const { count } = receipts;
  const session = sequencedSession(connection, request);
  remember(core, session, request, true, count, count, all.length === 0 ? undefined : all);
  return all;
}
