/**
 * Settings of a queue that are right one by one and make no sense together.
 */
import type { QueueSettings } from './queue.ts';
import type { State } from './state.ts';

export interface Contradiction {
  readonly field: keyof QueueSettings;
  readonly what: string;
}

/** The first one in what the queue of this name is to have, or undefined. */
export function contradictionIn(
  state: State,
  name: string,
  settings: QueueSettings,
): Contradiction | undefined {
  const { backoff, backoffMs, backoffMsMax, deadQueue, whenFailed } = settings;
  const { messagesMax, bytesMax, whenFull } = settings;
  if (backoffMs === undefined) {
    if (backoff !== undefined) return { field: 'backoff', what: 'needs backoffMs' };
    if (backoffMsMax !== undefined) return { field: 'backoffMsMax', what: 'needs backoffMs' };
  } else if (backoffMsMax !== undefined && backoffMsMax < backoffMs) {
    return { field: 'backoffMsMax', what: 'must not be less than backoffMs' };
  }
  if (whenFull !== undefined && messagesMax === undefined && bytesMax === undefined) {
    return { field: 'whenFull', what: 'needs messagesMax or bytesMax' };
  }
  if (deadQueue === undefined) return undefined;
  if (whenFailed === 'discard') return { field: 'deadQueue', what: 'contradicts whenFailed' };
  const what = deadQueueFault(state, name, deadQueue);
  return what === undefined ? undefined : { field: 'deadQueue', what };
}

/** Why a queue of this name cannot have this one for its dead messages, or undefined. */
export function deadQueueFault(state: State, name: string, deadQueue: string): string | undefined {
  if (deadQueue === name) return 'must be another queue';
  return leadsTo(state, deadQueue, name) ? 'leads back to the queue itself' : undefined;
}

/** Whether what dies in `from` may come to `name`, or to no end, over however many queues. */
function leadsTo(state: State, from: string, name: string): boolean {
  const passed = new Set([name]);
  for (let at = from; !passed.has(at); ) {
    passed.add(at);
    const next = state.existing(at)?.settings.deadQueue;
    if (next === undefined) return false;
    at = next;
  }
  return true;
}
