/**
 * What a client only looks at: queues, messages, figures. Nothing is changed by it.
 */
import {
  administer,
  allQueues,
  askOfQueue,
  type QueueInfo,
  type QueuePage,
  queuesAfter,
  type Stats,
} from './administration.ts';
import {
  type BodyOptions,
  type BrowseOptions,
  bodyFields,
  browseFields,
  eachMessage,
  type MessageInfo,
  type MessagePage,
  type Why,
} from './browsing.ts';
import { checkInteger, checkQueue } from './checks.ts';
import type { Connection } from './connection.ts';
import { forCaller } from './failure.ts';
import { allTemplates, type TemplateInfo } from './templates.ts';

export class Looking {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  getQueue(queue: string): Promise<QueueInfo> {
    return askOfQueue<QueueInfo>(this.#connection, 'queue.get', queue);
  }

  /** All queues, by name. */
  async queues(): Promise<QueueInfo[]> {
    try {
      return await allQueues(this.#connection);
    } catch (error) {
      throw forCaller(error);
    }
  }

  /** Up to `limit` queues (default 100, at most 1,000) whose names follow `after`. */
  async queuesPage(options: { after?: string; limit?: number } = {}): Promise<QueuePage> {
    try {
      checkInteger('limit', options.limit, 1, 1000);
      return await queuesAfter(this.#connection, options.after, options.limit);
    } catch (error) {
      throw forCaller(error);
    }
  }

  /** All templates, by pattern. */
  templates(): Promise<TemplateInfo[]> {
    return allTemplates(this.#connection);
  }

  /** The broker's figures, with the first 1,000 queues unless `queues` is false. */
  async stats(options: { queues?: boolean } = {}): Promise<Stats> {
    try {
      return await administer(this.#connection, 'stats', { queues: options.queues });
    } catch (error) {
      throw forCaller(error);
    }
  }

  /**
   * The messages of a queue in the order in which they are delivered, for `for await`. They are
   * asked for a page at a time, as they are wanted, while others may come and go.
   */
  browse(queue: string, options: BrowseOptions = {}): AsyncGenerator<MessageInfo, void, undefined> {
    checkQueue(queue);
    browseFields(options);
    const page = (after: string | undefined) => this.browsePage(queue, { ...options, after });
    return eachMessage(page, options.after);
  }

  /** One page of them. */
  async browsePage(queue: string, options: BrowseOptions = {}): Promise<MessagePage> {
    const fields = browseFields(options);
    const page = await askOfQueue(this.#connection, 'messages', queue, fields);
    const messages = Array.isArray(page.messages) ? (page.messages as MessageInfo[]) : [];
    return { messages, next: typeof page.next === 'string' ? page.next : undefined };
  }

  /** One message, with its whole body if nothing else is asked for; rejects with GONE. */
  async getMessage(queue: string, id: number, options: BodyOptions = {}): Promise<MessageInfo> {
    checkInteger('id', id, 1, Number.MAX_SAFE_INTEGER);
    const fields = { id, ...bodyFields(options) };
    return await askOfQueue<MessageInfo>(this.#connection, 'message', queue, fields);
  }

  /** Why a message, or the next one of a queue, is not being delivered now. */
  async why(queue: string, id?: number): Promise<Why> {
    checkInteger('id', id, 1, Number.MAX_SAFE_INTEGER);
    return await askOfQueue<Why>(this.#connection, 'why', queue, { id });
  }
}
