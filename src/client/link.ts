/**
 * One TCP connection: bytes in become answers, frames out gather in a writer and leave in one
 * write. It knows nothing of requests. Bytes that are no answer end it, whatever they are.
 */
import { connect, type Socket } from 'node:net';
import { WonderqError } from '../errors.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { FrameReader } from '../protocol/frame-reader.ts';
import { parseReply } from '../protocol/parse-reply.ts';
import { Reply } from '../protocol/reply.ts';
import { Walker } from '../protocol/walker.ts';
import { type Address, formatAddress } from './address.ts';

const READ_BYTES = 64 * 1024;
const WRITE_BYTES_MIN = 16 * 1024;
/** A writer that grew beyond this is not kept. */
const WRITE_BYTES_KEPT = 1024 * 1024;
/** More is not handed to the socket before it has taken what it has. */
const UNSENT_BYTES_MAX = 1024 * 1024;

/** Whoever uses the link for now. */
export interface LinkUser {
  connected?(): void;
  /** The reply holds until this returns. */
  replied(reply: Reply): void;
  /** The socket has taken what was sent, and takes more. */
  sent?(): void;
  /** Called once, and nothing after it. */
  closed(error: WonderqError): void;
}

export class Link {
  user: LinkUser;
  /** Frames that leave with the next `send`. */
  writer = new ByteWriter(WRITE_BYTES_MIN);
  /** Whether bytes came; set back by who watches it. */
  hasHeard = false;

  readonly #address: Address;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #walker = new Walker();
  readonly #reply = new Reply();
  #spare: ByteWriter | undefined = undefined;
  #failure: WonderqError | undefined = undefined;
  #isConnected = false;
  #isClosed = false;

  constructor(address: Address, user: LinkUser) {
    this.#address = address;
    this.user = user;
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    this.#socket = connect({
      ...address,
      noDelay: true,
      onread: { buffer, callback: (bytes) => this.#read(buffer.subarray(0, bytes)) },
    });
    this.#socket.on('connect', () => {
      this.#isConnected = true;
      this.user.connected?.();
    });
    this.#socket.on('error', (cause) => this.#fail(this.#networkError(cause)));
    this.#socket.on('close', () => this.#close());
  }

  get canTakeMore(): boolean {
    return this.#socket.writableLength + this.writer.at < UNSENT_BYTES_MAX;
  }

  /** Everything that was written since the last time, in one write. */
  send(): void {
    const { writer } = this;
    if (writer.at === 0 || this.#isClosed) return;
    this.writer = this.#spare ?? new ByteWriter(WRITE_BYTES_MIN);
    this.#spare = undefined;
    this.#socket.write(writer.written(), () => {
      if (writer.buffer.length <= WRITE_BYTES_KEPT) {
        writer.reset();
        this.#spare = writer;
      }
      // Not the event `drain`, which does not come where the system took all at once.
      this.user.sent?.();
    });
  }

  /** Ends it at once, for this reason. */
  destroy(error: WonderqError): void {
    this.#fail(error);
    this.#socket.destroy();
  }

  /**
   * Takes one chunk apart. The chunk's memory is used again for the next one: the reader has copied
   * what is left of it once it finds no further frame.
   */
  #read(chunk: Buffer): boolean {
    this.hasHeard = true;
    try {
      this.#reader.push(chunk);
      while (!this.#isClosed && this.#failure === undefined && this.#reader.next()) {
        this.#walker.reset(this.#reader.buffer, this.#reader.start, this.#reader.end);
        parseReply(this.#walker, this.#reply);
        this.user.replied(this.#reply);
      }
    } catch (error) {
      this.destroy(asCoded(error));
    }
    return true;
  }

  #fail(error: WonderqError): void {
    this.#failure ??= error;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.user.closed(this.#failure ?? this.#networkError());
  }

  #networkError(cause?: Error): WonderqError {
    const where = formatAddress(this.#address);
    const why = cause === undefined ? '' : `: ${cause.message}`;
    return this.#isConnected
      ? new WonderqError('CONNECTION_CLOSED', `the connection to ${where} broke${why}`, { cause })
      : new WonderqError('CONNECT_FAILED', `${where} cannot be reached${why}`, { cause });
  }
}

function asCoded(error: unknown): WonderqError {
  if (error instanceof WonderqError) return error;
  return new WonderqError('BAD_FRAME', 'the broker sent what cannot be read', { cause: error });
}
