/**
 * Messages that an operator deletes or moves by ID, as they were seen: what is done must have been
 * possible, and what is refused must have a reason. A message that is deleted is one that is
 * purged; one that is moved is where letters are.
 */
import { type History, isMaybeAcked, isMaybePurged, name, Violation } from './oracle-history.ts';
import type { Lease, Message } from './oracle-records.ts';

/** A message as it was shown, and what is said of that. */
export interface Seen {
  readonly message: Message;
  readonly id: number;
  readonly deliveryCount: number | undefined;
}

export interface Steering {
  readonly isMove: boolean;
  readonly seen: readonly Seen[];
  readonly sentMs: number;
}

export class SteeringOracle {
  readonly counts = { deletedOne: 0, movedOne: 0, leftAlone: 0 };
  private readonly history: History;

  constructor(history: History) {
    this.history = history;
  }

  sent(isMove: boolean, seen: readonly Seen[], nowMs: number): Steering {
    for (const { message } of seen) {
      if (isMove) message.isMaybeMoved = true;
      else message.purgesOpen += 1;
    }
    return { isMove, seen, sentMs: nowMs };
  }

  /** `refused`: the code of each that was not done. */
  answered(
    steering: Steering,
    refused: ReadonlyMap<number, string>,
    life: number,
    nowMs: number,
  ): void {
    this.close(steering);
    for (const one of steering.seen) {
      const code = refused.get(one.id);
      if (code === undefined) this.done(steering, one, life, nowMs);
      else this.refused(steering, one, code, life, nowMs);
    }
  }

  /** It was refused as a whole. */
  undo(steering: Steering): void {
    this.close(steering);
  }

  /** No answer will come. It may have happened, and will not happen any more. */
  lost(steering: Steering, nowMs: number): void {
    this.close(steering);
    if (steering.isMove) return;
    for (const { message } of steering.seen) message.maybePurgedMs = nowMs;
  }

  private close({ isMove, seen }: Steering): void {
    if (!isMove) for (const { message } of seen) message.purgesOpen -= 1;
  }

  private done({ isMove, sentMs }: Steering, seen: Seen, life: number, nowMs: number): void {
    const { message } = seen;
    const is = `${name(message)} was ${isMove ? 'moved' : 'deleted'}`;
    const before = message.leases.filter(({ arrivedMs }) => arrivedMs < sentMs);
    if (wasGone(message, sentMs)) throw new Violation(`${is}, which was gone`);
    if (before.some((lease) => isSince(lease, seen))) {
      throw new Violation(`${is}, which was delivered since it was seen`);
    }
    this.counts[isMove ? 'movedOne' : 'deletedOne'] += 1;
    if (!isMove) {
      message.purgedMs ??= nowMs;
      return;
    }
    const holder = before.find((lease) => this.history.isCertain(lease, life, nowMs));
    if (holder !== undefined) throw new Violation(`${is}, while token ${holder.token} had it`);
  }

  private refused(
    { sentMs }: Steering,
    { message }: Seen,
    code: string,
    life: number,
    nowMs: number,
  ): void {
    const { history } = this;
    const { letters, mortalQueues } = history.settings;
    const is = `${name(message)} was not steered: ${code},`;
    this.counts.leftAlone += 1;
    if (code === 'CHANGED') {
      if (wasGone(message, sentMs)) throw new Violation(`${is} but it was gone`);
      return;
    }
    if (code !== 'GONE') throw new Violation(`${is} which is no code for a message`);
    const mayBeGone =
      message.gone !== undefined ||
      isMaybeAcked(message) ||
      isMaybePurged(message) ||
      message.mayBeDropped ||
      (letters !== undefined && mortalQueues.includes(message.queue)) ||
      history.isMaybeOverdue(message, life, nowMs);
    if (!mayBeGone) throw new Violation(`${is} but nobody took it away`);
  }
}

function wasGone({ gone, purgedMs }: Message, sentMs: number): boolean {
  return (gone?.atMs ?? purgedMs ?? Number.POSITIVE_INFINITY) < sentMs;
}

/** Whether a delivery is one after the message was seen. */
function isSince({ deliveryCount, isDoubtful }: Lease, seen: Seen): boolean {
  return !isDoubtful && deliveryCount > (seen.deliveryCount ?? Number.POSITIVE_INFINITY);
}
