/**
 * A queue comes into being: with what is given for it, and below that what its template says.
 */
import { deadQueueFault } from './contradictions.ts';
import type { Queue, QueueSettings } from './queue.ts';
import type { State } from './state.ts';
import { templateFor } from './template.ts';

/**
 * What the template that fits best gives to a queue of this name. A `deadQueue` that this one
 * cannot have (itself, one that leads back to it, one too many) is left out, so that a template
 * never refuses a queue.
 */
export function inheritedSettings(state: State, name: string): QueueSettings {
  const settings = templateFor(state.templates.values(), name)?.settings ?? {};
  const { deadQueue } = settings;
  if (deadQueue === undefined) return settings;
  const isFit = deadQueueFault(state, name, deadQueue) === undefined;
  return isFit && state.hasRoomFor([name, deadQueue])
    ? settings
    : { ...settings, deadQueue: undefined };
}

export function createQueue(
  state: State,
  queue: Queue,
  settings: QueueSettings,
  nowMs: number,
): void {
  state.create(queue, nowMs);
  queue.settings = settings;
  queue.position = state.journal.queueSet(queue);
  createDeadQueue(state, settings, nowMs);
}

/** Where dead messages go is there from then on; there is room for it. */
export function createDeadQueue(state: State, { deadQueue }: QueueSettings, nowMs: number): void {
  if (deadQueue === undefined || state.existing(deadQueue) !== undefined) return;
  createQueue(state, state.entered(deadQueue), inheritedSettings(state, deadQueue), nowMs);
}
