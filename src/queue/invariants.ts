/**
 * Recounts the whole state and compares: slow, for tests and the simulation. Every assertion here
 * is about state that no single rule sees whole.
 */
import assert from 'node:assert';
import { type Chunk, DEAD, DELAYED, GONE, HELD, IN_FLIGHT, READY, UNREADABLE } from './chunk.ts';
import { groupOf } from './grouping.ts';
import type { Group } from './groups.ts';
import { DIED_EXPIRED } from './journal.ts';
import type { Lane } from './lane.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';

export function checkInvariants(state: State): void {
  let rows = 0;
  let failures = 0;
  let limited = 0;
  for (const [number, queue] of state.queuesByNumber) {
    assert(queue.number === number, 'a queue stands under its number');
    assert(state.queuesByName.get(queue.name) === queue, 'a queue stands under its name');
    rows += checkQueue(state, queue);
    failures += countFailures(state, queue.lanes);
    for (const lane of queue.lanes) limited += countLimited(state, lane);
  }
  failures += countFailures(state, state.retired);
  for (const lane of state.retired) {
    for (const chunk of lane.chunks) rows += countRows(chunk);
    limited += countLimited(state, lane);
  }
  assert(state.leases.failures.size === failures, 'each failure belongs to a message');
  assert(state.leases.expiries.size === limited, 'a time to live belongs to a message');
  assert(state.leases.size === rows, `${state.leases.size} rows, ${rows} reached`);
  checkSessions(state);
  checkLines(state);
}

function checkQueue(state: State, queue: Queue): number {
  let rows = 0;
  const counts = [0, 0, 0, 0, 0, 0, 0];
  let bytes = 0;
  let [inFlightBytes, deadBytes] = [0, 0];
  for (const [at, lane] of queue.lanes.entries()) {
    assert(at === 0 || queue.lanes[at - 1]!.priority > lane.priority, 'priorities of lanes fall');
    checkLane(lane);
    for (const chunk of lane.chunks) {
      rows += countRows(chunk);
      for (let index = 0; index < chunk.count; index += 1) {
        const status = chunk.states[index]!;
        counts[status] = counts[status]! + 1;
        if (status === GONE) continue;
        bytes += chunk.lengths[index]!;
        if (status === IN_FLIGHT) inFlightBytes += chunk.lengths[index]!;
        if (status === DEAD) deadBytes += chunk.lengths[index]!;
        checkMessage(state, queue, lane, chunk, index);
      }
    }
  }
  assert(
    queue.ready === counts[READY] && queue.inFlight === counts[IN_FLIGHT],
    'ready and in flight',
  );
  assert(queue.delayed === counts[DELAYED] && queue.bytes === bytes, 'delayed, and bytes');
  assert(
    queue.inFlightBytes === inFlightBytes && queue.deadBytes === deadBytes,
    'bytes in flight, and dead',
  );
  assert(
    queue.unreadable === counts[UNREADABLE] && queue.dead === counts[DEAD],
    'unreadable, dead',
  );
  assert(queue.held === counts[HELD], 'held by their groups');
  checkGroups(queue);
  return rows;
}

function checkGroups(queue: Queue): void {
  const found = new Map<Group, number[]>();
  const out = new Set<Group>();
  let members = 0;
  for (const chunk of queue.lanes.flatMap(({ chunks }) => chunks)) {
    for (let index = 0; index < chunk.count; index += 1) {
      const status = chunk.states[index];
      const group = status === GONE ? undefined : groupOf(queue, chunk, index);
      assert(group !== undefined || status !== HELD, 'only its group can hold a message');
      if (group === undefined) continue;
      assert(status !== READY, 'a message of a group is not ready outside of its turn');
      members += 1;
      if (status === IN_FLIGHT) {
        assert(group.out === chunk.idAt(index), 'of a group one is out at a time');
        out.add(group);
      }
      const isWaiting = status !== DEAD && status !== UNREADABLE;
      found.set(group, (found.get(group) ?? []).concat(isWaiting ? chunk.idAt(index) : []));
    }
  }
  let turns = 0;
  for (const group of queue.groups?.all() ?? []) {
    const ids = found.get(group);
    assert(ids !== undefined && members > 0, 'a group has members');
    assert(
      group.waiting.size === ids.length && group.head === (ids[0] ?? 0),
      'a group knows its head',
    );
    assert(out.has(group) === group.out > 0, 'a group knows which one is out');
    const isFree = group.out === 0 && group.head !== 0;
    const isNext = isFree && queue.locate(group.head) && isHeldFound(queue);
    assert(isNext === group.turn > 0, 'whose head waits for nothing else has a turn');
    if (isNext) turns += 1;
  }
  assert(found.size === (queue.groups?.size ?? 0), 'no group is unknown');
  assert(turns === (queue.groups?.turns.size ?? 0), 'turns are counted');
}

function isHeldFound({ foundChunk, foundIndex }: Queue): boolean {
  return foundChunk!.states[foundIndex] === HELD;
}

function checkLane(lane: Lane): void {
  let last = 0;
  let live = 0;
  let ready = 0;
  for (const chunk of lane.chunks) {
    assert(chunk.count > 0 && chunk.baseId > last, 'chunks hold something and follow each other');
    for (let index = 0; index < chunk.count; index += 1) {
      assert(chunk.idAt(index) > last, 'IDs rise');
      last = chunk.idAt(index);
      assert(
        chunk.states[index] !== READY || index >= chunk.readyFrom,
        'nothing is ready before readyFrom',
      );
      assert(
        chunk.states[index] === GONE || chunk.positions[index]! >= chunk.positionMin,
        'nothing lies before positionMin',
      );
    }
    live += chunk.live;
    const states = chunk.states.subarray(0, chunk.count);
    const delayed = states.filter((status) => status === DELAYED);
    const dead = states.filter((status) => status === DEAD);
    assert(chunk.delayed === delayed.length, 'delayed of a chunk');
    assert(chunk.dead === dead.length, 'dead of a chunk');
    ready += chunk.ready;
  }
  assert(lane.live === live && lane.ready === ready, 'live and ready of a lane');
}

function checkMessage(state: State, queue: Queue, lane: Lane, chunk: Chunk, index: number): void {
  const { leases } = state;
  const status = chunk.states[index];
  const row = chunk.rows[index]!;
  const isReady = status === READY || status === HELD;
  const isAtRest = isReady || status === UNREADABLE || status === DEAD;
  assert(row !== 0 || (isAtRest && status !== DEAD), 'whatever is more than ready has a row');
  assert(
    chunk.lengths[index]! > 0 || status === UNREADABLE || status === IN_FLIGHT,
    'what waits to be delivered has bytes',
  );
  assert(chunk.lengths[index] === 0 || status !== UNREADABLE, 'what is unreadable has none');
  if (row === 0) return;
  assert(leases.ids[row] === chunk.idAt(index), 'a row knows its message');
  assert(
    leases.queues[row] === queue.number && leases.priorities[row] === lane.priority,
    'a row knows its queue and lane',
  );
  assert(leases.deadlines.has(row) === !isAtRest, 'whatever is more than ready has a deadline');
  assert(
    !leases.expiries.has(row) || isReady || !isAtRest,
    'only what may be delivered has a time to live',
  );
  assert(
    leases.sessions[row] === 0 || status === IN_FLIGHT,
    'only what is in flight has a session',
  );
}

function countFailures({ leases }: State, lanes: readonly Lane[]): number {
  let count = 0;
  for (const { chunks } of lanes) {
    for (const { count: entries, states, rows } of chunks) {
      for (let index = 0; index < entries; index += 1) {
        if (states[index] === GONE || rows[index] === 0) continue;
        const kept = leases.failures.of(leases.histories[rows[index]!]!);
        const failed = kept.filter(({ reason }) => reason !== DIED_EXPIRED);
        assert(failed.length <= leases.deliveryCounts[rows[index]!]!, 'nothing fails undelivered');
        count += kept.length;
      }
    }
  }
  return count;
}

function countRows(chunk: Chunk): number {
  let rows = 0;
  for (let index = 0; index < chunk.count; index += 1) {
    if (chunk.states[index] !== GONE && chunk.rows[index] !== 0) rows += 1;
  }
  return rows;
}

function countLimited({ leases }: State, lane: Lane): number {
  let limited = 0;
  for (const { count, states, rows } of lane.chunks) {
    for (let index = 0; index < count; index += 1) {
      if (states[index] !== GONE && leases.expiries.has(rows[index]!)) limited += 1;
    }
  }
  return limited;
}

function checkSessions(state: State): void {
  for (const session of state.sessions.all()) {
    let count = 0;
    for (let row = session.firstRow; row !== 0; row = state.leases.nexts[row]!) {
      assert(state.leases.sessions[row] === session.number, 'a session lists its own leases');
      count += 1;
    }
    assert(count === session.leaseCount, 'a session counts its leases');
    const isAway = state.sessions.inGrace.has(session) || state.sessions.idle.has(session);
    assert(isAway === (session.connection === undefined), 'without connection: in grace, or idle');
  }
}

function checkLines(state: State): void {
  for (const taker of state.takers.all()) {
    assert(!taker.inLine || taker.hasCredit, 'who is in line has credit');
    for (const queue of taker.queues)
      assert(queue.line.has(taker) === taker.inLine, 'in all lines or in none');
  }
}
