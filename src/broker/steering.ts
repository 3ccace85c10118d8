/**
 * The verbs about single messages: delete and move, each with how it was seen where that is said.
 */
import type { MessageState } from '../queue/chunk.ts';
import { deleteMessages, type Meant, moveMessages } from '../queue/steer.ts';
import { type Arguments, badField, isWhole, name } from './arguments.ts';
import type { Core } from './core.ts';
import { messageStates } from './record-description.ts';
import {
  idsOf,
  type Outcome,
  outcomeWith,
  queueAsSeen,
  refusedIds,
  sliceMax,
  type Verb,
} from './verb.ts';

export const steeringVerbs: Readonly<Record<string, Verb>> = {
  'message.delete': {
    act: (core, args, nowMs, by) =>
      outcomeWith(deleteMessages(core.state, queueAsSeen(core, args), meantBy(args), by, nowMs)),
    value: (_core, args, outcome) => ({ deleted: outcome.value, ...refusedOf(args, outcome) }),
  },
  'message.move': {
    act: move,
    value: (_core, args, outcome) => ({ moved: outcome.value, ...refusedOf(args, outcome) }),
  },
};

function move(core: Core, args: Arguments, nowMs: number, by: string): Outcome {
  const queue = queueAsSeen(core, args);
  const to = core.state.required(name(args, 'to'), 'to');
  if (to === queue) throw badField('to', 'must be another queue');
  return outcomeWith(moveMessages(core.state, queue, to, meantBy(args), by, nowMs));
}

function refusedOf(args: Arguments, outcome: Outcome) {
  return { refused: refusedIds(idsOf(args)!, outcome) };
}

function meantBy(args: Arguments): Meant {
  const ids = idsOf(args);
  if (ids === undefined) throw badField('ids', `must be 1 to ${sliceMax} message IDs`);
  return {
    ids,
    states: column(args, 'states', ids.length, 'states of messages', stateOf),
    deliveryCounts: column(args, 'deliveryCounts', ids.length, 'delivery counts', countOf),
  };
}

/** One value for each ID, or nil where nothing is said; `read` gives undefined for a wrong one. */
function column<Value>(
  args: Arguments,
  field: string,
  count: number,
  what: string,
  read: (value: unknown) => Value | undefined,
): (Value | undefined)[] | undefined {
  const given = args[field] ?? undefined;
  if (given === undefined) return undefined;
  const isColumn = Array.isArray(given) && given.length === count;
  if (!isColumn) throw badField(field, `must be ${count}, one for each of ids`);
  return given.map((value) => {
    if (value === null) return undefined;
    const known = read(value);
    if (known === undefined) throw badField(field, `must be ${what}`);
    return known;
  });
}

function stateOf(value: unknown): MessageState | undefined {
  const state = messageStates.indexOf(value as string);
  return state > 0 ? (state as MessageState) : undefined;
}

function countOf(value: unknown): number | undefined {
  return isWhole(value, 0, Number.MAX_SAFE_INTEGER) ? value : undefined;
}
