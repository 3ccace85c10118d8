/**
 * Message groups: of each group the message with the lowest ID comes first, and the next one
 * only when it is settled, dead or gone; while it is delayed, or any of them is in flight, the
 * group waits. Groups take turns. These are changes of the state alone, part of what happens to
 * each message.
 */
import { type Chunk, HELD, IN_FLIGHT, type MessageState, READY } from './chunk.ts';
import { type Group, Groups } from './groups.ts';
import type { Lane } from './lane.ts';
import type { Queue } from './queue.ts';
import type { State } from './state.ts';

/** A ready message belongs to this group from now on, and waits for its turn. */
export function joinGroup(
  state: State,
  queue: Queue,
  lane: Lane,
  chunk: Chunk,
  index: number,
  key: string,
): void {
  queue.groups ??= new Groups();
  const group = queue.groups.entered(key);
  group.members += 1;
  chunk.setGroup(index, group.number);
  waitInGroup(state, queue, lane, chunk, index);
}

/** A message that may be delivered again, or whose delivery began: what of its group goes next. */
export function waitInGroup(
  state: State,
  queue: Queue,
  lane: Lane,
  chunk: Chunk,
  index: number,
): void {
  const group = groupOf(queue, chunk, index);
  if (group === undefined) return;
  if (chunk.states[index] === READY) {
    lane.setState(chunk, index, HELD);
    queue.ready -= 1;
    queue.held += 1;
  }
  const id = chunk.idAt(index);
  group.waiting.add(id);
  if (chunk.states[index] === IN_FLIGHT) group.takeOut(id);
  else group.takeBack(id);
  giveTurn(state, queue, group);
}

/** A message waits no more: dead or unreadable, it holds up nobody. */
export function passTurn(state: State, queue: Queue, chunk: Chunk, index: number): void {
  const group = groupOf(queue, chunk, index);
  if (group === undefined) return;
  const id = chunk.idAt(index);
  group.waiting.remove(id);
  group.takeBack(id);
  giveTurn(state, queue, group);
}

/** A message leaves the queue. Returns the key of its group. */
export function leaveGroup(
  state: State,
  queue: Queue,
  chunk: Chunk,
  index: number,
): string | undefined {
  const group = groupOf(queue, chunk, index);
  if (group === undefined) return undefined;
  group.members -= 1;
  passTurn(state, queue, chunk, index);
  if (group.members === 0) queue.groups!.forget(group);
  return group.key;
}

/** The state that is told: whose group has its turn is ready, whatever it waits for. */
export function toldState(queue: Queue, chunk: Chunk, index: number): MessageState {
  const state = chunk.states[index] as MessageState;
  return state !== HELD || isBehind(queue, chunk, index) ? state : READY;
}

/** Whether the message at this place waits behind another one of its group. */
export function isBehind(queue: Queue, chunk: Chunk, index: number): boolean {
  return chunk.states[index] === HELD && groupOf(queue, chunk, index)!.holder !== chunk.idAt(index);
}

export function groupOf({ groups }: Queue, chunk: Chunk, index: number): Group | undefined {
  if (chunk.groups === undefined || chunk.groups[index] === 0) return undefined;
  return groups!.withNumber(chunk.groups[index]!);
}

function giveTurn(state: State, queue: Queue, group: Group): void {
  const { turns } = queue.groups!;
  const { head } = group;
  if (head === 0 || group.out !== 0 || !isHeld(queue, head)) {
    turns.delete(group);
    return;
  }
  turns.add(group);
  state.changed.add(queue);
}

/** Whether nothing but its turn keeps a message of a group; none of them has a priority. */
function isHeld(queue: Queue, id: number): boolean {
  const lane = queue.lane(0);
  const chunk = lane.chunks[lane.chunkOf(id)]!;
  return chunk.states[lane.indexIn(chunk, id)] === HELD;
}
