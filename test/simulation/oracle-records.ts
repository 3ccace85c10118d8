/**
 * What the oracle keeps: messages as producers sent them, leases as consumers were told of them,
 * sessions as clients know them. Plain data; what follows from it is in `oracle.ts`. All times are
 * virtual unless called broker time.
 */
export interface SessionFacts {
  readonly key: string;
  /** The broker said that it has it, durably. */
  isKnown: boolean;
  /** A goodbye was sent. */
  isLeaving: boolean;
  /** The connection that the client uses, and when either side may have seen it break. */
  connection: { readonly brokenMs: number | undefined } | undefined;
  /** Since when the broker may know of no connection, where the client has none. */
  awayMs: number | undefined;
  /** Its client will never come back, which the broker knew then, in that life. */
  goneSince: { readonly life: number; readonly ms: number } | undefined;
  isGone: boolean;
  /** It may have lost the leases of all lives up to this one, those too that have yet to arrive. */
  lostOfLife: number;
  readonly leases: Set<Lease>;
}

/** A confirmation: when it was told, and whether a power cut may undo it. */
export interface Told {
  readonly atMs: number;
  readonly isWeak: boolean;
}

export interface Message {
  readonly body: string;
  readonly queue: string;
  readonly priority: number;
  readonly deduplicationId: string | undefined;
  readonly group: string | undefined;
  readonly sentMs: number;
  /** In broker time: not produced before. */
  producedLowMs: number;
  readonly delayMs: number;
  /** In broker time: not delivered before; 0: at once. */
  readonly notBeforeMs: number;
  /** From when it was produced; infinity: for ever. */
  readonly timeToLiveMs: number;
  /** While nobody has it, to make room for newer ones. */
  readonly mayBeDropped: boolean;
  /** In broker time: if nobody took it, it was ready by then. */
  dueHighMs: number;
  /** Not ready at once, when produced or given back. */
  isDelayed: boolean;
  id: number | undefined;
  idTold: Told | undefined;
  confirmed: Told | undefined;
  isRefused: boolean;
  /** Acknowledged, by the receipt of this lease. */
  gone: (Told & { readonly lease: Lease }) | undefined;
  /** Acks that may still be executed. */
  acksOpen: number;
  /** An ack may have taken effect before that: no answer came, or a power cut may have undone it. */
  maybeAckedMs: number | undefined;
  /** Purges and deletions that may still take it. */
  purgesOpen: number;
  /** One of them may have taken it before that. */
  maybePurgedMs: number | undefined;
  purgedMs: number | undefined;
  /** An operator may have moved it to where letters are, where it was ready at once. */
  isMaybeMoved: boolean;
  readonly leases: Lease[];
}

export interface Lease {
  readonly message: Message;
  /** Where it was delivered from. */
  readonly queue: string;
  readonly id: number;
  readonly life: number;
  readonly token: number;
  readonly deliveryCount: number;
  readonly failureCount: number;
  /** Undefined: detached. */
  readonly session: SessionFacts | undefined;
  readonly arrivedMs: number;
  /** The request or credit it answers was sent then: not executed before. */
  readonly askedMs: number;
  /** Bounds of its deadline in broker time. */
  deadlineLowMs: number;
  deadlineHighMs: number;
  /** In broker time: its message's time to live is over then. */
  readonly expiresMs: number;
  /** Ended for certain by an answer, at that time. */
  over: (Told & { readonly kind: SettleKind }) | undefined;
  /** Given back with a delay: not delivered again before this, in broker time. */
  againLowMs: number;
  /** Ready again by then, in broker time. */
  againHighMs: number;
  /** Extended last. */
  extended: Told | undefined;
  /** It may have ended by something other than its deadline. */
  isMaybeOver: boolean;
  /** A power cut may have undone it. */
  isDoubtful: boolean;
  /** A request about it is open. */
  open: Settle | undefined;
}

export type SettleKind = 'ack' | 'nack' | 'release' | 'extend';

export interface Settle {
  readonly kind: SettleKind;
  /** An ack by message ID: whichever detached lease is in force then. */
  readonly isById: boolean;
  readonly lease: Lease;
  readonly sentMs: number;
  /** In broker time: not executed before. */
  lowMs: number;
  /** Nack: the delay; extend: the visibility. */
  readonly ms: number;
  /** Whether the message was gone for certain when this was first sent. */
  wasGone: boolean;
  /** Whether the lease was over for certain when this was first sent. */
  wasOver: boolean;
  /** The lease's deadline before it. */
  readonly lowBefore: number;
  readonly highBefore: number;
}

export interface Purge {
  readonly queue: string;
  /** What was confirmed before it was sent. */
  readonly certain: Set<Message>;
  /** What else it may take: sent before its answer. */
  readonly others: Set<Message>;
}

/** A delivery as it arrived. */
export interface DeliveryFacts {
  readonly life: number;
  readonly queue: string;
  readonly id: number;
  readonly token: number;
  readonly deliveryCount: number;
  readonly failureCount: number;
  readonly producedMs: number;
  readonly priority: number;
  readonly body: string;
  readonly visibilityMs: number;
  readonly session: SessionFacts | undefined;
  readonly askedMs: number;
}

/** How often what happened; the names are printed. */
export interface OracleCounts {
  confirmations: number;
  confirmationsAtWrite: number;
  refused: number;
  unknown: number;
  /** Not confirmed, and delivered all the same. */
  recovered: number;
  /** Requests of several messages without a confirmation, all of which were there. */
  wholeRecovered: number;
  deliveries: number;
  /** From the dead-letter queue. */
  letters: number;
  redeliveries: number;
  acks: number;
  nacks: number;
  releases: number;
  extends: number;
  staleReceipts: number;
  goneReceipts: number;
  purged: number;
  resumes: number;
  sessionsLost: number;
  acksAfterRestart: number;
  orderChecks: number;
  /** Of a delivery with another message of its group. */
  groupChecks: number;
  failureChecks: number;
  undone: number;
  /** Nobody acknowledged it, since its time to live was over. */
  timedOut: number;
  goneInTime: number;
  /** At the end it cannot be told whether the message should be there. */
  undecided: number;
}

export function emptyOracleCounts(): OracleCounts {
  return {
    confirmations: 0,
    confirmationsAtWrite: 0,
    refused: 0,
    unknown: 0,
    recovered: 0,
    wholeRecovered: 0,
    deliveries: 0,
    letters: 0,
    redeliveries: 0,
    acks: 0,
    nacks: 0,
    releases: 0,
    extends: 0,
    staleReceipts: 0,
    goneReceipts: 0,
    purged: 0,
    resumes: 0,
    sessionsLost: 0,
    acksAfterRestart: 0,
    orderChecks: 0,
    groupChecks: 0,
    failureChecks: 0,
    undone: 0,
    timedOut: 0,
    goneInTime: 0,
    undecided: 0,
  };
}
