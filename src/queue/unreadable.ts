/**
 * Messages whose bytes in the log can no longer be read: found by where they stand, written down,
 * and from then on only counted. Each call does one slice.
 */
import { limits } from '../limits.ts';
import { IdList } from './id-list.ts';
import type { Queue } from './queue.ts';
import { Survey } from './relocate.ts';
import type { State } from './state.ts';
import { loseBody } from './transitions.ts';

export class LostRange {
  private readonly state: State;
  private readonly from: number;
  private readonly to: number;
  private readonly survey: Survey;
  private readonly ids = new IdList(limits.sliceMessagesMax);
  /** Messages that lost their bodies. */
  count = 0;

  /** The bytes from position `from` up to `to` are lost. */
  constructor(state: State, from: number, to: number) {
    this.state = state;
    this.from = from;
    this.to = to;
    this.survey = new Survey(state, to, from);
  }

  /** Looks at some messages. Returns whether there are more to look at. */
  lose(): boolean {
    const queue = this.survey.next(this.ids, Number.POSITIVE_INFINITY);
    if (queue === undefined) return false;
    const { ids, journal } = this.state;
    ids.clear();
    for (let at = 0; at < this.ids.count; at += 1) {
      const id = this.ids.values[at]!;
      if (!queue.locate(id) || !this.holdsFound(queue)) continue;
      loseBody(this.state, queue, queue.foundLane!, queue.foundChunk!, queue.foundIndex);
      ids.push(id);
    }
    this.count += ids.count;
    if (ids.count > 0) journal.unreadable(queue, ids);
    ids.clear();
    return true;
  }

  /** Whether bytes of the located message are in the range. */
  private holdsFound(queue: Queue): boolean {
    const position = queue.foundChunk!.positions[queue.foundIndex]!;
    const length = queue.foundChunk!.lengths[queue.foundIndex]!;
    return length > 0 && position < this.to && position + length > this.from;
  }
}
