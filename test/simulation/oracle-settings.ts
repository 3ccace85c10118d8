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
  /** Undefined: any number. */
  readonly messagesMax?: number;
  readonly isProducePaused: boolean;
  readonly isReceivePaused: boolean;
  /** It has what the templates of now give, whether it has come into being yet or not. */
  readonly isUnborn?: boolean;
}

export interface SettingsChange {
  readonly verb: string;
  readonly queue: string;
  /** Of a template. */
  readonly pattern?: string;
  readonly what?: string;
  readonly to?: string;
  readonly settings?: Partial<
    Pick<QueueFacts, 'visibilityMs' | 'durability' | 'failuresMax' | 'messagesMax'>
  >;
}

/** As an answer describes a queue. */
export interface QueueDescription {
  readonly name: string;
  readonly paused: string;
  readonly settings: {
    readonly visibilityMs: number;
    readonly durability: string;
    readonly failuresMax: number | null;
    readonly messagesMax: number | null;
  };
}

/** By pattern, which is a name or ends with its only `*`. */
type Templates = Readonly<Record<string, Partial<QueueFacts>>>;

export interface TemplateDescription {
  readonly pattern: string;
  readonly settings: Partial<QueueFacts>;
}

/** The facts may have held from then to then. */
interface Span {
  readonly facts: QueueFacts;
  readonly fromMs: number;
  untilMs: number;
}

export class SettingsOracle {
  readonly counts = { settingsRead: 0, templatesRead: 0, inherited: 0 };
  private readonly defaults: QueueFacts;
  private readonly spans = new Map<string, Span[]>();
  /** How the queue may have been before the open change was sent. */
  private before: QueueFacts[] = [];
  /** Which there may be, and which there may have been before the open change was sent. */
  private templates: Templates[] = [{}];
  private templatesBefore: Templates[] = [];

  /** `queues`: on which templates are tried. */
  constructor({
    visibilityMs,
    durability,
    queues = [],
  }: Pick<QueueFacts, 'visibilityMs' | 'durability'> & { readonly queues?: readonly string[] }) {
    this.defaults = { visibilityMs, durability, isProducePaused: false, isReceivePaused: false };
    for (const queue of queues) this.spansOf(queue);
  }

  /** From now on it may have happened, or not yet. */
  sent(change: SettingsChange, nowMs: number): void {
    if (change.pattern !== undefined) {
      this.templatesBefore = this.templates;
      this.templatesBecome([...this.templates, ...this.templatesAfter(change)], nowMs);
      return;
    }
    this.before = this.possible(change.queue);
    this.become(change.queue, [...this.before, ...this.changed(change)], nowMs);
  }

  /** `code` undefined: it was done. */
  answered(change: SettingsChange, code: string | undefined, nowMs: number): void {
    if (change.pattern !== undefined) {
      const isSo = code === undefined || code === 'TEMPLATE_NOT_FOUND';
      this.templatesBecome(isSo ? this.templatesAfter(change) : this.templatesBefore, nowMs);
      return;
    }
    if (code === undefined) this.become(change.queue, this.changed(change), nowMs);
    // A queue that is made again begins anew. A redrive or a move may lack the other one.
    else if (code === 'QUEUE_NOT_FOUND' && change.to === undefined)
      this.become(change.queue, this.unborn(change.queue), nowMs);
    else this.become(change.queue, this.before, nowMs);
  }

  /** A description of a queue, that was asked for then. */
  read({ name, paused, settings }: QueueDescription, askedMs: number, nowMs: number): void {
    this.counts.settingsRead += 1;
    const fitting = this.during(name, askedMs, nowMs).filter(
      (facts) =>
        facts.visibilityMs === settings.visibilityMs &&
        facts.durability === settings.durability &&
        (facts.failuresMax ?? null) === settings.failuresMax &&
        (facts.messagesMax ?? null) === settings.messagesMax &&
        paused === pausedName(facts),
    );
    if (fitting.length === 0) {
      const found = JSON.stringify({ paused, settings });
      throw new Violation(`${name} has ${found}, not ${JSON.stringify(this.possible(name))}`);
    }
    this.countInherited(fitting);
    // What an operator was told is durable: it is there.
    this.become(name, this.possible(name).map(born), nowMs);
  }

  /** All templates, told in answer to a question: no change was open. */
  templatesRead(found: readonly TemplateDescription[]): void {
    this.counts.templatesRead += 1;
    const told = textOf(
      Object.fromEntries(found.map(({ pattern, settings }) => [pattern, settings])),
    );
    if (this.templates.some((templates) => textOf(templates) === told)) return;
    throw new Violation(`the templates are ${told}, not ${JSON.stringify(this.templates)}`);
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
    if (asked.visibilityMs === undefined) this.countInherited(possible);
  }

  /** Of facts that were seen: whether they must come from a template. */
  private countInherited(seen: readonly QueueFacts[]): void {
    const { visibilityMs } = this.defaults;
    const isSo = seen.every((facts) => facts.isUnborn && facts.visibilityMs !== visibilityMs);
    if (isSo) this.counts.inherited += 1;
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
    for (const each of differing(facts)) {
      spans.push({ facts: each, fromMs: nowMs, untilMs: Number.POSITIVE_INFINITY });
    }
  }

  private spansOf(queue: string): Span[] {
    const known =
      this.spans.get(queue) ??
      this.unborn(queue).map((facts) => ({ facts, fromMs: 0, untilMs: Number.POSITIVE_INFINITY }));
    this.spans.set(queue, known);
    return known;
  }

  /** How a queue may be that does not exist yet, or came into being just now. */
  private unborn(queue: string): QueueFacts[] {
    return this.templates.map((templates) => {
      const fitting = Object.keys(templates).filter((pattern) => fits(pattern, queue));
      const [best] = fitting.sort((a, b) => literalsIn(b) - literalsIn(a) || a.length - b.length);
      return { ...this.defaults, ...templates[best ?? ''], isUnborn: true };
    });
  }

  private templatesAfter({ verb, pattern, settings }: SettingsChange): Templates[] {
    return this.templatesBefore.map((templates) => {
      const { [pattern!]: _replaced, ...others } = templates;
      return verb === 'template.set' ? { ...others, [pattern!]: settings! } : others;
    });
  }

  /** A queue that may not have been there has what there was before, if it was, or what is now. */
  private templatesBecome(templates: readonly Templates[], nowMs: number): void {
    this.templates = differing(templates);
    for (const queue of this.spans.keys()) {
      const possible = this.possible(queue);
      if (!possible.some(({ isUnborn }) => isUnborn)) continue;
      this.become(queue, [...possible.map(born), ...this.unborn(queue)], nowMs);
    }
  }

  private changed({ verb, queue, what, settings }: SettingsChange): QueueFacts[] {
    const isPausing = verb === 'queue.pause';
    if (verb === 'queue.delete') return this.unborn(queue);
    if (verb === 'queue.create')
      return this.unborn(queue).map((facts) => born({ ...facts, ...settings }));
    // It exists.
    return this.before.map(born).map((facts) => {
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

function born({ isUnborn, ...facts }: QueueFacts): QueueFacts {
  return facts;
}

function fits(pattern: string, queue: string): boolean {
  return pattern.endsWith('*') ? queue.startsWith(pattern.slice(0, -1)) : queue === pattern;
}

function literalsIn(pattern: string): number {
  return pattern.replace('*', '').length;
}

function textOf(templates: Templates): string {
  return JSON.stringify(Object.entries(templates).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function differing<T extends object>(all: readonly T[]): T[] {
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}
