/**
 * What is known of each queue's settings and pauses: what answered changes left, and what an open
 * one may leave. An operator's answer is durable, so that no crash takes any of it back.
 */
import { Violation } from './oracle-history.ts';

export interface QueueFacts {
  readonly visibilityMs: number;
  readonly durability: string;
  /** Undefined: messages do not die. */
  readonly failuresMax?: number;
  readonly isProducePaused: boolean;
  readonly isReceivePaused: boolean;
}

export interface SettingsChange {
  readonly verb: string;
  readonly queue: string;
  readonly what?: string;
  readonly to?: string;
  readonly settings?: Partial<Pick<QueueFacts, 'visibilityMs' | 'durability' | 'failuresMax'>>;
}

/** As an answer describes a queue. */
export interface QueueDescription {
  readonly name: string;
  readonly paused: string;
  readonly settings: {
    readonly visibilityMs: number;
    readonly durability: string;
    readonly failuresMax: number | null;
  };
}

/** The facts may have held from then to then. */
interface Span {
  readonly facts: QueueFacts;
  readonly fromMs: number;
  untilMs: number;
}

export class SettingsOracle {
  readonly counts = { settingsRead: 0 };
  private readonly defaults: QueueFacts;
  private readonly spans = new Map<string, Span[]>();
  /** How the queue may have been before the open change was sent. */
  private before: QueueFacts[] = [];

  constructor({ visibilityMs, durability }: Pick<QueueFacts, 'visibilityMs' | 'durability'>) {
    this.defaults = { visibilityMs, durability, isProducePaused: false, isReceivePaused: false };
  }

  /** From now on it may have happened, or not yet. */
  sent(change: SettingsChange, nowMs: number): void {
    this.before = this.possible(change.queue);
    this.become(change.queue, [...this.before, ...this.changed(change)], nowMs);
  }

  /** `code` undefined: it was done. */
  answered(change: SettingsChange, code: string | undefined, nowMs: number): void {
    if (code === undefined) this.become(change.queue, this.changed(change), nowMs);
    // A queue that is made again begins anew. A redrive or a move may lack the other one.
    else if (code === 'QUEUE_NOT_FOUND' && change.to === undefined)
      this.become(change.queue, [this.defaults], nowMs);
    else this.become(change.queue, this.before, nowMs);
  }

  /** A description of a queue, that was asked for then. */
  read({ name, paused, settings }: QueueDescription, askedMs: number, nowMs: number): void {
    this.counts.settingsRead += 1;
    const fits = this.during(name, askedMs, nowMs).some(
      (facts) =>
        facts.visibilityMs === settings.visibilityMs &&
        facts.durability === settings.durability &&
        (facts.failuresMax ?? null) === settings.failuresMax &&
        paused === pausedName(facts),
    );
    if (fits) return;
    const found = JSON.stringify({ paused, settings });
    throw new Violation(`${name} has ${found}, not ${JSON.stringify(this.possible(name))}`);
  }

  /**
   * Deliveries that were asked for then, with this visibility or that of the queue; so often the
   * most unlucky of them failed.
   */
  delivered(
    queue: string,
    asked: { visibilityMs: number | undefined; atMs: number },
    told: { visibilityMs: number; failureCount: number },
    nowMs: number,
  ): void {
    const possible = this.during(queue, asked.atMs, nowMs);
    if (possible.every(({ failuresMax = Infinity }) => told.failureCount >= failuresMax)) {
      throw new Violation(`${queue} delivered what failed ${told.failureCount} times`);
    }
    const isRight =
      asked.visibilityMs === undefined
        ? possible.some(({ visibilityMs }) => visibilityMs === told.visibilityMs)
        : told.visibilityMs === asked.visibilityMs;
    if (!isRight) {
      throw new Violation(`${queue} gave ${told.visibilityMs} ms, asked for ${asked.visibilityMs}`);
    }
    if (possible.every(({ isReceivePaused }) => isReceivePaused)) {
      throw new Violation(`${queue} delivered while it was paused`);
    }
  }

  produced(queue: string, sentMs: number, nowMs: number): void {
    if (this.during(queue, sentMs, nowMs).every(({ isProducePaused }) => isProducePaused)) {
      throw new Violation(`${queue} took messages while it was paused`);
    }
  }

  refusedAsPaused(queue: string, sentMs: number, nowMs: number): void {
    if (this.during(queue, sentMs, nowMs).some(({ isProducePaused }) => isProducePaused)) return;
    throw new Violation(`${queue} refused as paused, which it was not`);
  }

  /** Whether the queue may not have delivered at some time in between. */
  mayBePaused(queue: string, fromMs: number, toMs: number): boolean {
    return this.during(queue, fromMs, toMs).some(({ isReceivePaused }) => isReceivePaused);
  }

  visibilityMsMax(queue: string, fromMs: number, toMs: number): number {
    return Math.max(...this.during(queue, fromMs, toMs).map(({ visibilityMs }) => visibilityMs));
  }

  private possible(queue: string): QueueFacts[] {
    return this.during(queue, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  }

  private during(queue: string, fromMs: number, toMs: number): QueueFacts[] {
    return this.spansOf(queue)
      .filter((span) => span.untilMs >= fromMs && span.fromMs <= toMs)
      .map(({ facts }) => facts);
  }

  private become(queue: string, facts: readonly QueueFacts[], nowMs: number): void {
    const spans = this.spansOf(queue);
    for (const span of spans) span.untilMs = Math.min(span.untilMs, nowMs);
    for (const each of facts) {
      spans.push({ facts: each, fromMs: nowMs, untilMs: Number.POSITIVE_INFINITY });
    }
  }

  private spansOf(queue: string): Span[] {
    const first = { facts: this.defaults, fromMs: 0, untilMs: Number.POSITIVE_INFINITY };
    const known = this.spans.get(queue) ?? [first];
    this.spans.set(queue, known);
    return known;
  }

  private changed({ verb, what, settings }: SettingsChange): QueueFacts[] {
    const isPausing = verb === 'queue.pause';
    return this.before.map((facts) => {
      if (verb === 'queue.delete') return this.defaults;
      if (verb === 'queue.create') return { ...this.defaults, ...settings };
      if (verb === 'queue.configure') return { ...facts, ...settings };
      if (!isPausing && verb !== 'queue.resume') return facts;
      return {
        ...facts,
        isProducePaused: what === 'receive' ? facts.isProducePaused : isPausing,
        isReceivePaused: what === 'produce' ? facts.isReceivePaused : isPausing,
      };
    });
  }
}

function pausedName({ isProducePaused, isReceivePaused }: QueueFacts): string {
  if (isProducePaused) return isReceivePaused ? 'both' : 'produce';
  return isReceivePaused ? 'receive' : 'none';
}
