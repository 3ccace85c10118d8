/**
 * What a start found and did: what the log says, and what its replay brought back.
 */
import type { OpenReport } from '../log/log.ts';
import type { State } from '../queue/state.ts';

export interface StartReport extends OpenReport {
  /** Live ones, whatever their state. */
  readonly messages: number;
  /** Of those, in flight: whoever has them may go on. */
  readonly leases: number;
  readonly sessions: number;
  /** To read the log and make ready. */
  readonly tookMs: number;
}

export function startReportOf(opened: OpenReport, state: State, tookMs: number): StartReport {
  const queues = [...state.queuesByNumber.values()];
  return {
    ...opened,
    messages: queues.reduce((sum, queue) => sum + queue.live, 0),
    leases: queues.reduce((sum, queue) => sum + queue.inFlight, 0),
    sessions: state.sessions.size,
    tookMs,
  };
}
