// A broker that does what a test tells it, over a real socket: it reads requests with the protocol's
// own parser, keeps what it saw, and answers when the test says so. Greetings, resumes, goodbyes and
// pings it answers by itself, unless a test takes that over.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { ownLoopback } from '../../../src/cli/loopback.ts';
import { type Client, type ConnectOptions, connect } from '../../../src/client/client.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeConnection } from './fake-connection.ts';
import type { RequestName, Seen } from './seen.ts';

type Behaviour = (seen: Seen, connection: FakeConnection) => void;

export class FakeBroker {
  readonly connections: FakeConnection[] = [];
  /** Every request of every connection, in the order seen. */
  readonly seen: Seen[] = [];
  /** What is answered without being told; a test may set or delete any. */
  readonly behaviours = new Map<RequestName, Behaviour>([
    ['hello', (seen, connection) => this.greet(seen, connection)],
    ['resume', ({ id }, connection) => connection.ok(id)],
    ['unsubscribe', ({ id }, connection) => connection.ok(id)],
    ['subscribe', ({ id }, connection) => connection.ok(id)],
    ['cancel', ({ id }, connection) => connection.ok(id)],
    ['ping', ({ id }, connection) => connection.ok(id)],
    ['bye', ({ id }, connection) => connection.end(() => connection.ok(id))],
  ]);
  /** Added to the greeting. */
  greeting: Readonly<Record<string, unknown>> = {};
  readonly #server: Server;
  readonly #sessions = new Set<string>();
  readonly #taken = new Set<Seen>();

  constructor() {
    this.#server = createServer((socket) => {
      const connection = new FakeConnection(socket, (seen) => {
        this.seen.push(seen);
        this.behaviours.get(seen.name)?.(seen, connection);
      });
      this.connections.push(connection);
    });
  }

  get url(): string {
    return `wonderq://${ownLoopback()}:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The newest connection. */
  get connection(): FakeConnection {
    return this.connections.at(-1)!;
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, ownLoopback());
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.break();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  greet(seen: Seen, connection: FakeConnection): void {
    const { session } = seen;
    const resumed = session !== undefined && this.#sessions.has(session);
    if (session !== undefined) this.#sessions.add(session);
    connection.ok(seen.id, { version: 1, resumed, broker: 'fake', ...this.greeting });
  }

  forgetSessions(): void {
    this.#sessions.clear();
  }

  /** Waits for a request of this name that no call of this has given yet. */
  async request(name: RequestName): Promise<Seen> {
    const isNew = (seen: Seen) => seen.name === name && !this.#taken.has(seen);
    const found = await eventually(`a request ${name}`, () => this.seen.find(isNew));
    this.#taken.add(found);
    return found;
  }

  /** How many requests of this name came so far. */
  count(name: RequestName): number {
    return this.seen.filter((seen) => seen.name === name).length;
  }

  /** Waits until the client is connected for the given time, counted from 1. */
  async connected(times: number): Promise<void> {
    await eventually(`connection ${times}`, () => this.count('hello') >= times);
  }
}

/** The body of a test: a fake broker and a client of it, both closed at the end. */
export function withFake(
  body: (broker: FakeBroker, client: Client) => Promise<void>,
  options: ConnectOptions = {},
): () => Promise<void> {
  return withBroker(async (broker) => {
    const client = await connect(broker.url, options);
    try {
      await body(broker, client);
    } finally {
      await client.close();
    }
  });
}

/** The body of a test that connects by itself. */
export function withBroker(body: (broker: FakeBroker) => Promise<void>): () => Promise<void> {
  return async () => {
    const broker = new FakeBroker();
    await broker.listen();
    try {
      await body(broker);
    } finally {
      await broker.close();
    }
  };
}
