/**
 * A connection's way over a TCP socket. The broker makes one write of all that may leave in a turn,
 * so Nagle's algorithm would only delay it.
 */
import type { Socket } from 'node:net';
import type { Transport } from '../broker/connection.ts';

export class SocketTransport implements Transport {
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
