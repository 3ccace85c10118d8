/**
 * What the package gives to programs: the client, and the broker inside a process.
 */

export type { BrokerEnd } from './broker/broker.ts';
export { ClockError } from './broker/broker-time.ts';
export * from './client/client.ts';
export { CODES, type Code, DirectoryLockedError, LogDamagedError, WonderqError } from './errors.ts';
export type { Logger } from './server/logger.ts';
export { type RunningBroker, type StartOptions, startBroker } from './server/start-broker.ts';
