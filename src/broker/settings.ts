/**
 * What the broker is started with, besides its log and its runtime.
 */
import { SettingsError } from '../errors.ts';
import { limits, settable } from '../limits.ts';
import type { RequestLimits } from '../protocol/request.ts';
import type { Durability } from '../queue/queue.ts';
import type { RulesOptions } from '../queue/state.ts';

/** As in package.json; a test compares the two. */
export const brokerVersion = '0.1.0';

export interface BrokerSettings extends RulesOptions, RequestLimits {
  readonly frameBytesMax: number;
  /** Where a queue says nothing. */
  readonly durability: Durability;
}

export const defaultSettings: BrokerSettings = {
  visibilityMs: limits.visibilityMsDefault,
  releaseAfterMs: limits.releaseAfterMsDefault,
  createQueues: true,
  durability: 'fsync',
  bodyBytesMax: limits.bodyBytesMax,
  frameBytesMax: limits.frameBytesMax,
  batchMessagesMax: limits.batchMessagesMax,
};

/** Throws a SettingsError that names the first number that is out of its bounds. */
export function checkSettings(settings: object): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!isSettable(name)) continue;
    const [least, most] = settable[name];
    if (Number.isSafeInteger(value) && value >= least && value <= most) continue;
    throw new SettingsError(`${name} must be a whole number from ${least} to ${most}`);
  }
}

function isSettable(name: string): name is keyof typeof settable {
  return Object.hasOwn(settable, name);
}
