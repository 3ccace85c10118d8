/**
 * All sessions, by key and number, and those without a connection in the order in which they lost
 * it: first they are in their grace, then (their leases gone) idle until they are forgotten.
 */
import assert from 'node:assert';
import { Session } from './session.ts';

export class Sessions {
  private readonly byKey = new Map<string, Session>();
  private readonly byNumber = new Map<number, Session>();
  private nextNumber = 1;
  /** Both in the order of `disconnectedMs`. */
  readonly inGrace = new Set<Session>();
  readonly idle = new Set<Session>();

  get size(): number {
    return this.byNumber.size;
  }

  all(): IterableIterator<Session> {
    return this.byNumber.values();
  }

  withKey(key: string): Session | undefined {
    return this.byKey.get(key);
  }

  withNumber(number: number): Session | undefined {
    return this.byNumber.get(number);
  }

  open(key: string, name: string): Session {
    const session = this.openNumbered(this.nextNumber);
    this.identify(session, key, name);
    return session;
  }

  /** At replay: the log speaks of a session whose opening may be told only later. */
  openNumbered(number: number): Session {
    assert(!this.byNumber.has(number), 'there is a session of this number');
    const session = new Session(number, '', '');
    this.nextNumber = Math.max(this.nextNumber, number + 1);
    this.byNumber.set(number, session);
    return session;
  }

  /** Tells the key and name of a session. May be told again. */
  identify(session: Session, key: string, name: string): void {
    assert(
      session.key === '' ? !this.byKey.has(key) : session.key === key,
      'a session keeps its key, and no two have one',
    );
    session.key = key;
    session.name = name;
    this.byKey.set(key, session);
  }

  /** Forgets a session that holds no lease. */
  end(session: Session): void {
    assert(session.leaseCount === 0 && session.firstRow === 0, 'a session that ends holds leases');
    if (session.key !== '') this.byKey.delete(session.key);
    this.byNumber.delete(session.number);
    this.inGrace.delete(session);
    this.idle.delete(session);
  }

  connect(session: Session, connection: object): void {
    session.connection = connection;
    this.inGrace.delete(session);
    this.idle.delete(session);
  }

  disconnect(session: Session, nowMs: number): void {
    session.connection = undefined;
    session.disconnectedMs = nowMs;
    this.inGrace.add(session);
  }

  /** Its grace is over and its leases are gone. */
  becomeIdle(session: Session): void {
    assert(session.leaseCount === 0, 'a session without its grace holds leases');
    this.inGrace.delete(session);
    this.idle.add(session);
  }
}

/** The first element, in order of insertion. */
export function firstOf<T>(set: ReadonlySet<T>): T | undefined {
  for (const element of set) return element;
  return undefined;
}
