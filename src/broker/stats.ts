/**
 * Figures for operators: plain values, as `stats` and the queue verbs answer them.
 */
import { limits } from '../limits.ts';
import type { Queue } from '../queue/queue.ts';
import type { Core } from './core.ts';
import { brokerVersion } from './settings.ts';

const queuesMax = 1000;

export function describeQueue(core: Core, queue: Queue, nowMs: number) {
  const oldestMs = queue.oldestProducedMs();
  return {
    name: queue.name,
    ready: queue.available,
    held: queue.behind,
    inFlight: queue.inFlight,
    delayed: queue.delayed,
    unreadable: queue.unreadable,
    dead: queue.dead,
    bytes: queue.bytes,
    deadBytes: queue.deadBytes,
    oldestAgeMs: oldestMs === undefined ? undefined : Math.max(0, nowMs - oldestMs),
    waiting: queue.line.size,
    paused: queue.paused,
    createdMs: queue.createdMs,
    settings: {
      visibilityMs: queue.settings.visibilityMs ?? core.settings.visibilityMs,
      durability: core.levelOf(queue),
      failuresMax: queue.settings.failuresMax ?? null,
      whenFailed: queue.settings.whenFailed ?? 'dead',
      deadQueue: queue.settings.deadQueue ?? null,
      backoffMs: queue.settings.backoffMs ?? null,
      backoff: queue.settings.backoff ?? 'fixed',
      backoffMsMax: queue.settings.backoffMsMax ?? null,
      deduplicationMs: queue.settings.deduplicationMs ?? limits.deduplicationMsDefault,
      timeToLiveMs: queue.settings.timeToLiveMs ?? null,
      whenExpired: queue.settings.whenExpired ?? 'discard',
      messagesMax: queue.settings.messagesMax ?? null,
      bytesMax: queue.settings.bytesMax ?? null,
      whenFull: queue.settings.whenFull ?? 'refuse',
    },
    counters: queue.counters,
  };
}

/** A page of queues by name, after the name `after`. */
export function listQueues(core: Core, after: string, limit: number, nowMs: number) {
  const names: string[] = [];
  for (const queue of core.state.queuesByNumber.values()) {
    if (queue.name > after) names.push(queue.name);
  }
  names.sort();
  const page = names.slice(0, limit);
  return {
    queues: page.map((name) => describeQueue(core, core.state.required(name), nowMs)),
    more: names.length > limit,
  };
}

export function describeBroker(core: Core, withQueues: boolean, nowMs: number) {
  const { state, log, time } = core;
  const space = log.space();
  const page = withQueues ? listQueues(core, '', queuesMax, nowMs) : undefined;
  const gapMs = time.gapMs();
  return {
    version: brokerVersion,
    timeMs: nowMs,
    startedMs: core.startedMs,
    /** How far broker time is from the wall clock, and which of the two is ahead. */
    clock: { gapMs: Math.abs(gapMs), ahead: gapMs > 0 ? 'wall' : 'broker' },
    durability: core.settings.durability,
    start: core.startReport,
    totals: totals(core),
    log: {
      segments: log.segments().length,
      fileBytes: space.fileBytes,
      liveBytes: Math.max(0, space.liveBytes),
      freeBytes: space.freeBytes,
      reserveHalves: space.reserveHalves,
      appendedBytes: log.appended - core.startPosition,
      unsyncedBytes: log.appended - log.synced,
      compactedSegments: core.compactedSegments,
      compactedBytes: core.compactedBytes,
      damagedBlocks: core.damagedBlocks,
    },
    connections: core.connections.size,
    sessions: state.sessions.size,
    waiting: state.takers.size,
    memory: process.memoryUsage(),
    cpu: usedCpu(),
    queues: page?.queues ?? [],
    moreQueues: page?.more ?? false,
  };
}

/** Processor time of the whole process since it began, in microseconds. */
function usedCpu() {
  const { user, system } = process.cpuUsage();
  return { userUs: user, systemUs: system };
}

function totals(core: Core) {
  const sums = { queues: 0, ready: 0, inFlight: 0, delayed: 0, unreadable: 0, dead: 0, bytes: 0 };
  for (const queue of core.state.queuesByNumber.values()) {
    sums.queues += 1;
    sums.ready += queue.ready;
    sums.inFlight += queue.inFlight;
    sums.delayed += queue.delayed;
    sums.unreadable += queue.unreadable;
    sums.dead += queue.dead;
    sums.bytes += queue.bytes;
  }
  return sums;
}
