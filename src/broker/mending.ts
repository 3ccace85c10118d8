/**
 * Replay of a log that has holes. What a hole said cannot be known, but what follows tells part of
 * it: a message that is delivered was not in flight any more, one that came back had been
 * delivered, a name that a new queue has was given up by the old one. Before such a record the
 * least is written that makes it follow, so that the repaired log replays like any other.
 */

import { limits } from '../limits.ts';
import { DEAD, DELAYED, IN_FLIGHT } from '../queue/chunk.ts';
import { contradictionIn } from '../queue/contradictions.ts';
import { IdList } from '../queue/id-list.ts';
import { DIED_EXPIRED, RETURNED_RELEASED } from '../queue/journal.ts';
import type { Queue } from '../queue/queue.ts';
import type { MessageSnapshot } from '../queue/relocate.ts';
import * as replay from '../queue/replay.ts';
import type { Session } from '../queue/session.ts';
import type { State } from '../queue/state.ts';
import type { RecordJournal } from './record-journal.ts';
import type { Facts } from './record-parser.ts';

/** What was written that no record said. */
export interface Mended {
  /** Leases given up because what ended them is lost, or their session is. */
  released: number;
  /** Dead messages that went on, as what followed tells. */
  redriven: number;
  /** Messages that stand in another queue now, as what followed tells. */
  moved: number;
  /** Deliveries of which only the return was left. */
  delivered: number;
  /** Extensions of leases of which the delivery is lost. */
  extensionsDropped: number;
  sessionsEnded: number;
  /** Queues whose deletion is lost. */
  queuesDeleted: string[];
  /** Queues whose name is lost, by the names they have now. */
  queuesNamed: string[];
  /** Queues without their dead-letter queue now, as it led back to them. */
  deadQueuesCleared: string[];
}

export class Mender {
  readonly mended: Mended = {
    released: 0,
    redriven: 0,
    moved: 0,
    delivered: 0,
    extensionsDropped: 0,
    sessionsEnded: 0,
    queuesDeleted: [],
    queuesNamed: [],
    deadQueuesCleared: [],
  };
  /** The record that was looked at last is to be left out: what holds of it is written. */
  isReplaced = false;
  /** Something before it is lost: what a record says may not be what is known. */
  isBehindHole = false;
  readonly #state: State;
  readonly #journal: RecordJournal;
  /** What was written may be in a batch by itself. */
  readonly #mark: () => void;
  readonly #some = new IdList(limits.sliceMessagesMax);

  constructor(state: State, journal: RecordJournal, mark: () => void) {
    this.#state = state;
    this.#journal = journal;
    this.#mark = mark;
  }

  /** Told of each record before it takes effect. */
  readonly facts: Facts = {
    started: () => {},
    queueSet: ({ number, name }) => this.#makeRoomForQueue(number, name),
    queueDeleted: () => {},
    // No other record depends on a template: a queue's own settings tell what it took.
    templateSet: () => {},
    templateDeleted: () => {},
    purged: () => {},
    produced: () => {},
    delivered: (queue, _session, _token, _dueMs, ids) => {
      this.#moveBefore(queue, ids.toArray());
      this.#returnBefore(queue, ids);
    },
    settled: (queue, _reason, ids) => this.#moveBefore(queue, ids.toArray()),
    returned: (queue, { dueMs }, ids) => this.#deliverBefore(queue, dueMs, ids),
    // As with what came back: it had been delivered. A time to live ends without that.
    died: (queue, { reason }, ids) => {
      if (reason === DIED_EXPIRED) this.#moveBefore(queue, ids.toArray());
      else this.#deliverBefore(queue, 0, ids);
    },
    moved: (queue, _to, how, ids) => {
      if ('by' in how) this.#moveBefore(queue, ids.toArray());
      else this.#deliverBefore(queue, 0, ids);
    },
    deleted: (queue, _by, ids) => this.#moveBefore(queue, ids.toArray()),
    deduplicated: () => {},
    redriven: (queue, ids) => this.#moveBefore(queue, ids.toArray()),
    extended: (queue, dueMs, ids) => this.#extendLeased(queue, dueMs, ids),
    unreadable: (queue, ids) => this.#moveBefore(queue, ids.toArray()),
    sessionOpened: (number, key) => this.#makeRoomForSession(number, key),
    sessionEnded: (number) => this.#releaseAll(this.#state.sessions.withNumber(number)),
    answered: () => {},
    restored: () => {},
    copied: (queue, copy) => this.#follow(queue, copy),
  };

  /** After the last record. With holes no session may go on: an answer to it may be lost. */
  finish(hasHoles: boolean): void {
    for (const queue of [...this.#state.queuesByNumber.values()]) {
      if (queue.name !== '') continue;
      if (queue.live === 0) this.#delete(queue);
      else this.#name(queue);
    }
    if (!hasHoles) return;
    for (const queue of this.#state.queuesByNumber.values()) {
      this.#breakCycle(queue);
      this.#releaseBeside(queue);
    }
    for (const session of [...this.#state.sessions.all()]) this.#end(session);
  }

  /** Gives back every lease. */
  releaseEverything(): void {
    for (const queue of this.#state.queuesByNumber.values()) {
      for (const { chunks } of queue.lanes) {
        for (const chunk of [...chunks]) {
          for (let index = 0; index < chunk.count; index += 1) {
            if (chunk.states[index] === IN_FLIGHT) this.#release(queue, chunk.idAt(index));
          }
        }
      }
    }
  }

  #makeRoomForQueue(number: number, name: string): void {
    const { queuesByNumber, queuesByName } = this.#state;
    const sameNumber = queuesByNumber.get(number);
    const isOther = sameNumber !== undefined && sameNumber.name !== '' && sameNumber.name !== name;
    if (isOther) this.#delete(sameNumber);
    const sameName = queuesByName.get(name);
    if (sameName !== undefined && sameName.number !== number) this.#delete(sameName);
  }

  #makeRoomForSession(number: number, key: string): void {
    const { sessions } = this.#state;
    const sameNumber = sessions.withNumber(number);
    const isOther = sameNumber !== undefined && sameNumber.key !== '' && sameNumber.key !== key;
    if (isOther) this.#end(sameNumber);
    const sameKey = sessions.withKey(key);
    if (sameKey !== undefined && sameKey.number !== number) this.#end(sameKey);
  }

  #returnBefore(number: number, ids: IdList): void {
    const queue = this.#state.queuesByNumber.get(number);
    for (const id of ids.toArray()) {
      if (queue === undefined) continue;
      if (stateOf(queue, id) === IN_FLIGHT) this.#release(queue, id);
      else if (stateOf(queue, id) === DEAD) this.#redrive(queue, id);
    }
  }

  /** What is told of a queue that has it no more, or not yet, was moved there. */
  #moveBefore(number: number, ids: readonly number[]): void {
    if (!this.isBehindHole) return;
    for (const id of ids) {
      if (this.#state.queuesByNumber.get(number)?.locate(id)) continue;
      const from = this.#queueWith(id);
      // That the queue was made may be lost as well.
      if (from !== undefined) this.#move(from, replay.queueNumbered(this.#state, number), id);
    }
  }

  #queueWith(id: number): Queue | undefined {
    for (const queue of this.#state.queuesByNumber.values()) if (queue.locate(id)) return queue;
    return undefined;
  }

  #deliverBefore(number: number, dueMs: number, ids: IdList): void {
    this.#moveBefore(number, ids.toArray());
    const queue = this.#state.queuesByNumber.get(number);
    for (const id of ids.toArray()) {
      const isMissing = queue?.locate(id) === true && stateOf(queue, id) !== IN_FLIGHT;
      if (isMissing) this.#deliver(queue!, id, 0, 0, dueMs);
    }
  }

  #extendLeased(number: number, dueMs: number, ids: IdList): void {
    this.#moveBefore(number, ids.toArray());
    const queue = this.#state.queuesByNumber.get(number);
    if (queue === undefined) return;
    const all = ids.toArray().filter((id) => queue.locate(id));
    const leased = all.filter((id) => stateOf(queue, id) === IN_FLIGHT);
    if (leased.length === all.length) return;
    this.isReplaced = true;
    this.mended.extensionsDropped += all.length - leased.length;
    if (leased.length === 0) return;
    this.#journal.extended(queue, dueMs, this.#list(leased));
    replay.replayExtended(this.#state, number, dueMs, this.#some);
    this.#mark();
  }

  /** A copy says how its message stands; one that is known may stand as before the hole. */
  #follow(number: number, copy: MessageSnapshot): void {
    this.#moveBefore(number, [copy.id]);
    const queue = this.#state.queuesByNumber.get(number);
    const known = queue === undefined ? 0 : stateOf(queue, copy.id);
    if (queue === undefined || known === 0) return;
    const { leases } = this.#state;
    const row = queue.foundChunk!.rows[queue.foundIndex]!;
    const isLeasedSo = known === IN_FLIGHT && leases.tokens[row] === copy.token;
    if (known === IN_FLIGHT && !(copy.state === IN_FLIGHT && isLeasedSo)) {
      this.#release(queue, copy.id, copy.state === DELAYED ? copy.dueMs : 0);
    }
    if (known === DEAD && copy.state !== DEAD) this.#redrive(queue, copy.id);
    if (copy.state !== IN_FLIGHT || isLeasedSo) return;
    this.#deliver(queue, copy.id, copy.session, copy.token, copy.dueMs);
  }

  #release(queue: Queue, id: number, dueMs = 0): void {
    const how = { reason: RETURNED_RELEASED, atMs: 0, dueMs, consumer: '', text: '' } as const;
    this.#journal.returned(queue, how, this.#list([id]));
    replay.replayReturned(this.#state, queue.number, how, this.#some);
    this.mended.released += 1;
    this.#mark();
  }

  #move(from: Queue, to: Queue, id: number): void {
    const how = { by: '' };
    this.#journal.moved(from, to, how, this.#list([id]));
    replay.replayMoved(this.#state, from.number, to.number, how, this.#some);
    this.mended.moved += 1;
    this.#mark();
  }

  #redrive(queue: Queue, id: number): void {
    this.#journal.redriven(queue, this.#list([id]));
    replay.replayRedriven(this.#state, queue.number, this.#some);
    this.mended.redriven += 1;
    this.#mark();
  }

  #deliver(queue: Queue, id: number, session: number, token: number, dueMs: number): void {
    if (stateOf(queue, id) === DEAD) this.#redrive(queue, id);
    this.#journal.delivered(queue, session, token, dueMs, this.#list([id]));
    replay.replayDelivered(this.#state, queue.number, session, token, dueMs, this.#some);
    this.mended.delivered += 1;
    this.#mark();
  }

  #releaseAll(session: Session | undefined): void {
    if (session === undefined) return;
    const { leases, queuesByNumber } = this.#state;
    while (session.firstRow !== 0) {
      const row = session.firstRow;
      this.#release(queuesByNumber.get(leases.queues[row]!)!, leases.ids[row]!);
    }
  }

  #end(session: Session): void {
    this.#releaseAll(session);
    this.#journal.sessionEnded(session);
    replay.replaySessionEnded(this.#state, session.number);
    this.mended.sessionsEnded += 1;
    this.#mark();
  }

  #delete(queue: Queue): void {
    this.#journal.queueDeleted(queue);
    replay.replayQueueDeleted(this.#state, queue.number);
    if (queue.name !== '') this.mended.queuesDeleted.push(queue.name);
    this.#mark();
  }

  #name(queue: Queue): void {
    let name = `recovered-${queue.number}`;
    while (this.#state.queuesByName.has(name)) name += '-again';
    queue.name = name;
    this.#set(queue);
    this.mended.queuesNamed.push(name);
  }

  /** Records of which some are lost may leave queues whose dead messages would go round. */
  #breakCycle(queue: Queue): void {
    const { name, settings } = queue;
    if (contradictionIn(this.#state, name, settings)?.field !== 'deadQueue') return;
    queue.settings = { ...settings, deadQueue: undefined };
    this.#set(queue);
    this.mended.deadQueuesCleared.push(name);
  }

  /** That one of a group was settled may be lost: the one that was delivered after it has it. */
  #releaseBeside(queue: Queue): void {
    for (const { outs } of queue.groups?.all() ?? []) {
      for (const id of outs.slice(0, -1)) this.#release(queue, id);
    }
  }

  #set(queue: Queue): void {
    const position = this.#journal.queueSet(queue);
    replay.replayQueueSet(this.#state, queue, position);
    this.#mark();
  }

  #list(ids: readonly number[]): IdList {
    this.#some.clear();
    for (const id of ids) this.#some.push(id);
    return this.#some;
  }
}

/** 0 where there is no such message; afterwards the queue has it located. */
function stateOf(queue: Queue, id: number): number {
  return queue.locate(id) ? queue.foundChunk!.states[queue.foundIndex]! : 0;
}
