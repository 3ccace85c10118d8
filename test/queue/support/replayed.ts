/**
 * Brings recorded facts back to life in a fresh state, as a start of the broker does, and compares two
 * states by what can be seen of them.
 */

import { limits } from '../../../src/limits.ts';
import { settingNames } from '../../../src/protocol/queue-settings.ts';
import { IdList } from '../../../src/queue/id-list.ts';
import type { MessageSlice } from '../../../src/queue/journal.ts';
import type { Queue } from '../../../src/queue/queue.ts';
import { type MessageSnapshot, snapshotLocated } from '../../../src/queue/relocate.ts';
import {
  replayAnswered,
  replayCopied,
  replayDeduplicated,
  replayDelivered,
  replayDied,
  replayExtended,
  replayMoved,
  replayProduced,
  replayPurged,
  replayQueueDeleted,
  replayQueueSet,
  replayRedriven,
  replayRestored,
  replayReturned,
  replaySessionEnded,
  replaySessionOpened,
  replaySettled,
  replayUnreadable,
} from '../../../src/queue/replay.ts';
import type { Session } from '../../../src/queue/session.ts';
import type { State } from '../../../src/queue/state.ts';
import { Template } from '../../../src/queue/template.ts';
import { type Fact, Recorder } from './recorder.ts';

type Replay<K> = (state: State, fact: Fact & { kind: K }) => void;

const replays: { readonly [K in Fact['kind']]: Replay<K> } = {
  queueSet: (state, fact) => replayQueueSet(state, fact, fact.position),
  queueDeleted: (state, fact) => replayQueueDeleted(state, fact.number),
  templateSet: (state, { pattern, settings, position }) => {
    state.templates.set(pattern, new Template(pattern, settings, position));
  },
  templateDeleted: (state, { pattern }) => {
    state.templates.delete(pattern);
  },
  purged: (state, fact) => replayPurged(state, fact.number),
  produced: (state, fact) => {
    const { number, priority, firstId, nowMs, dueMs, expiresMs, inside } = fact;
    const times = [nowMs, dueMs, expiresMs] as const;
    replayProduced(state, number, priority, firstId, ...times, sliceOf(fact), inside);
  },
  delivered: (state, { number, session, firstToken, dueMs, ids }) =>
    replayDelivered(state, number, session, firstToken, dueMs, idList(ids)),
  settled: (state, { number, ids }) => replaySettled(state, number, idList(ids)),
  returned: (state, { number, how, ids }) => replayReturned(state, number, how, idList(ids)),
  died: (state, { number, how, ids }) => replayDied(state, number, how, idList(ids)),
  moved: (state, { number, to, how, ids }) => replayMoved(state, number, to, how, idList(ids)),
  deleted: (state, { number, ids }) => replaySettled(state, number, idList(ids)),
  deduplicated: (state, { number, entries, position }) => {
    if (state.journal instanceof Recorder) state.journal.keyPositions.add(position);
    replayDeduplicated(state, number, entries, position);
  },
  redriven: (state, { number, ids }) => replayRedriven(state, number, idList(ids)),
  extended: (state, { number, dueMs, ids }) => replayExtended(state, number, dueMs, idList(ids)),
  unreadable: (state, { number, ids }) => replayUnreadable(state, number, idList(ids)),
  sessionOpened: (state, { session, key, name, position }) =>
    replaySessionOpened(state, session, key, name, position),
  sessionEnded: (state, { session }) => replaySessionEnded(state, session),
  answered: (state, { session, part, position }) => replayAnswered(state, session, part, position),
  restored: (state, { session, sequence, answer, position }) =>
    replayRestored(state, session, sequence, structuredClone({ ...answer, position })),
  copied: (state, { number, copy, inside }) => replayCopied(state, number, copy, inside),
};

export function replayFact(state: State, fact: Fact): void {
  const replay = replays[fact.kind] as Replay<Fact['kind']>;
  replay(state, fact);
}

export function idList(values: readonly number[]): IdList {
  const ids = new IdList(Math.max(1, values.length));
  for (const value of values) ids.push(value);
  return ids;
}

function sliceOf(fact: Fact & { kind: 'produced' }): MessageSlice {
  return {
    buffer: fact.bytes,
    start: 0,
    end: fact.bytes.length,
    count: fact.offsets.length,
    first: 0,
    offsets: Uint32Array.from(fact.offsets),
    lengths: Uint32Array.from(fact.lengths),
    groups: fact.groups,
  };
}

export type MessageView = MessageSnapshot & { position: number };

/** All that a client could ever notice of a state, and where things stand in the log. */
export function viewOf(state: State) {
  const queues = [...state.queuesByNumber.values()].sort((a, b) => a.number - b.number);
  const sessions = [...state.sessions.all()].sort((a, b) => a.number - b.number);
  const templates = [...state.templates.values()].sort((a, b) => (a.pattern < b.pattern ? -1 : 1));
  return {
    ...(templates.length > 0 && { templates: templates.map(templateView) }),
    queues: queues.map((queue) => {
      const { number, name, createdMs, paused, position, ready, inFlight, delayed, bytes } = queue;
      const settings = settingsOf(queue);
      const counts = { ready, inFlight, delayed, bytes };
      const messages = messagesOf(state, name).map(plain);
      return { number, name, createdMs, paused, position, settings, counts, messages };
    }),
    sessions: sessions.map((session) => {
      const { number, key, name, position, leaseCount } = session;
      const answers = answersOf(session);
      return { number, key, name, position, leaseCount, leases: leasesOf(state, session), answers };
    }),
  };
}

function templateView({ pattern, position, ...template }: Template) {
  return { pattern, position, settings: settingsOf(template) };
}

/** Those that are set, in the order of their table, however they were read. */
function settingsOf({ settings }: Pick<Queue, 'settings'>) {
  const set = settingNames.filter((name) => settings[name] !== undefined);
  return Object.fromEntries(set.map((name) => [name, settings[name]]));
}

/** What most messages do not have is told of those only that do. */
function plain({ expiresMs, failures, ...view }: MessageView) {
  return {
    ...view,
    ...(expiresMs > 0 && { expiresMs }),
    ...(failures.length > 0 && { failures }),
  };
}

/** The messages of a queue in the order in which they would go. */
export function messagesOf(state: State, name: string): MessageView[] {
  const queue = state.required(name);
  const found: MessageView[] = [];
  for (const lane of queue.lanes) {
    for (const chunk of lane.chunks) {
      for (let index = 0; index < chunk.count; index += 1) {
        if (!queue.locate(chunk.idAt(index))) continue;
        found.push(located(state, name));
      }
    }
  }
  return found;
}

function located(state: State, name: string): MessageView {
  const queue = state.required(name);
  const snapshot = {} as MessageSnapshot;
  snapshotLocated(state, queue, snapshot);
  return { ...snapshot, position: queue.foundChunk!.positions[queue.foundIndex]! };
}

function leasesOf(state: State, session: Session): number[] {
  const ids: number[] = [];
  for (let row = session.firstRow; row !== 0; row = state.leases.nexts[row]!) {
    ids.push(state.leases.ids[row]!);
  }
  return ids.sort((a, b) => a - b);
}

function answersOf({ answers }: Session) {
  const least = Math.max(1, answers.highest - limits.sessionAnswersMax + 1);
  const found = [];
  for (let sequence = least; sequence <= answers.highest; sequence += 1) {
    const answer = answers.find(sequence);
    if (answer !== undefined) found.push({ sequence, ...answer });
  }
  return found;
}
