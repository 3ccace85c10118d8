/**
 * The listening socket: accepts connections up to a limit and joins each to the broker.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Broker } from '../broker/broker.ts';
import type { Connection } from '../broker/connection.ts';
import { limits } from '../limits.ts';
import type { Logger } from './logger.ts';
import { SocketTransport } from './socket-transport.ts';

export class Listener {
  private readonly broker: Broker;
  private readonly logger: Logger;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(broker: Broker, logger: Logger) {
    this.broker = broker;
    this.logger = logger;
    this.server = createServer({ allowHalfOpen: false }, (socket) => this.accept(socket));
    this.server.maxConnections = limits.connectionsMax;
    this.server.on('drop', () => logger.warn('a connection was refused: too many are open'));
  }

  /** Resolves with the port when connections are accepted; rejects if the address cannot be had. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port }, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    this.server.on('error', (error) => this.logger.error({ error }, 'the listening socket failed'));
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** Accepts no more connections; those that are open stay. */
  stopAccepting(): void {
    this.server.close();
  }

  /** Ends what is open; whoever does not close in time is cut off. */
  async close(): Promise<void> {
    this.stopAccepting();
    const cutOff = setTimeout(() => {
      for (const socket of this.sockets) socket.destroy();
    }, limits.lingerMs);
    const open = [...this.sockets];
    for (const socket of open) socket.end();
    await Promise.all(open.map((socket) => closed(socket)));
    clearTimeout(cutOff);
  }

  private accept(socket: Socket): void {
    const { broker } = this;
    this.sockets.add(socket);
    const connection: Connection = broker.connect(new SocketTransport(socket));
    socket.on('data', (bytes: Buffer) => broker.receive(connection, bytes));
    socket.on('drain', () => broker.sent(connection));
    // A reset is the peer's way to end; 'close' follows and does the work.
    socket.on('error', (error) => this.logger.debug({ error }, 'a socket failed'));
    socket.on('close', () => {
      this.sockets.delete(socket);
      broker.disconnect(connection);
    });
  }
}

function closed(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}
