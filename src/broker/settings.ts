/**
 * What the broker is started with, besides its log and its runtime.
 */
import { limits } from '../limits.ts';
import type { Durability } from '../queue/queue.ts';
import type { RulesOptions } from '../queue/state.ts';

/** As in package.json; a test compares the two. */
export const brokerVersion = '0.1.0';

export interface BrokerSettings extends RulesOptions {
  /** Where a queue says nothing. */
  readonly durability: Durability;
}

export const defaultSettings: BrokerSettings = {
  visibilityMs: limits.visibilityMsDefault,
  releaseAfterMs: limits.releaseAfterMsDefault,
  createQueues: true,
  durability: 'fsync',
};
