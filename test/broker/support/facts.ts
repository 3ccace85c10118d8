/**
 * Facts as they were recorded, written to a log by the journal of the broker; and a state to read
 * them back into.
 */
import { RecordJournal } from '../../../src/broker/record-journal.ts';
import { Queue } from '../../../src/queue/queue.ts';
import { Session } from '../../../src/queue/session.ts';
import { State } from '../../../src/queue/state.ts';
import { Template } from '../../../src/queue/template.ts';
import type { Told } from '../../queue/support/recorder.ts';
import { idList, viewOf } from '../../queue/support/replayed.ts';
import { optionsDefault, Rig } from '../../queue/support/rig.ts';
import { MemoryLog } from './memory-log.ts';

function queueNumbered(number: number): Queue {
  const queue = new Queue('');
  queue.number = number;
  return queue;
}

/** Writes one fact as a record. */
export function write(journal: RecordJournal, fact: Told): void {
  const queue = 'number' in fact ? queueNumbered(fact.number) : new Queue('');
  const session = 'session' in fact ? new Session(fact.session, '', '') : undefined;
  switch (fact.kind) {
    case 'queueSet':
      journal.queueSet(Object.assign(new Queue(''), fact));
      break;
    case 'queueDeleted':
      journal.queueDeleted(queue);
      break;
    case 'templateSet':
      journal.templateSet(new Template(fact.pattern, fact.settings, 0));
      break;
    case 'templateDeleted':
      journal.templateDeleted(fact.pattern);
      break;
    case 'purged':
      journal.purged(queue, fact.lastId);
      break;
    case 'produced': {
      const count = fact.offsets.length;
      const columns = {
        offsets: Uint32Array.from(fact.offsets),
        lengths: Uint32Array.from(fact.lengths),
      };
      const slice = {
        buffer: fact.bytes,
        start: 0,
        end: fact.bytes.length,
        count,
        first: 0,
        groups: fact.groups,
        ...columns,
      };
      const times = [fact.nowMs, fact.dueMs, fact.expiresMs] as const;
      journal.produced(queue, fact.priority, fact.firstId, ...times, slice);
      break;
    }
    case 'delivered':
      journal.delivered(queue, fact.session, fact.firstToken, fact.dueMs, idList(fact.ids));
      break;
    case 'settled':
      journal.settled(queue, fact.reason, idList(fact.ids));
      break;
    case 'returned':
      journal.returned(queue, fact.how, idList(fact.ids));
      break;
    case 'extended':
      journal.extended(queue, fact.dueMs, idList(fact.ids));
      break;
    case 'died':
      journal.died(queue, fact.how, idList(fact.ids));
      break;
    case 'moved':
      journal.moved(queue, queueNumbered(fact.to), fact.how, idList(fact.ids));
      break;
    case 'deleted':
      journal.deleted(queue, fact.by, idList(fact.ids));
      break;
    case 'redriven':
      journal.redriven(queue, idList(fact.ids));
      break;
    case 'deduplicated':
      journal.deduplicated(queue, fact.entries);
      break;
    case 'unreadable':
      journal.unreadable(queue, idList(fact.ids));
      break;
    case 'sessionOpened':
      journal.sessionOpened(new Session(fact.session, fact.key, fact.name));
      break;
    case 'sessionEnded':
      journal.sessionEnded(session!);
      break;
    case 'answered':
      journal.answered(session!, fact.part);
      break;
    case 'restored':
      journal.restored(session!, fact.sequence, fact.answer);
      break;
    case 'copied':
      journal.copied(queue, fact.copy, fact.bytes, 0);
  }
}

export function freshState(): State {
  const rig = new Rig();
  return new State(optionsDefault, new RecordJournal(new MemoryLog(0).asLog()), rig, rig);
}

/** What can be seen of a state, but for where it stands. */
export function seen(state: State): unknown {
  return JSON.parse(
    JSON.stringify(viewOf(state), (key, value) => (key === 'position' ? undefined : value)),
  );
}
