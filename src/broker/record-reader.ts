/**
 * Replay: what the records of the log say changes the state again.
 */
import * as replay from '../queue/replay.ts';
import type { State } from '../queue/state.ts';
import { Template } from '../queue/template.ts';
import { type Facts, RecordParser } from './record-parser.ts';

export class RecordReader extends RecordParser {
  constructor(state: State) {
    super(replayFacts(state), state.ids);
  }
}

function replayFacts(state: State): Facts {
  return {
    // Told for whoever reads the log: tokens are unlike those of earlier starts.
    started: () => {},
    queueSet: (fact, position) => replay.replayQueueSet(state, fact, position),
    queueDeleted: (queue) => replay.replayQueueDeleted(state, queue),
    templateSet: (...fact) => state.templates.set(fact[0], new Template(...fact)),
    templateDeleted: (pattern) => state.templates.delete(pattern),
    purged: (queue) => replay.replayPurged(state, queue),
    produced: (...fact) => replay.replayProduced(state, ...fact),
    delivered: (...fact) => replay.replayDelivered(state, ...fact),
    settled: (queue, _reason, ids) => replay.replaySettled(state, queue, ids),
    returned: (...fact) => replay.replayReturned(state, ...fact),
    died: (...fact) => replay.replayDied(state, ...fact),
    moved: (...fact) => replay.replayMoved(state, ...fact),
    deleted: (queue, _by, ids) => replay.replaySettled(state, queue, ids),
    deduplicated: (...fact) => replay.replayDeduplicated(state, ...fact),
    redriven: (...fact) => replay.replayRedriven(state, ...fact),
    extended: (...fact) => replay.replayExtended(state, ...fact),
    unreadable: (...fact) => replay.replayUnreadable(state, ...fact),
    sessionOpened: (...fact) => replay.replaySessionOpened(state, ...fact),
    sessionEnded: (session) => replay.replaySessionEnded(state, session),
    answered: (...fact) => replay.replayAnswered(state, ...fact),
    restored: (...fact) => replay.replayRestored(state, ...fact),
    copied: (queue, copy, position) => replay.replayCopied(state, queue, copy, position),
  };
}
