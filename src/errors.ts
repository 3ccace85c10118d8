/**
 * Every error that crosses a boundary: one class, one table of stable codes. Programs branch on the
 * code, never on the text. `docs/protocol.md` shows the same table; a test compares the two.
 */

/** `closes`: the connection that caused it ends after the answer. `passes`: may succeed later. */
interface CodeTraits {
  readonly meaning: string;
  readonly closes?: true;
  readonly passes?: true;
}

export const CODES = {
  BAD_FRAME: { meaning: 'the bytes are no valid frame', closes: true },
  FRAME_TOO_LARGE: { meaning: 'the frame is longer than the limit', closes: true },
  HELLO_REQUIRED: { meaning: 'the first frame must be a hello', closes: true },
  UNSUPPORTED_VERSION: { meaning: 'this protocol version is not spoken here', closes: true },
  UNAUTHORIZED: { meaning: 'the token is missing or unknown', closes: true },
  SESSION_TAKEN: { meaning: 'the session is now used by another connection', closes: true },
  UNRESPONSIVE: { meaning: 'three pings went unanswered', closes: true },
  SLOW_READER: { meaning: 'what the connection was told was not read in time', closes: true },
  INTERNAL: { meaning: 'a defect of the broker', closes: true },
  UNKNOWN_OPERATION: { meaning: 'no such operation' },
  BAD_REQUEST: { meaning: 'a field is missing, of the wrong type or out of range' },
  BAD_NAME: { meaning: 'the queue name is not allowed' },
  BODY_TOO_LARGE: { meaning: 'a message body is longer than the limit' },
  BATCH_TOO_LARGE: { meaning: 'more messages or receipts than a batch may hold' },
  QUEUE_NOT_FOUND: { meaning: 'the queue does not exist' },
  TEMPLATE_NOT_FOUND: { meaning: 'there is no template with this pattern' },
  QUEUE_EXISTS: { meaning: 'a queue of this name exists already' },
  QUEUE_DELETED: { meaning: 'the queue was deleted while this waited' },
  PAUSED: { meaning: 'the queue is paused for this operation' },
  STALE_RECEIPT: {
    meaning: 'the receipt is not valid (any more); the message is still in the queue',
  },
  GONE: { meaning: 'the message is not in this queue' },
  NOT_DEAD: { meaning: 'the message is not dead' },
  DUPLICATE: { meaning: 'what has this deduplication ID is there already' },
  NOT_LEASED: { meaning: 'no detached lease is in force on the message' },
  CANCELLED: { meaning: 'the request was taken back' },
  BUSY: { meaning: 'too much is open; wait and ask again', passes: true },
  QUEUE_FULL: { meaning: 'the queue is at its limit', passes: true },
  DISK_FULL: { meaning: 'the disk is full; produce is refused', passes: true },
  UNAVAILABLE: { meaning: 'nothing can become durable for now', passes: true },
  RATE_LIMITED: { meaning: 'more than the allowed rate', passes: true },
  DRAINING: { meaning: 'the broker is stopping', passes: true },
  MOVED: { meaning: 'reserved: another broker owns this queue' },
  CHANGED: { meaning: 'the state is no longer what the caller saw, or takes for granted' },
  WEAKER_DURABILITY: { meaning: 'confirmed with less durability than the program accepts' },
  TIMEOUT: { meaning: 'no answer in time: unknown, not failed' },
  CONNECTION_CLOSED: { meaning: 'the client is closed' },
  CONNECT_FAILED: { meaning: 'the broker cannot be reached' },
} as const satisfies Record<string, CodeTraits>;

export type Code = keyof typeof CODES;

export interface WonderqErrorOptions {
  /** The field of the request that is wrong. */
  field?: string | undefined;
  /** When to ask again; only with codes that pass. */
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

export class WonderqError extends Error {
  override readonly name = 'WonderqError';
  readonly code: Code;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: Code,
    message: string = CODES[code].meaning,
    options: WonderqErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether the connection that caused it ends after the answer. */
  get closes(): boolean {
    return 'closes' in CODES[this.code];
  }

  /** Whether the same may succeed later. */
  get passes(): boolean {
    return 'passes' in CODES[this.code];
  }
}

/**
 * The log is damaged beyond a torn tail, is of another format or is not whole: the start is refused
 * (exit 65) and nothing was changed.
 */
export class LogDamagedError extends Error {
  override readonly name = 'LogDamagedError';
  readonly file: string;
  readonly offset: number;
  readonly what: string;

  constructor(file: string, offset: number, what: string) {
    super(`${file}, offset ${offset}: ${what}`);
    this.file = file;
    this.offset = offset;
    this.what = what;
  }
}

/** Under the name of a file of the log there is a directory, a link or a pipe. */
export class NoFileError extends LogDamagedError {
  constructor(file: string) {
    super(file, 0, 'it is no regular file');
  }
}

/** A file of the log is of a newer format: no repair leaves it out. */
export class UnknownFormatError extends LogDamagedError {
  constructor(file: string, versionOffset: number, version: number) {
    super(file, versionOffset, `its format version ${version} is not known here`);
  }
}

/**
 * A block that was written whole no longer checks: the bytes from position `from` up to `to` cannot
 * be read any more.
 */
export class BlockDamagedError extends LogDamagedError {
  readonly from: number;
  readonly to: number;

  constructor(file: string, offset: number, from: number, to: number) {
    super(file, offset, 'a block no longer checks');
    this.from = from;
    this.to = to;
  }
}

/**
 * A file was another one when it was read again (exit 74): after a failed sync the page cache may
 * have let go of what the disk never had. Nothing was changed, and the next start sees the disk.
 */
export class UnsteadyFileError extends Error {
  override readonly name = 'UnsteadyFileError';

  constructor(file: string, offset: number, what = 'it is not what it was when it is read again') {
    super(`${file}, offset ${offset}: ${what}; start again`);
  }
}

/** The owner of a log does not know a kind of record; the log adds where it stands. */
export class UnknownRecordError extends Error {
  override readonly name = 'UnknownRecordError';

  constructor(kind: number, version: number) {
    super(`unknown record kind ${kind}, version ${version}`);
  }
}

/**
 * A record whose block checks and which cannot be read all the same; the log adds where it stands.
 */
export class MalformedRecordError extends Error {
  override readonly name = 'MalformedRecordError';

  constructor() {
    super('a malformed record');
  }
}

/** The broker cannot be started with these settings (exit 64). */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** Another process owns the data directory (exit 75). */
export class DirectoryLockedError extends Error {
  override readonly name = 'DirectoryLockedError';
}
