/**
 * The life of a session: it opens or is taken up again, says what it still holds, loses its
 * connection, or says goodbye.
 */
import { limits } from '../limits.ts';
import { returnLeases } from './expire.ts';
import { RETURNED_RELEASED } from './journal.ts';
import type { Session } from './session.ts';
import type { State } from './state.ts';

/** Opens the session of this key, or takes it up. `connection` uses it from now on. */
export function connectSession(
  state: State,
  key: string,
  name: string,
  connection: object,
): { session: Session; resumed: boolean } {
  const known = state.sessions.withKey(key);
  const session = known ?? state.sessions.open(key, name);
  if (known === undefined) session.position = state.journal.sessionOpened(session);
  state.sessions.connect(session, connection);
  return { session, resumed: known !== undefined };
}

/** The rows and tokens that a resumed client says it holds: token by message ID, by queue name. */
export type Held = ReadonlyMap<string, ReadonlyMap<number, number>>;

/**
 * Gives back what the client does not hold of the session's leases, not counted as a failure: one
 * slice. Returns whether there is more to do.
 */
export function resumeSession(state: State, session: Session, held: Held, nowMs: number): boolean {
  const { leases } = state;
  const end = { reason: RETURNED_RELEASED, nowMs } as const;
  return returnLeases(state, session, end, limits.sliceMessagesMax, (row) => {
    const queue = state.queuesByNumber.get(leases.queues[row]!);
    return held.get(queue?.name ?? '')?.get(leases.ids[row]!) === leases.tokens[row];
  });
}

/** Its connection is gone; its grace begins. */
export function disconnectSession(state: State, session: Session, nowMs: number): void {
  state.sessions.disconnect(session, nowMs);
}

/**
 * Gives back a slice of what it holds, not counted as a failure, and forgets it when that was all.
 * Returns whether there is more to do.
 */
export function endSession(state: State, session: Session, nowMs: number): boolean {
  const end = { reason: RETURNED_RELEASED, nowMs } as const;
  if (returnLeases(state, session, end, limits.sliceMessagesMax)) return true;
  state.journal.sessionEnded(session);
  state.sessions.end(session);
  return false;
}
