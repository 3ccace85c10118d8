/**
 * Browsing beside the model: all pages together are the model's messages of that state, in order,
 * and nothing is written down by it.
 */
import * as assert from 'uvu/assert';
import { browse, type Place } from '../../../src/queue/browse.ts';
import {
  DEAD,
  DELAYED,
  HELD,
  IN_FLIGHT,
  type MessageState,
  READY,
} from '../../../src/queue/chunk.ts';
import type { Random } from '../../support/random.ts';
import type { Comparison } from './comparison.ts';
import type { ModelMessage } from './model.ts';
import { toldState } from './model-turns.ts';

const numbers: Readonly<Record<ModelMessage['state'] | 'held', MessageState>> = {
  held: HELD,
  ready: READY,
  'in flight': IN_FLIGHT,
  delayed: DELAYED,
  dead: DEAD,
};

export function browseSome(comparison: Comparison, random: Random): void {
  const { model, rig } = comparison;
  const names = [...model.queues.keys()];
  if (names.length === 0) return;
  const name = random.pick(names);
  const states = [undefined, 'ready', 'held', 'in flight', 'delayed', 'dead'] as const;
  const wanted = random.pick(states);
  const { messages } = model.queues.get(name)!;
  const expected = messages
    .filter((message) => wanted === undefined || toldState(messages, message) === wanted)
    .sort((a, b) => b.priority - a.priority || a.id - b.id)
    .map(({ priority, id }) => ({ priority, id }));
  const facts = rig.recorder.facts.length;
  const state = wanted && numbers[wanted];
  const pages = browseAll(comparison, name, state, random.integer(1, 40));
  assert.equal(pages.flat(), expected, `browsing ${name} for ${wanted}`);
  assert.is(rig.recorder.facts.length, facts, 'browsing writes nothing');
  if (expected.length > 0) comparison.note('browsed');
  if (pages.length > 2) comparison.note('browsed over pages');
}

function browseAll(
  { rig }: Comparison,
  name: string,
  state: MessageState | undefined,
  most: number,
): (readonly Place[])[] {
  const pages: (readonly Place[])[] = [];
  let after: Place | undefined;
  do {
    const page = browse(rig.state.required(name), after, state, most);
    pages.push(page.places);
    after = page.next;
  } while (after !== undefined);
  return pages;
}
