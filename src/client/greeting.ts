/**
 * What the broker says of itself when a connection begins.
 */
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';

export interface Greeting {
  /** The broker's version. */
  readonly broker: string;
  readonly features: readonly string[];
  readonly limits: BrokerLimits;
  /** How long leases outlive their connection. */
  readonly releaseAfterMs: number;
  readonly pingMs: number;
  /** Broker time when the connection began. */
  readonly timeMs: number;
  /** Whether the broker knew the session. */
  readonly resumed: boolean;
}

export interface BrokerLimits {
  readonly frameBytesMax: number;
  readonly bodyBytesMax: number;
  readonly batchMessagesMax: number;
}

/** What a broker has that says nothing else. */
export const usualGreeting: Greeting = {
  broker: '',
  features: [],
  limits: {
    frameBytesMax: limits.frameBytesMax,
    bodyBytesMax: limits.bodyBytesMax,
    batchMessagesMax: limits.batchMessagesMax,
  },
  releaseAfterMs: limits.releaseAfterMsDefault,
  pingMs: limits.pingMs,
  timeMs: 0,
  resumed: false,
};

/** Reads the value of a hello's answer; whatever is missing or odd is as usual. */
export function readGreeting(value: unknown): Greeting {
  if (!isRecord(value) || typeof value.resumed !== 'boolean') {
    throw new WonderqError('BAD_FRAME', 'the answer to the hello is none');
  }
  const bounds = isRecord(value.limits) ? value.limits : {};
  const usual = usualGreeting;
  return {
    broker: typeof value.broker === 'string' ? value.broker : usual.broker,
    features: textsOf(value.features),
    limits: {
      frameBytesMax: positive(bounds.frameBytesMax, usual.limits.frameBytesMax),
      bodyBytesMax: positive(bounds.bodyBytesMax, usual.limits.bodyBytesMax),
      batchMessagesMax: positive(bounds.batchMessagesMax, usual.limits.batchMessagesMax),
    },
    releaseAfterMs: positive(value.releaseAfterMs, usual.releaseAfterMs),
    pingMs: Math.min(positive(value.pingMs, usual.pingMs), limits.timerMsMax),
    timeMs: positive(value.timeMs, usual.timeMs),
    resumed: value.resumed,
  };
}

function positive(value: unknown, otherwise: number): number {
  return typeof value === 'number' && value > 0 ? value : otherwise;
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
