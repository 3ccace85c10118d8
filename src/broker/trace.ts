/**
 * What the records of a log say of one message, in their order. No two messages have one ID, so
 * that it is found without the name of its queue, which may be told later.
 */
import { limits } from '../limits.ts';
import type { VisitRecord } from '../log/log.ts';
import { formatReceipt } from '../protocol/receipt.ts';
import { Walker } from '../protocol/walker.ts';
import { IdList } from '../queue/id-list.ts';
import type { MessageSnapshot } from '../queue/relocate.ts';
import type { LogReading } from './log-state.ts';
import { failure, messageStates, readMessage, SETTLED_NAMES } from './record-description.ts';
import { type Facts, RecordParser } from './record-parser.ts';

/** Where a record stands, and the broker time of its batch. */
export interface Place {
  readonly timeMs: number;
  readonly position: number;
  readonly segment: number;
  readonly batch: number;
}

/**
 * What a record says of the message. `dueMs`: until when, 0 where there is no such time.
 * `expiresMs`: when its time to live ends, if it has one.
 */
export type Said =
  | { what: 'produced'; bytes: number; priority: number; dueMs: number; expiresMs?: number }
  /** Without `bytes`: they are unreadable. */
  | ({ what: 'copied'; bytes?: number; failureCount: number } & Standing)
  | { what: 'delivered'; session: number; receipt: string; dueMs: number }
  | { what: 'extended'; dueMs: number }
  | ({ what: 'returned'; dueMs: number } & Failed)
  | ({ what: 'died' } & Failed)
  /** Without a failure: by an operator; of an old record it is not known who. */
  | { what: 'moved'; from: number; failed?: Failed; by?: string }
  | { what: 'redriven' | 'unreadable' }
  | { what: Ending }
  /** With a name, that of an operator's client: by itself; else with its queue. */
  | { what: 'deleted'; by?: string };

/** How a message stood when it was copied. What is not there is left out. */
export interface Standing {
  readonly state: string;
  readonly dueMs?: number;
  readonly expiresMs?: number;
  /** The last ones, the oldest first. */
  readonly failures?: readonly Failed[];
}

/** Of an old record only the reason is known. */
export type Failed = ReturnType<typeof failure>;

/** The message is gone. */
type Ending = Settled | 'purged';
type Settled = 'acked' | 'discarded' | 'expired' | 'dropped';

export type Step = Place &
  Said & {
    /** Deliveries up to then, where the log tells. */
    readonly deliveryCount?: number;
    /** The name of the session's client, where the log tells. */
    readonly client?: string;
  };

export interface Trace {
  /** Where the message is or was; undefined where no record speaks of it. */
  readonly queue: string | undefined;
  readonly steps: readonly Step[];
  /** The first record of the log: of what was before nothing is known. */
  readonly oldest: Place | undefined;
  /** Names of all queues that the log knows, also of those that are gone. */
  readonly queues: ReadonlySet<string>;
}

type Heard = Place & Said & { readonly deliveries: number };

export class Tracer {
  readonly #id: number;
  readonly #parser: RecordParser;
  readonly #walker = new Walker();
  readonly #heard: Heard[] = [];
  readonly #queueNames = new Map<number, string>();
  readonly #clientNames = new Map<number, string>();
  #oldest: Place | undefined;
  #place: Place = { timeMs: 0, position: 0, segment: 0, batch: 0 };
  #queue = 0;
  #isLive = false;
  /** That the log tells of, and before those: the first record that counts them says how many. */
  #deliveries = 0;
  #deliveriesBefore: number | undefined;

  constructor(id: number) {
    this.#id = id;
    this.#parser = new RecordParser(this.#facts(), new IdList(limits.sliceMessagesMax));
  }

  /** Looks at every record while a log is read. */
  readonly watch = ({ segments, chain }: LogReading): VisitRecord => {
    return (...record) => {
      const { timeMs, batch } = chain;
      this.#place = { timeMs, position: record[5], segment: segments.newest!.number, batch };
      this.#oldest ??= this.#place;
      this.#parser.apply(...record);
    };
  };

  /** After the last record: what came before its name or its count was known has them now. */
  result(): Trace {
    return {
      queue: this.#queueNames.get(this.#queue),
      steps: this.#heard.map((heard) => this.#completed(heard)),
      oldest: this.#oldest,
      queues: new Set(this.#queueNames.values()),
    };
  }

  #facts(): Facts {
    return {
      started: () => {},
      queueSet: ({ number, name }) => this.#queueNames.set(number, name),
      queueDeleted: (queue) => this.#endAll(queue, 'deleted'),
      purged: (queue, lastId) => {
        if (this.#id <= lastId) this.#endAll(queue, 'purged');
      },
      produced: (queue, priority, firstId, _producedMs, dueMs, expiresMs, messages) => {
        const at = this.#id - firstId;
        if (at < 0 || at >= messages.count) return;
        const { buffer, offsets, lengths } = messages;
        const bytes = this.#bodyBytes(buffer as Buffer, offsets[at]!, lengths[at]!);
        const life = expiresMs === 0 ? {} : { expiresMs };
        this.#begin(queue, { what: 'produced', bytes, priority, dueMs, ...life }, 0);
      },
      copied: (queue, copy, _position, buffer, start) => {
        const { id, length, deliveryCount, failureCount } = copy;
        if (id !== this.#id) return;
        const size = length === 0 ? {} : { bytes: this.#bodyBytes(buffer, start, length) };
        const said = { what: 'copied', ...size, failureCount, ...standing(copy) } as const;
        this.#begin(queue, said, deliveryCount);
      },
      delivered: (queue, session, firstToken, dueMs, ids) => {
        const at = ids.indexOf(this.#id);
        if (at < 0) return;
        this.#deliveries += 1;
        const receipt = formatReceipt(this.#id, firstToken + at);
        this.#say(queue, { what: 'delivered', session, receipt, dueMs });
      },
      settled: (queue, reason, ids) => {
        if (this.#isAmong(ids)) this.#end(queue, { what: SETTLED_NAMES[reason] as Settled });
      },
      returned: (queue, how, ids) => {
        if (!this.#isAmong(ids)) return;
        this.#say(queue, { what: 'returned', ...failure(how), dueMs: how.dueMs });
      },
      died: (queue, how, ids) => {
        if (this.#isAmong(ids)) this.#say(queue, { what: 'died', ...failure(how) });
      },
      moved: (from, to, how, ids) => {
        const why = 'by' in how ? how : { failed: failure(how) };
        if (this.#isAmong(ids)) this.#say(to, { what: 'moved', from, ...why });
      },
      deleted: (queue, by, ids) => {
        if (this.#isAmong(ids)) this.#end(queue, { what: 'deleted', by });
      },
      redriven: (queue, ids) => {
        if (this.#isAmong(ids)) this.#say(queue, { what: 'redriven' });
      },
      extended: (queue, dueMs, ids) => {
        if (this.#isAmong(ids)) this.#say(queue, { what: 'extended', dueMs });
      },
      unreadable: (queue, ids) => {
        if (this.#isAmong(ids)) this.#say(queue, { what: 'unreadable' });
      },
      sessionOpened: (session, _key, name) => this.#clientNames.set(session, name),
      deduplicated: () => {},
      templateSet: () => {},
      templateDeleted: () => {},
      sessionEnded: () => {},
      answered: () => {},
      restored: () => {},
    };
  }

  #isAmong(ids: IdList): boolean {
    return ids.indexOf(this.#id) >= 0;
  }

  /** By a record that holds the message itself, and so far this number of deliveries. */
  #begin(queue: number, said: Said, deliveryCount: number): void {
    this.#deliveriesBefore ??= deliveryCount - this.#deliveries;
    this.#say(queue, said);
  }

  #end(queue: number, said: Said): void {
    this.#say(queue, said);
    this.#isLive = false;
  }

  /** The message of a record that names the queue only. */
  #endAll(queue: number, what: 'purged' | 'deleted'): void {
    if (this.#isLive && queue === this.#queue) this.#end(queue, { what });
  }

  #say(queue: number, said: Said): void {
    this.#queue = queue;
    // Whatever is said of it, but for its end: its beginning may have gone with an older segment.
    this.#isLive = true;
    this.#heard.push({ ...this.#place, ...said, deliveries: this.#deliveries });
  }

  #completed({ deliveries, ...step }: Heard): Step {
    const before = this.#deliveriesBefore;
    const client = 'session' in step ? this.#clientNames.get(step.session) : undefined;
    return {
      ...step,
      ...(before === undefined ? {} : { deliveryCount: before + deliveries }),
      ...(client === undefined ? {} : { client }),
    };
  }

  #bodyBytes(buffer: Buffer, start: number, length: number): number {
    const [body] = readMessage(this.#walker, buffer, start, length);
    return body.length;
  }
}

function standing({ state, dueMs, expiresMs, failures }: MessageSnapshot): Standing {
  return {
    state: messageStates[state]!,
    ...(dueMs === 0 ? {} : { dueMs }),
    ...(expiresMs === 0 ? {} : { expiresMs }),
    ...(failures.length === 0 ? {} : { failures: failures.map(failure) }),
  };
}
