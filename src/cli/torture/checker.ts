/**
 * Judges what happened by the histories of all clients, and knows nothing else. The words are those
 * of Jepsen's queue checker. *Lost*: confirmed, and after everything was drained no ack can have
 * deleted it. *Unexpected*: delivered, and nobody produced it so. *Duplicated*: one message under
 * two IDs. *Recovered*: produced with an unknown outcome, and there after all.
 */
import type { DeliveryEntry, Entry, ReceiptEntry, SettleWord } from './history.ts';

/** Broker time may go a thousandth slower than the clock of the histories. */
const slewed = (visibilityMs: number) => visibilityMs * 0.998 - 20;

/** When the broker was down: from its end until it listened again. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Produce {
  readonly count: number;
  outcome: 'open' | 'confirmed' | 'refused';
  ids: readonly number[] | undefined;
  /** Of its messages: the ID under which each was seen. */
  readonly seen: Map<string, number>;
}

interface Settle {
  readonly kind: SettleWord;
  readonly sinceMs: number;
  readonly visibilityMs: number;
  atMs: number;
  /** `unknown` until it is told. */
  outcome: string;
}

interface Seen {
  readonly by: string;
  readonly token: number;
  readonly count: number;
  readonly sinceMs: number | null;
  readonly atMs: number;
  readonly visibilityMs: number;
  settles: Settle[];
}

interface Call extends Omit<Settle, 'outcome'> {
  readonly receipts: readonly ReceiptEntry[];
  outcomes: readonly string[];
}

export interface Verdict {
  produced: number;
  confirmed: number;
  unknown: number;
  delivered: number;
  acked: number;
  redelivered: number;
  recovered: number;
  /** Settled `ok` with a receipt from before an outage. */
  leasesHonoured: number;
  lost: number;
  unexpected: number;
  duplicated: number;
  /** Of one frame with an unknown outcome some messages were there and some were not. */
  partly: number;
  redeliveredAfterAck: number;
  ackedTwice: number;
  /** The delivery count did not rise. */
  miscounted: number;
  /** Two valid leases at a time. */
  overlapping: number;
  /** Refused although its time was not over. */
  leasesRefused: number;
}

/** What must be 0. */
export const violationNames = [
  'lost',
  'unexpected',
  'duplicated',
  'partly',
  'redeliveredAfterAck',
  'ackedTwice',
  'miscounted',
  'overlapping',
  'leasesRefused',
] as const;

export const isGood = (verdict: Verdict) => violationNames.every((name) => verdict[name] === 0);

export const nothing: Verdict = {
  produced: 0,
  confirmed: 0,
  unknown: 0,
  delivered: 0,
  acked: 0,
  redelivered: 0,
  recovered: 0,
  leasesHonoured: 0,
  lost: 0,
  unexpected: 0,
  duplicated: 0,
  partly: 0,
  redeliveredAfterAck: 0,
  ackedTwice: 0,
  miscounted: 0,
  overlapping: 0,
  leasesRefused: 0,
};

export class Checker {
  readonly #outages: readonly Outage[];
  readonly #produces = new Map<string, Produce>();
  readonly #calls = new Map<string, Call>();
  readonly #messages = new Map<number, Seen[]>();
  /** Who produced a message is looked up when all histories were read. */
  readonly #sightings: (readonly [key: string, id: number])[] = [];
  readonly #verdict = { ...nothing };
  /** What was found wrong, a line each. */
  readonly violations: string[] = [];

  constructor(outages: readonly Outage[] = []) {
    this.#outages = outages;
  }

  /** Takes the entries of one client after the other, each in its order. */
  read(entry: Entry): void {
    if (entry.what === 'produce') {
      const { key, count } = entry;
      this.#produces.set(key, { count, outcome: 'open', ids: undefined, seen: new Map() });
    } else if (entry.what === 'produced') {
      Object.assign(this.#produces.get(entry.key)!, { outcome: 'confirmed', ids: entry.ids });
    } else if (entry.what === 'not produced') {
      if (!entry.isUnknown) this.#produces.get(entry.key)!.outcome = 'refused';
    } else if (entry.what === 'received') {
      for (const delivery of entry.deliveries) this.#received(entry, delivery);
    } else if (entry.what === 'settle') {
      this.#calls.set(entry.call, { ...entry, atMs: Number.POSITIVE_INFINITY, outcomes: [] });
    } else {
      Object.assign(this.#calls.get(entry.call)!, { atMs: entry.atMs, outcomes: entry.outcomes });
    }
  }

  /** After all was read. */
  judge(): Verdict {
    for (const sighting of this.#sightings) this.#see(sighting);
    for (const call of this.#calls.values()) this.#spread(call);
    for (const [id, seen] of this.#messages) this.#judgeMessage(id, seen);
    for (const [key, produce] of this.#produces) this.#judgeProduce(key, produce);
    return this.#verdict;
  }

  #violate(name: (typeof violationNames)[number], what: string): void {
    this.#verdict[name] += 1;
    this.violations.push(`${name}: ${what}`);
  }

  /** With all that the histories have about the message. */
  #violateOf(id: number, name: (typeof violationNames)[number], what: string): void {
    const seen = this.#messages.get(id) ?? [];
    this.#violate(name, [`message ${id}, ${what}`, ...seen.map(tellAll)].join('; '));
  }

  #received(
    { by, sinceMs, atMs, visibilityMs }: Entry & { what: 'received' },
    [id, token, count, key]: DeliveryEntry,
  ): void {
    const seen = this.#messages.get(id) ?? [];
    if (seen.length === 0) this.#messages.set(id, seen);
    seen.push({ by, token, count, sinceMs, atMs, visibilityMs, settles: [] });
    if (key === null) this.#violate('unexpected', `message ${id}, with a body nobody produced`);
    else this.#sightings.push([key, id]);
  }

  #see([key, id]: readonly [key: string, id: number]): void {
    const [produceKey = '', index] = key.split('/');
    const produce = this.#produces.get(produceKey);
    if (produce === undefined || !(Number(index) < produce.count)) {
      this.#violate('unexpected', `message ${id}, ${key}`);
      return;
    }
    const before = produce.seen.get(key);
    if (before === undefined) produce.seen.set(key, id);
    else if (before !== id) this.#violate('duplicated', `${key} as message ${before} and ${id}`);
  }

  /** The outcomes of a call to the deliveries that it is about. */
  #spread({ receipts, outcomes, kind, sinceMs, visibilityMs, atMs }: Call): void {
    for (const [index, [id, token]] of receipts.entries()) {
      const outcome = outcomes[index] ?? 'unknown';
      const delivery = this.#messages.get(id)?.find((one) => one.token === token);
      delivery?.settles.push({ kind, sinceMs, visibilityMs, atMs, outcome });
    }
  }

  #judgeMessage(id: number, seen: Seen[]): void {
    const verdict = this.#verdict;
    verdict.delivered += 1;
    verdict.redelivered += seen.length - 1;
    seen.sort((one, other) => one.count - other.count);
    const ended = seen.map((delivery) => this.#judgeLease(id, delivery));
    for (let at = 1; at < seen.length; at += 1) {
      const [before, after] = [seen[at - 1]!, seen[at]!];
      const told = `deliveries ${tell(before)} and ${tell(after)}`;
      const isLater = before.sinceMs !== null && before.sinceMs > after.atMs;
      if (before.count === after.count || isLater) this.#violateOf(id, 'miscounted', told);
      else if (ended[at - 1]! > after.atMs) this.#violateOf(id, 'overlapping', told);
    }
    const acks = seen.flatMap((delivery) =>
      delivery.settles
        .filter(({ kind, outcome }) => kind === 'ack' && outcome === 'ok')
        .map((ack) => ({ delivery, ack })),
    );
    if (acks.length > 0) verdict.acked += 1;
    if (acks.length > 1) this.#violateOf(id, 'ackedTwice', 'acknowledged twice');
    for (const { delivery, ack } of acks) {
      const back = seen.find((one) => one !== delivery && isAfter(one, delivery, ack.atMs));
      if (back === undefined) continue;
      const told = `acknowledged ${tell(delivery)}, back ${tell(back)}`;
      this.#violateOf(id, 'redeliveredAfterAck', told);
    }
  }

  /** Until when the lease was valid for certain; what was refused before is a violation. */
  #judgeLease(id: number, delivery: Seen): number {
    // Nobody knows when a pushed message was leased.
    let untilMs = (delivery.sinceMs ?? Number.NEGATIVE_INFINITY) + slewed(delivery.visibilityMs);
    delivery.settles.sort((one, other) => one.sinceMs - other.sinceMs);
    for (const settle of delivery.settles) {
      const { kind, sinceMs, atMs, outcome, visibilityMs } = settle;
      if (outcome === 'ok') this.#verdict.leasesHonoured += this.#isOverOutage(delivery, settle);
      if (isRefusal(outcome) && atMs < untilMs) {
        this.#violateOf(id, 'leasesRefused', `${kind} ${tell(delivery)}: ${outcome}`);
      }
      if (kind !== 'extend' && !isRefusal(outcome)) return Math.min(untilMs, sinceMs);
      const extendedMs = sinceMs + slewed(visibilityMs);
      if (kind === 'extend' && outcome === 'ok') untilMs = extendedMs;
      else if (kind === 'extend') untilMs = Math.min(untilMs, extendedMs);
    }
    return untilMs;
  }

  #isOverOutage(delivery: Seen, { atMs }: Settle): 0 | 1 {
    const spans = ({ fromMs, toMs }: Outage) => delivery.atMs < fromMs && toMs < atMs;
    return this.#outages.some(spans) ? 1 : 0;
  }

  #judgeProduce(key: string, { count, outcome, ids, seen }: Produce): void {
    const verdict = this.#verdict;
    verdict.produced += count;
    if (outcome === 'refused' && seen.size > 0) this.#violate('unexpected', `refused ${key}`);
    if (outcome === 'open') {
      verdict.unknown += count;
      verdict.recovered += seen.size;
      if (seen.size > 0 && seen.size < count) {
        this.#violate('partly', `${seen.size} of ${count} of ${key}`);
      }
    }
    for (const [index, id] of ids?.entries() ?? []) {
      verdict.confirmed += 1;
      const seenAs = seen.get(`${key}/${index}`);
      if (seenAs !== undefined && seenAs !== id) {
        this.#violate('duplicated', `${key}/${index} as message ${id} and ${seenAs}`);
      }
      if (!this.#mayBeAcked(id)) this.#violateOf(id, 'lost', `${key}/${index}`);
    }
  }

  #mayBeAcked(id: number): boolean {
    const seen = this.#messages.get(id) ?? [];
    return seen.some(({ settles }) =>
      settles.some(({ kind, outcome }) => kind === 'ack' && !isRefusal(outcome)),
    );
  }
}

const isRefusal = (outcome: string) => outcome !== 'ok' && outcome !== 'unknown';
const tell = ({ token, count }: Seen) => `${count} (token ${token})`;

/** A delivery with all that the histories have about it; times in milliseconds. */
function tellAll(seen: Seen): string {
  const { by, sinceMs, atMs, visibilityMs, settles } = seen;
  const since = sinceMs === null ? 'pushed' : `asked for at ${Math.round(sinceMs)}`;
  const came = `came at ${Math.round(atMs)}`;
  const had = `${tell(seen)} had by ${by} for ${visibilityMs}, ${since}, ${came}`;
  return [had, ...settles.map(tellSettle)].join(', ');
}

function tellSettle({ kind, sinceMs, atMs, outcome }: Settle): string {
  const told = Number.isFinite(atMs) ? ` at ${Math.round(atMs)}` : '';
  return `${kind} at ${Math.round(sinceMs)}: ${outcome}${told}`;
}

/** Whether one delivery was made after another one was acknowledged. */
function isAfter(one: Seen, acked: Seen, ackedMs: number): boolean {
  return one.count >= acked.count || (one.sinceMs !== null && one.sinceMs > ackedMs);
}
