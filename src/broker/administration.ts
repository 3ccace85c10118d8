/**
 * What operators ask: queues by name, made, configured, paused, purged, deleted; templates;
 * figures. Arguments are plain values from the wire, checked here by name.
 */
import { WonderqError } from '../errors.ts';
import { writeOk } from '../protocol/answers.ts';
import { isChange } from '../protocol/features.ts';
import type { Request } from '../protocol/request.ts';
import { createDeadQueue, createQueue, inheritedSettings } from '../queue/create.ts';
import { deleteQueue, purge } from '../queue/purge.ts';
import type { Paused, Queue, QueueSettings } from '../queue/queue.ts';
import { deadIds, redrive } from '../queue/redrive.ts';
import type { Session } from '../queue/session.ts';
import { type Arguments, badField, flag, name, text, whole } from './arguments.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import { checkSettings, settingsOf } from './given-settings.ts';
import { looks } from './look.ts';
import { recall, refuseTooManyOpen, remember, sequencedSession } from './sequence.ts';
import { describeBroker, describeQueue, listQueues } from './stats.ts';
import { steeringVerbs } from './steering.ts';
import { addTemplate, listTemplates, removeTemplate } from './templates.ts';
import {
  idsOf,
  type Outcome,
  outcomeWith,
  queueAsSeen,
  refusedIds,
  sliceMax,
  type Verb,
} from './verb.ts';

const queueOf = (core: Core, args: Arguments, _outcome: Outcome, nowMs: number): unknown =>
  describeQueue(core, core.state.required(name(args)), nowMs);

/** Said again to who asked before: the queue may be gone since then. */
const queueAsItIs = (core: Core, args: Arguments, _outcome: Outcome, nowMs: number): unknown => {
  const queue = core.state.existing(name(args));
  return queue === undefined ? { name: name(args) } : describeQueue(core, queue, nowMs);
};

const VERBS: Readonly<Record<string, Verb>> = {
  'queue.create': { needsSpace: true, act: create, value: queueAsItIs },
  'queue.configure': { act: configure, value: queueAsItIs },
  'queue.pause': { act: pause, value: queueAsItIs },
  'queue.resume': { act: resume, value: queueAsItIs },
  'queue.purge': {
    act: (core, args) => purge(core.state, queueAsSeen(core, args)),
    value: (_core, _args, { value }) => ({ purged: value }),
  },
  'queue.redrive': {
    act: redriveSome,
    value: (core, args, outcome) => {
      const dead = core.state.existing(name(args))?.dead ?? 0;
      const refused = refusedIds(eachOnce(args) ?? [], outcome);
      return { redriven: outcome.value, dead, refused };
    },
  },
  'queue.delete': {
    act: (core, args) => deleteQueue(core.state, queueAsSeen(core, args)),
    value: (_core, _args, { value }) => ({ deleted: value }),
  },
  ...steeringVerbs,
  'queue.get': { act: () => 0, value: queueOf },
  queues: {
    act: () => 0,
    value: (core, args, _result, nowMs) =>
      listQueues(core, text(args, 'after') ?? '', whole(args, 'limit', 1, 1000, 100), nowMs),
  },
  'template.set': {
    needsSpace: true,
    act: addTemplate,
    value: (_core, _args, { value }) => ({ matches: value }),
  },
  'template.delete': { act: removeTemplate, value: () => ({}) },
  templates: { act: () => 0, value: listTemplates },
  stats: {
    act: () => 0,
    value: (core, args, _result, nowMs) => describeBroker(core, flag(args, 'queues', true), nowMs),
  },
};

export const verbNames: readonly string[] = [...Object.keys(VERBS), ...Object.keys(looks)];

/** Returns its cost in messages. */
export function administer(
  core: Core,
  connection: Connection,
  request: Request,
  nowMs: number,
): number {
  if (Object.hasOwn(looks, request.verb)) {
    return core.looks.begin(connection, request.id, looks[request.verb]!(core, request.arguments));
  }
  const verb = Object.hasOwn(VERBS, request.verb) ? VERBS[request.verb] : undefined;
  if (verb === undefined) {
    throw new WonderqError('UNKNOWN_OPERATION', 'no such verb', { field: 'verb' });
  }
  // What changes something counts by its sequence number.
  const session = isChange(request.verb) ? sequencedSession(connection, request) : undefined;
  const known = recall(session, request);
  if (known === undefined) admit(core, connection, request.verb, session);
  const outcome = known ?? outcomeOf(verb.act(core, request.arguments, nowMs, connection.name));
  const { value, refused } = outcome;
  if (known === undefined) remember(core, session, request, true, 1, value, refused);
  // What operators are told may be about queues of any level.
  const output = core.gate.output(connection, 'fsync');
  writeOk(output.writer, request.id, verb.value(core, request.arguments, outcome, nowMs));
  if (session !== undefined) core.gate.countSequenced(connection, output, request);
  return 1;
}

function outcomeOf(done: number | Outcome): Outcome {
  return typeof done === 'number' ? { value: done } : done;
}

function admit(
  core: Core,
  connection: Connection,
  verb: string,
  session: Session | undefined,
): void {
  refuseTooManyOpen(connection, session);
  if (VERBS[verb]!.needsSpace) core.admission.refuseWhatNeedsSpace();
  else if (isChange(verb)) core.admission.refuseWhatChanges();
}

function create(core: Core, args: Arguments, nowMs: number): number {
  const wanted = name(args);
  if (core.state.existing(wanted) !== undefined) {
    throw new WonderqError('QUEUE_EXISTS', `queue ${wanted} exists already`, { field: 'queue' });
  }
  const settings = { ...inheritedSettings(core.state, wanted), ...settingsOf(args) };
  checkSettings(core.state, wanted, settings);
  const [queue] = core.state.allEntered(namesOf(wanted, settings));
  createQueue(core.state, queue!, settings, nowMs);
  return 0;
}

function configure(core: Core, args: Arguments, nowMs: number): number {
  const queue = core.state.required(name(args));
  const settings = { ...queue.settings, ...settingsOf(args) };
  checkSettings(core.state, queue.name, settings);
  core.state.allEntered(namesOf(queue.name, settings));
  queue.settings = settings;
  queue.position = core.journal.queueSet(queue);
  createDeadQueue(core.state, settings, nowMs);
  return 0;
}

function pause(core: Core, args: Arguments): number {
  const queue = core.state.required(name(args));
  const what = whatOf(args);
  const isBoth = what === 'both' || (queue.paused !== 'none' && queue.paused !== what);
  return setPaused(core, queue, isBoth ? 'both' : what);
}

function resume(core: Core, args: Arguments): number {
  const queue = core.state.required(name(args));
  const what = whatOf(args);
  if (what === 'both' || queue.paused === what) return setPaused(core, queue, 'none');
  if (queue.paused !== 'both') return 0;
  return setPaused(core, queue, what === 'produce' ? 'receive' : 'produce');
}

function setPaused(core: Core, queue: Queue, paused: Paused): number {
  queue.paused = paused;
  queue.position = core.journal.queueSet(queue);
  core.state.changed.add(queue);
  return 0;
}

/** The queue itself, and the one where its dead messages go, which is there from then on. */
function namesOf(queue: string, { deadQueue }: QueueSettings): string[] {
  return deadQueue === undefined ? [queue] : [queue, deadQueue];
}

function redriveSome(core: Core, args: Arguments, _nowMs: number, by: string): Outcome {
  const { state } = core;
  const queue = queueAsSeen(core, args);
  const limit = whole(args, 'limit', 1, sliceMax, sliceMax);
  const isElsewhere = args.to !== undefined && args.to !== null;
  const to = isElsewhere ? state.required(name(args, 'to'), 'to') : queue;
  return outcomeWith(redrive(state, queue, to, eachOnce(args) ?? deadIds(queue, limit), by));
}

function eachOnce(args: Arguments): number[] | undefined {
  const ids = idsOf(args);
  return ids === undefined ? undefined : [...new Set(ids)];
}

function whatOf(args: Arguments): 'produce' | 'receive' | 'both' {
  const what = args.what ?? 'both';
  if (what === 'produce' || what === 'receive' || what === 'both') return what;
  throw badField('what', 'must be produce, receive or both');
}
