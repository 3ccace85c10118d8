/**
 * What a seed draws first: which faults are on and how often they come, how fast disk and network
 * are, how large everything is, and what the clients do. Most seeds have only some of it, so that
 * rare combinations are seen as well as everything at once.
 */
import type { Random } from '../support/random.ts';
import type { Limits } from './oracle-limits.ts';

export interface Conditions {
  readonly chaosMs: number;
  readonly queues: readonly string[];
  readonly producers: number;
  readonly consumers: number;
  /** Each queue has one consumer that asks for one answer at a time: order can be checked. */
  readonly isSingleConsumer: boolean;

  /** Means between two faults; infinity: off. */
  readonly killMs: number;
  readonly powerMs: number;
  readonly stopMs: number;
  readonly diskFaultMs: number;
  readonly fullDiskMs: number;
  readonly fenceMs: number;
  readonly pauseMs: number;
  readonly crashInStartChance: number;
  readonly faultInStartChance: number;
  readonly rotChance: number;
  readonly cutOffMs: number;
  readonly vanishMs: number;
  readonly stallMs: number;
  readonly takeoverMs: number;
  readonly byeMs: number;
  readonly wallJumpMs: number;
  readonly operatorMs: number;
  readonly steerMs: number;
  readonly strictDirectory: boolean;
  readonly reserve: boolean;

  readonly syncMs: number;
  readonly slowChance: number;
  readonly readMs: number;
  readonly latencyMs: number;
  readonly cutChance: number;

  readonly segmentBytes: number;
  readonly tailCacheBytes: number;
  readonly readCacheBytes: number;

  readonly durability: 'fsync' | 'write';
  /** Queues made with durability `write`. */
  readonly weakQueues: readonly string[];
  /** In which a message dies after so many failures. */
  readonly mortalQueues: readonly string[];
  readonly failuresMax: number;
  /** Whether what dies in them goes to a queue of its own. */
  readonly hasLetters: boolean;
  /** With limits; none of those in which messages die. */
  readonly limitedQueues: readonly string[];
  readonly limits: Limits;
  /** How they back off; 0: not at all. */
  readonly backoffMs: number;
  readonly weakProduceChance: number;
  /** How likely a request is sent twice at once. */
  readonly twiceChance: number;
  readonly visibilityMs: number;
  readonly releaseAfterMs: number;

  readonly bodyBytesMax: number;
  readonly batchMax: number;
  readonly delayChance: number;
  readonly priorities: number;
  readonly produceMs: number;
  readonly workMs: number;
  readonly failChance: number;
  readonly subscribeChance: number;
  readonly detachedChance: number;
  /** How likely a message is produced with a time to live, or not before a time. */
  readonly lifeChance: number;
  readonly notBeforeChance: number;
  /** How likely a request has messages with deduplication IDs, and the window of mortal queues. */
  readonly onceChance: number;
  readonly deduplicationMs: number;
  /** How likely a request has messages of groups. */
  readonly groupChance: number;
  /** Whether what is past its time to live is dead in the queues in which messages die. */
  readonly keepsOverdue: boolean;
}

export function drawConditions(random: Random): Conditions {
  const isSingleConsumer = random.chance(0.25);
  const queueCount = isSingleConsumer ? random.integer(1, 2) : random.pick([1, 2, 4, 14]);
  const queues = Array.from({ length: queueCount }, (_, index) => `queue-${index}`);
  const mortalQueues = queues.filter(() => random.chance(0.2));
  const sometimes = (chance: number, least: number, most: number) =>
    random.chance(chance) ? random.integer(least, most) : Number.POSITIVE_INFINITY;
  return {
    chaosMs: random.integer(800, 3500),
    queues,
    producers: random.integer(1, 4),
    consumers: isSingleConsumer ? queueCount : random.integer(1, 4),
    isSingleConsumer,
    killMs: sometimes(0.6, 400, 3000),
    powerMs: sometimes(0.6, 400, 3000),
    stopMs: sometimes(0.5, 500, 3000),
    diskFaultMs: sometimes(0.4, 200, 2000),
    fullDiskMs: sometimes(0.25, 500, 3000),
    fenceMs: sometimes(0.25, 500, 3000),
    pauseMs: sometimes(0.25, 300, 3000),
    crashInStartChance: random.pick([0, 0.2, 0.5]),
    faultInStartChance: random.pick([0, 0, 0.2]),
    rotChance: random.pick([0, 0.3]),
    cutOffMs: sometimes(0.6, 100, 2000),
    vanishMs: sometimes(0.4, 300, 3000),
    stallMs: sometimes(0.4, 200, 2000),
    takeoverMs: sometimes(0.3, 300, 3000),
    byeMs: sometimes(0.3, 300, 3000),
    wallJumpMs: sometimes(0.3, 300, 3000),
    operatorMs: sometimes(0.4, 100, 2000),
    steerMs: sometimes(0.8, 40, 300),
    strictDirectory: random.chance(0.5),
    reserve: random.chance(0.6),
    syncMs: random.pick([0.2, 2, 10, 30]),
    slowChance: random.pick([0, 0.02]),
    readMs: random.pick([0.1, 2, 15]),
    latencyMs: random.pick([0.1, 1, 10]),
    cutChance: random.pick([0, 0.3, 0.7]),
    segmentBytes: random.pick([8, 16, 32, 64]) * 1024,
    tailCacheBytes: random.pick([10, 32]) * 1024,
    readCacheBytes: random.pick([4, 16]) * 1024,
    durability: random.chance(0.15) ? 'write' : 'fsync',
    // What is about two queues has the stricter level: they are all of one.
    weakQueues: queues.filter((queue) => random.chance(0.15) && !mortalQueues.includes(queue)),
    mortalQueues,
    failuresMax: random.integer(1, 4),
    hasLetters: random.chance(0.4),
    backoffMs: random.pick([0, 0, 20, 100]),
    weakProduceChance: random.pick([0, 0, 0.3]),
    twiceChance: random.pick([0, 0, 0.3]),
    visibilityMs: random.pick([200, 600, 2000]),
    releaseAfterMs: random.pick([150, 600, 2000]),
    bodyBytesMax: random.pick([20, 200, 1500]),
    batchMax: random.pick([1, 5, 40]),
    delayChance: random.pick([0, 0.2]),
    priorities: random.pick([1, 3]),
    produceMs: random.pick([8, 25, 80]),
    workMs: random.pick([1, 20, 150]),
    failChance: random.pick([0, 0.1, 0.4]),
    subscribeChance: random.pick([0, 0.5, 1]),
    detachedChance: random.pick([0, 0.3]),
    lifeChance: random.pick([0, 0, 0.3]),
    notBeforeChance: random.pick([0, 0, 0.2]),
    keepsOverdue: random.chance(0.5),
    onceChance: random.pick([0, 0, 0.3]),
    deduplicationMs: random.pick([50, 2000]),
    groupChance: random.pick([0, 0, 0.5]),
    limitedQueues: queues.filter((queue) => random.chance(0.2) && !mortalQueues.includes(queue)),
    limits: {
      messagesMax: random.pick([1, 3, 12]),
      bytesMax: random.pick([500, 5_000, 50_000]),
      dropsOldest: random.chance(0.5),
    },
  };
}

/** Where messages of mortal queues go, if anywhere. */
export const letters = 'letters';

const never = Number.POSITIVE_INFINITY;

/** What of a history can be left out, by name, and the conditions without it. */
export const parts = {
  kills: { killMs: never },
  powerCuts: { powerMs: never },
  stops: { stopMs: never },
  diskFaults: { diskFaultMs: never },
  fullDisks: { fullDiskMs: never },
  lostDirectories: { fenceMs: never },
  pauses: { pauseMs: never },
  crashesInStart: { crashInStartChance: 0 },
  faultsInStart: { faultInStartChance: 0 },
  rot: { rotChance: 0 },
  cutOffs: { cutOffMs: never },
  vanishing: { vanishMs: never },
  stalls: { stallMs: never },
  takeovers: { takeoverMs: never },
  byes: { byeMs: never },
  wallJumps: { wallJumpMs: never },
  operator: { operatorMs: never },
  steering: { steerMs: never },
  looseNames: { strictDirectory: false },
  reserve: { reserve: false },
  slowDisk: { slowChance: 0 },
  cutFrames: { cutChance: 0 },
  weakQueues: { weakQueues: [] },
  deaths: { mortalQueues: [], hasLetters: false },
  letters: { hasLetters: false },
  backOff: { backoffMs: 0 },
  weakProduces: { weakProduceChance: 0 },
  twice: { twiceChance: 0 },
  batches: { batchMax: 1 },
  delays: { delayChance: 0 },
  priorities: { priorities: 1 },
  failures: { failChance: 0 },
  subscriptions: { subscribeChance: 0 },
  detached: { detachedChance: 0 },
  lives: { lifeChance: 0 },
  laterTimes: { notBeforeChance: 0 },
  deduplication: { onceChance: 0 },
  groups: { groupChance: 0 },
  limits: { limitedQueues: [] },
} as const satisfies Record<string, Partial<Conditions>>;

export type Part = keyof typeof parts;
