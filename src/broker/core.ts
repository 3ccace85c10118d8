/**
 * What all parts of the broker share: the state of the rules, the log, the journal between them,
 * what admits requests, and the gate through which answers go. Rules and log are changed together:
 * whatever was executed is marked, and what was said about it is held until the log has reached the
 * mark.
 */
import type { Log } from '../log/log.ts';
import { DURABILITY } from '../protocol/operations.ts';
import { Request } from '../protocol/request.ts';
import { Walker } from '../protocol/walker.ts';
import { deadQueueOf } from '../queue/come-back.ts';
import type { Bodies } from '../queue/journal.ts';
import type { Durability, Queue } from '../queue/queue.ts';
import { State } from '../queue/state.ts';
import { Admission } from './admission.ts';
import type { BrokerTime } from './broker-time.ts';
import type { Connection } from './connection.ts';
import { Gate } from './gate.ts';
import type { Looks } from './looks.ts';
import { ConnectionOutlet } from './outlet.ts';
import { RecordJournal } from './record-journal.ts';
import type { BrokerSettings } from './settings.ts';
import type { StartReport } from './start-report.ts';

interface Frame {
  buffer: Buffer;
  start: number;
  end: number;
}

export class Core {
  readonly log: Log;
  readonly journal: RecordJournal;
  readonly state: State;
  readonly settings: BrokerSettings;
  readonly gate = new Gate();
  readonly admission: Admission;
  readonly outlet = new ConnectionOutlet(this);
  /** Set by the broker that this is the core of. */
  looks!: Looks;
  /** Set once the log is replayed. */
  time!: BrokerTime;
  /** Reused for every frame. */
  readonly request: Request;
  readonly walker = new Walker();
  /** Where the frame lies that was parsed last. */
  readonly frame: Frame = { buffer: Buffer.alloc(0), start: 0, end: 0 };
  readonly connections = new Set<Connection>();
  startedMs = 0;
  /** Where the log ended when it was read. */
  startPosition = 0;
  startReport: StartReport | undefined;
  compactedSegments = 0;
  compactedBytes = 0;
  /** Found since the start. */
  damagedBlocks = 0;

  constructor(log: Log, settings: BrokerSettings, bodies: Bodies) {
    this.log = log;
    this.settings = settings;
    this.request = new Request(settings);
    this.journal = new RecordJournal(log);
    this.admission = new Admission(log, this.gate);
    this.state = new State(settings, this.journal, this.outlet, bodies);
  }

  /** At which level is told what is about a queue. One that is gone may have had any. */
  levelOf(queue: Queue | undefined): Durability {
    if (queue === undefined) return 'fsync';
    return queue.settings.durability ?? this.settings.durability;
  }

  /** What a nack moves is about two queues: the stricter level holds. */
  levelOfNack(queue: Queue | undefined): Durability {
    const other = queue === undefined ? undefined : deadQueueOf(this.state, queue);
    return other === undefined || this.levelOf(other) === 'write' ? this.levelOf(queue) : 'fsync';
  }

  /**
   * What was executed since the last mark is one group: written together, and told when durable.
   */
  mark(nowMs: number): void {
    this.log.mark({ timeMs: nowMs, nextId: this.state.nextId });
    this.gate.hold(this.log.appended);
  }
}

export function durabilityNumber(level: Durability): 1 | 2 {
  return level === 'write' ? DURABILITY.write : DURABILITY.fsync;
}
