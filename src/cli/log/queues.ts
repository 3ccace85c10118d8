/**
 * How many messages the queues of a log have, as its replay tells.
 */
import type { State } from '../../queue/state.ts';
import { table } from '../text.ts';

export type QueueFigures = ReturnType<typeof queueFiguresOf>;

/** By name. */
export function queueFiguresOf(state: State) {
  const queues = [...state.queuesByNumber.values()].map((queue) => ({
    name: queue.name,
    live: queue.live,
    ready: queue.ready + queue.held,
    inFlight: queue.inFlight,
    delayed: queue.delayed,
    unreadable: queue.unreadable,
    bytes: queue.bytes,
  }));
  return queues.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function queueTable(queues: QueueFigures): string {
  const heads = ['QUEUE', 'LIVE', 'READY', 'IN FLIGHT', 'DELAYED', 'UNREADABLE', 'BYTES'];
  return table([heads, ...queues.map((queue) => Object.values(queue))]);
}
