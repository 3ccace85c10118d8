/**
 * The state that a start would have, read from a log without starting: the same validation, the
 * same replay and the same look at the clock, so that whoever asks gets the answer a start gives.
 */
import assert from 'node:assert';
import type { VisitRecord } from '../log/log.ts';
import type { ChainEnd } from '../log/scan.ts';
import { Segments } from '../log/segments.ts';
import { resolveSizes, type Sizes } from '../log/sizes.ts';
import type { Snapshot } from '../log/snapshot.ts';
import { type Findings, Validation } from '../log/validation.ts';
import type { Journal } from '../queue/journal.ts';
import { endReplay } from '../queue/replay.ts';
import { State } from '../queue/state.ts';
import { BrokerTime } from './broker-time.ts';
import { RecordReader } from './record-reader.ts';
import { messageOverheadBytes } from './records.ts';
import type { Runtime } from './runtime.ts';
import { defaultSettings } from './settings.ts';

export interface LogState {
  readonly findings: Findings;
  readonly segments: Segments;
  readonly state: State;
}

/** Where the reading is: the record being looked at has not taken effect in `state`. */
export interface LogReading {
  readonly segments: Segments;
  readonly chain: Readonly<ChainEnd>;
  readonly state: State;
}

/** Throws what a start would throw. `watch` may look at every record. */
export async function readLogState(
  snapshot: Snapshot,
  runtime: Runtime,
  watch: (reading: LogReading) => VisitRecord = () => () => {},
  givenSizes: Partial<Sizes> = {},
): Promise<LogState> {
  const sizes = resolveSizes(givenSizes);
  const segments = new Segments(snapshot);
  const state = stateOver(liveBytesOf(segments));
  const reader = new RecordReader(state);
  const validation = new Validation(snapshot, segments, sizes, (...record) => {
    seen(...record);
    reader.apply(...record);
  });
  const seen = watch({ segments, chain: validation.chain, state });
  const findings = await validation.run();
  const time = new BrokerTime(runtime, findings.chain.timeMs);
  endReplay(state, time.now());
  return { findings, segments, state };
}

/** A state for replay alone: nobody takes messages from it. */
export function stateOver(journal: Journal): State {
  const outlet = { canDeliver: refused, deliver: refused, answerEmpty: refused, end: refused };
  return new State(defaultSettings, journal, outlet, { inMemory: refused, fetch: refused });
}

/** Replay writes nothing; it only tells what is live. */
function liveBytesOf(segments: Segments): Journal {
  return {
    queueSet: refused,
    queueDeleted: refused,
    templateSet: refused,
    templateDeleted: refused,
    purged: refused,
    produced: refused,
    delivered: refused,
    settled: refused,
    returned: refused,
    died: refused,
    moved: refused,
    deleted: refused,
    deduplicated: refused,
    redriven: refused,
    extended: refused,
    unreadable: refused,
    sessionOpened: refused,
    sessionEnded: refused,
    answered: refused,
    addLive: (position, bytes) => segments.addLive(position, bytes + messageOverheadBytes),
    addDead: (position, bytes) => segments.addLive(position, -bytes - messageOverheadBytes),
  };
}

function refused(): never {
  return assert.fail('a log that is only read changes nothing');
}
