/**
 * What operators ask of queues and the broker, and the values they get.
 */
import { WonderqError } from '../errors.ts';
import { isSettingName, settingRows, wrongValue } from '../protocol/queue-settings.ts';
import { AdministerCall } from './administer-call.ts';
import { badField, checkQueue } from './checks.ts';
import type { Connection } from './connection.ts';
import { forCaller } from './failure.ts';
import type { Settings } from './options.ts';

/** Pages of this many are fetched where all queues are asked for. */
const PAGE_QUEUES = 1000;

/** A queue as the broker tells it; a later broker may tell more. */
export interface QueueInfo {
  readonly name: string;
  readonly [figure: string]: unknown;
}

export interface QueuePage {
  readonly queues: readonly QueueInfo[];
  /** Whether others follow, by name, after the last of these. */
  readonly more: boolean;
}

/** The broker's figures; which there are is the broker's matter. */
export interface Stats {
  readonly queues?: readonly QueueInfo[];
  readonly [figure: string]: unknown;
}

export type PauseWhat = 'produce' | 'receive' | 'both';

type Fields = Record<string, unknown>;

/** Sends one verb and resolves to the map that it is answered with. */
export function administer(connection: Connection, verb: string, fields: Fields): Promise<Fields> {
  return new Promise((resolve, reject) => {
    const answered = (value: unknown) => {
      if (isFields(value)) resolve(value);
      else reject(new WonderqError('INTERNAL', `the broker answered ${verb} with no value`));
    };
    // What is asked for from here on must not be done before it.
    connection.gathering.close();
    connection.submit(new AdministerCall(verb, fields, answered, reject));
  });
}

/** `administer` for a verb that is about one queue. */
export async function askOfQueue<Value = Fields>(
  connection: Connection,
  verb: string,
  queue: string,
  fields: Fields = {},
): Promise<Value> {
  try {
    checkQueue(queue);
    return (await administer(connection, verb, { queue, ...fields })) as Value;
  } catch (error) {
    throw forCaller(error);
  }
}

export function checkWhat(what: PauseWhat): PauseWhat {
  if (what !== 'produce' && what !== 'receive' && what !== 'both') {
    throw badField('what', 'must be produce, receive or both');
  }
  return what;
}

/** Undefined settings stay as they are; null ones go back to the broker's. */
export function settingsOf(settings: Settings): Fields {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (!isSettingName(name)) throw badField(`settings.${name}`, 'is no setting of a queue');
    const wrong = value === null ? undefined : wrongValue(settingRows[name].takes, value);
    if (wrong !== undefined) throw badField(`settings.${name}`, wrong);
  }
  return Object.fromEntries(given);
}

export async function queuesAfter(
  connection: Connection,
  after: string | undefined,
  limit: number | undefined,
): Promise<QueuePage> {
  const page = await administer(connection, 'queues', { after, limit });
  const queues = Array.isArray(page.queues) ? (page.queues as QueueInfo[]) : [];
  return { queues, more: page.more === true && queues.length > 0 };
}

export async function allQueues(connection: Connection): Promise<QueueInfo[]> {
  const all: QueueInfo[] = [];
  for (;;) {
    const page = await queuesAfter(connection, all.at(-1)?.name, PAGE_QUEUES);
    all.push(...page.queues);
    if (!page.more) return all;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
