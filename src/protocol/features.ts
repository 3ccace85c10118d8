/**
 * Every operation and every verb, a row each; the settings of a queue have a table of their own in
 * `queue-settings.ts`. A test holds the parser, the client, the command line, the documents and the
 * simulation against both: what is missing in one of them fails.
 */
import type { REQUEST } from './operations.ts';

export interface Feature {
  /** Of the class `Client`; undefined: the client does it by itself. */
  readonly client?: string;
  /** On the command line, with the flag that is meant if there is one. */
  readonly command?: string;
  /** The records that it writes to the log; none: it changes nothing that outlives a restart. */
  readonly records: readonly string[];
}

/** Requests of the wire. */
export const operations: Readonly<Record<keyof typeof REQUEST, Feature>> = {
  hello: { records: ['sessionOpened'] },
  resume: { records: ['returned'] },
  bye: { client: 'close', records: ['sessionEnded', 'returned'] },
  ping: { records: [] },
  pong: { records: [] },
  cancel: { client: 'receive', records: [] },
  produce: {
    client: 'produce',
    command: 'produce',
    records: ['produced', 'deduplicated', 'answered'],
  },
  receive: { client: 'receive', command: 'receive', records: ['delivered'] },
  ack: { client: 'ack', command: 'ack', records: ['settled'] },
  nack: { client: 'nack', command: 'nack', records: ['returned', 'died', 'moved', 'settled'] },
  release: { client: 'release', records: ['returned'] },
  extend: { client: 'extend', command: 'extend', records: ['extended'] },
  subscribe: { client: 'consume', command: 'consume', records: ['delivered'] },
  credit: { client: 'consume', command: 'consume', records: [] },
  unsubscribe: { client: 'consume', command: 'consume', records: [] },
  ackCurrent: { client: 'ackCurrent', command: 'ack --current', records: ['settled'] },
  administer: { records: ['answered'] },
};

/** Of `administer`. */
export const verbs: Readonly<Record<string, Feature>> = {
  'queue.create': { client: 'createQueue', command: 'queues create', records: ['queueSet'] },
  'queue.configure': {
    client: 'configureQueue',
    command: 'queues configure',
    records: ['queueSet'],
  },
  'queue.pause': { client: 'pauseQueue', command: 'queues pause', records: ['queueSet'] },
  'queue.resume': { client: 'resumeQueue', command: 'queues resume', records: ['queueSet'] },
  'queue.purge': { client: 'purgeQueue', command: 'queues purge', records: ['purged'] },
  'queue.redrive': { client: 'redrive', command: 'redrive', records: ['redriven', 'moved'] },
  'queue.delete': { client: 'deleteQueue', command: 'queues delete', records: ['queueDeleted'] },
  'queue.get': { client: 'getQueue', command: 'queues list', records: [] },
  queues: { client: 'queues', command: 'queues list', records: [] },
  'template.set': { client: 'setTemplate', command: 'templates set', records: ['templateSet'] },
  'template.delete': {
    client: 'deleteTemplate',
    command: 'templates delete',
    records: ['templateDeleted'],
  },
  templates: { client: 'templates', command: 'templates list', records: [] },
  messages: { client: 'browse', command: 'peek', records: [] },
  message: { client: 'getMessage', command: 'peek', records: [] },
  'message.delete': {
    client: 'deleteMessages',
    command: 'delete',
    records: ['deleted', 'died', 'settled'],
  },
  'message.move': {
    client: 'moveMessages',
    command: 'move',
    records: ['moved', 'died', 'settled'],
  },
  why: { client: 'why', command: 'why', records: [] },
  stats: { client: 'stats', command: 'stats', records: [] },
};

/** Whether a verb changes something; one that is not known counts as if it did. */
export function isChange(verb: string): boolean {
  return verbs[verb]?.records.length !== 0;
}
