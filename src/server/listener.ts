/**
 * The listening socket: accepts connections up to a limit and joins each to the broker.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Broker } from '../broker/broker.ts';
import type { Connection } from '../broker/connection.ts';
import { limits } from '../limits.ts';
import type { Logger } from './logger.ts';
import { descriptorsMax, Places, placesFor } from './places.ts';
import { SocketTransport } from './socket-transport.ts';

export class Listener {
  private readonly broker: Broker;
  private readonly logger: Logger;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly places: Places;
  private refused = 0;

  constructor(broker: Broker, logger: Logger) {
    this.broker = broker;
    this.logger = logger;
    this.server = createServer({ allowHalfOpen: false }, (socket) => this.accept(socket));
    const count = placesFor(descriptorsMax());
    this.places = new Places(count);
    this.server.maxConnections = count;
    this.server.on('drop', () => this.tellRefused());
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

  private tellRefused(): void {
    this.refused += 1;
    if (!isWorthTelling(this.refused)) return;
    this.logger.warn({ refused: this.refused }, 'connections were refused: too many are open');
  }

  private accept(socket: Socket): void {
    const { broker, places } = this;
    const address = socket.remoteAddress ?? '';
    if (!places.take(address)) {
      socket.destroy();
      this.tellRefused();
      return;
    }
    this.sockets.add(socket);
    const connection: Connection = broker.connect(new SocketTransport(socket));
    socket.on('data', (bytes: Buffer) => broker.receive(connection, bytes));
    socket.on('drain', () => broker.sent(connection));
    // A reset is the peer's way to end; 'close' follows and does the work.
    socket.on('error', (error) => this.logger.debug({ error }, 'a socket failed'));
    socket.on('close', () => {
      this.sockets.delete(socket);
      places.leave(address);
      broker.disconnect(connection);
    });
  }
}

/** Told each time that there are twice as many: a flood of them fills no disk. */
function isWorthTelling(count: number): boolean {
  return Number.isInteger(Math.log2(count));
}

function closed(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}
