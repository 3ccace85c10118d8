/**
 * The bounds and defaults that several folders share, or that a user meets, with their relations
 * asserted. Units are in the names.
 */
import assert from 'node:assert';

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** What may be set, from the least to the most; the defaults are in `limits`. */
export const settable = {
  /** The log is made for bodies of the default: a record holds one whole. */
  bodyBytesMax: [1, 1 * MIB],
  /** The least holds any body, and a resume of all that a client may hold. */
  frameBytesMax: [2 * MIB, 64 * MIB],
  batchMessagesMax: [1, 50_000],
  visibilityMs: [1, 7 * DAY_MS],
  releaseAfterMs: [0, 10 * MINUTE_MS],
  /** The least holds the longest batch. */
  segmentBytes: [5 * MIB, 1024 * MIB],
} as const satisfies Readonly<Record<string, readonly [least: number, most: number]>>;

export const limits = {
  /** Wire. */
  frameBytesMax: 8 * MIB,
  helloFrameBytesMax: 4 * KIB,
  bodyBytesMax: 1 * MIB,
  headerBytesMax: 16 * KIB,
  headersMax: 64,
  contentTypeBytesMax: 255,
  batchMessagesMax: 10_000,
  queuesPerRequestMax: 16,
  nameBytesMax: 128,
  clientNameBytesMax: 128,
  depthMax: 8,
  /** A slice of messages, each with how it was seen. */
  administrationValuesMax: 4_096,

  /** Rules. */
  queuesMax: 200_000,
  templatesMax: 1_000,
  visibilityMsDefault: 30 * SECOND_MS,
  visibilityMsMax: settable.visibilityMs[1],
  delayMsMax: 3_660 * DAY_MS,
  waitMsMax: 10 * MINUTE_MS,
  priorityMax: 255,
  failuresMax: 1_000_000,
  /** Of each message, the last ones. */
  failuresKeptMax: 16,
  failureTextBytesMax: 256,
  deduplicationIdBytesMax: 128,
  /** Of the key of a message group. */
  groupBytesMax: 128,
  /** Of one queue, at a time: far fewer than a map can hold. */
  deduplicationIdsMax: 4_000_000,
  deduplicationMsDefault: 5 * MINUTE_MS,
  deduplicationMsMax: 30 * DAY_MS,
  creditMax: 100_000,
  releaseAfterMsDefault: 5 * SECOND_MS,
  releaseAfterMsMax: settable.releaseAfterMs[1],
  sessionForgetMs: 10 * MINUTE_MS,
  sessionsMax: 100_000,
  sessionAnswersMax: 1_024,
  /** Every loop over messages does at most this many, then lets others go on. */
  sliceMessagesMax: 1_000,
  /** So many bytes count as one message more, where bytes are copied. */
  sliceBytesPerMessage: 4 * KIB,

  /** Connections. */
  turnBytesMax: 64 * KIB,
  turnMessagesMax: 512,
  /** A receive's acks are executed in one turn. */
  receiveAcksMax: 512,
  deliveryFrameBytesMax: 256 * KIB,
  connectionsMax: 10_000,
  heldBytesMax: 64 * MIB,
  connectionUnsentBytesMax: 1 * MIB,
  helloMs: 5 * SECOND_MS,
  partialFrameMs: 30 * SECOND_MS,
  pingMs: 10 * SECOND_MS,
  pingsMissedMax: 3,
  /** So long a connection may be full because its other side does not read. */
  unreadMs: 30 * SECOND_MS,
  /** After an orderly end the other side has this long to close as well. */
  lingerMs: 5 * SECOND_MS,
  takersPerConnectionMax: 1_024,
  looksPerConnectionMax: 64,

  /** Log. */
  segmentBytes: 64 * MIB,
  blockBytesMax: 256 * KIB,
  batchBytesMax: 4 * MIB,
  unsyncedBytesMax: 16 * MIB,
  tailCacheBytes: 64 * MIB,
  fetchBytesMax: 16 * MIB,
  compactionTurnBytesMax: 256 * KIB,
  messageIdJump: 2 ** 20,
  clockAheadMsMax: DAY_MS,
  timerMsMax: 60 * MINUTE_MS,
} as const;

/**
 * A record holds at most one slice of a frame: its messages but for the last end within a turn's
 * bytes.
 */
export const recordBytesMax =
  limits.turnBytesMax + limits.bodyBytesMax + limits.headerBytesMax + 4 * KIB;

const receiptBytesMax = 18;
const [frameBytesLeast] = settable.frameBytesMax;
const [, bodyBytesMost] = settable.bodyBytesMax;
const [, batchMessagesMost] = settable.batchMessagesMax;
assert(bodyBytesMost === limits.bodyBytesMax, 'records are made for the largest body');
assert(frameBytesLeast > bodyBytesMost + limits.headerBytesMax + KIB, 'a message fits any frame');
assert(frameBytesLeast > limits.creditMax * receiptBytesMax, 'a resume fits any frame');
assert(recordBytesMax > batchMessagesMost * receiptBytesMax, 'an answer fits a record');
assert(
  recordBytesMax >
    bodyBytesMost + limits.headerBytesMax + limits.failuresKeptMax * limits.failureTextBytesMax * 2,
  'a copy fits a record',
);
assert(limits.batchBytesMax >= 2 * recordBytesMax, 'a batch holds two records');
assert(limits.segmentBytes > 2 * limits.batchBytesMax, 'a segment holds two batches');
assert(limits.unsyncedBytesMax > limits.batchBytesMax + recordBytesMax, 'a batch gathers');
assert(limits.turnMessagesMax <= limits.sliceMessagesMax, 'a turn is a slice');
assert(limits.receiveAcksMax <= limits.turnMessagesMax, 'acks of a receive are one turn');
assert(limits.sessionForgetMs >= limits.releaseAfterMsMax, 'no session ends in its grace');
assert(limits.timerMsMax < 2 ** 31, 'a timer beyond this fires at once');
