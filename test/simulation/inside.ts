/**
 * The one place where the simulation looks into the broker: its state, to check the invariants of
 * the rules and to count what compaction did, and whether that is at work.
 */
import type { Broker } from '../../src/broker/broker.ts';
import type { Core } from '../../src/broker/core.ts';

export function insideOf(broker: Broker): Core {
  return (broker as unknown as { core: Core }).core;
}

export function isCompacting(broker: Broker): boolean {
  return (broker as unknown as { compaction: { isRunning: boolean } }).compaction.isRunning;
}
