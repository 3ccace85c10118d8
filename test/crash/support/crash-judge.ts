// What must be there after a power cut behind so many of the recorded calls, by what had been told
// until then; and whether what was told had been made durable before.

import { keyOf } from '../../../src/cli/torture/body.ts';
import type { Call } from './recorded-calls.ts';
import type { Moment, RecordedLives } from './recorded-lives.ts';
import type { Recovered } from './recovered.ts';

/** Calls are counted over all lives. */
interface Fate {
  /** The call with which its confirmation left; infinite where none did. */
  confirmed: number;
  /** The one with which it left to whoever asked to acknowledge it. */
  mayBeGone: number;
  /** The one with which the confirmation of its ack left. */
  gone: number;
}

const never = Number.POSITIVE_INFINITY;

export class Judge {
  readonly #fates = new Map<string, Fate>();
  readonly #groups: readonly (readonly string[])[];

  constructor({ told, calls }: RecordedLives) {
    const indexOf = momentIndex(calls);
    this.#groups = told.produces.map(({ keys }) => keys);
    for (const { keys, confirmed } of told.produces) {
      const at = confirmed === undefined ? never : indexOf(confirmed);
      for (const key of keys)
        this.#fates.set(key, { confirmed: at, mayBeGone: never, gone: never });
    }
    for (const { delivered, confirmed } of told.acks) {
      for (const [key, moment] of delivered) {
        const fate = this.#fates.get(key);
        if (fate === undefined) throw new Error(`${key} was delivered and never produced`);
        fate.mayBeGone = Math.min(fate.mayBeGone, indexOf(moment));
        if (confirmed !== undefined) fate.gone = Math.min(fate.gone, indexOf(confirmed));
      }
    }
  }

  /** The calls with which messages were confirmed. */
  confirmations(): [key: string, at: number][] {
    return [...this.#fates]
      .map(([key, { confirmed }]): [string, number] => [key, confirmed])
      .filter(([, at]) => at !== never);
  }

  get acked(): number {
    return [...this.#fates.values()].filter(({ gone }) => gone !== never).length;
  }

  /** What is wrong with what a start found after a power cut behind so many calls. */
  wrongs({ bodies, refused }: Recovered, count: number): string[] {
    if (refused !== undefined) return [`the start is refused: ${refused}`];
    const wrongs: string[] = [];
    const there = new Set<string>();
    for (const body of bodies) {
      const key = keyOf(body);
      if (key === null || !this.#fates.has(key)) wrongs.push(`${body} was never produced`);
      else if (there.has(key)) wrongs.push(`${key} is there twice`);
      else there.add(key);
    }
    for (const [key, { confirmed, mayBeGone, gone }] of this.#fates) {
      if (gone < count && there.has(key)) wrongs.push(`${key} was acknowledged and is there`);
      const mustBe = confirmed < count && mayBeGone >= count;
      if (mustBe && !there.has(key)) wrongs.push(`${key} was confirmed and is lost`);
    }
    for (const keys of this.#groups) {
      const isOpen = keys.every((key) => this.#fates.get(key)!.mayBeGone >= count);
      const isPartly = keys.some((key) => there.has(key)) && !keys.every((key) => there.has(key));
      if (isOpen && isPartly) wrongs.push(`half of the request of ${keys[0]} is there`);
    }
    return wrongs;
  }
}

/** Which call, counted over all lives, let the last of so many bytes of a connection go. */
function momentIndex(lives: RecordedLives['calls']): (moment: Moment) => number {
  const sent: { at: number; end: number }[][] = [];
  let at = 0;
  for (const calls of lives) {
    let end = 0;
    const ofLife: { at: number; end: number }[] = [];
    for (const call of calls) {
      if (call.what === 'sent') {
        end += call.bytes;
        ofLife.push({ at, end });
      }
      at += 1;
    }
    sent.push(ofLife);
  }
  return ({ life, bytes }) => {
    const one = sent[life]!.find(({ end }) => end >= bytes);
    if (one === undefined) throw new Error('more came than was sent');
    return one.at;
  };
}

interface Written {
  readonly path: string;
  readonly at: number;
}

/**
 * The order that the log promises, in the calls themselves: before a confirmation left, the file that
 * has the message had been synced since, and the folder of the file since that was made. Returns
 * what was told too early.
 */
export function toldTooEarly(calls: readonly Call[], judge: Judge): string[] {
  const order = new Order(calls);
  const wrongs: string[] = [];
  for (const [key, confirmed] of judge.confirmations()) {
    const written = order.writtenFirst(key);
    if (written === undefined) {
      wrongs.push(`${key} was confirmed and never written`);
      continue;
    }
    const { path, at } = written;
    if (!order.isSynced(path, at, confirmed)) {
      wrongs.push(`${key} was confirmed before ${path} was synced`);
    }
    const made = order.madeBefore(path, at);
    if (!order.isSynced('log', made, confirmed)) {
      wrongs.push(`${key} was confirmed before the name ${path} was durable`);
    }
  }
  return wrongs;
}

class Order {
  readonly #calls: readonly Call[];
  readonly #syncs: { path: string; begun: number; done: number }[] = [];

  constructor(calls: readonly Call[]) {
    this.#calls = calls;
    const begun = new Map<number, { path: string; begun: number }>();
    for (const [at, call] of calls.entries()) {
      if (call.what === 'sync') begun.set(call.number, { path: call.path, begun: at });
      // Numbers begin anew with each life, but a sync ends in the life in which it began.
      if (call.what === 'synced') this.#syncs.push({ ...begun.get(call.number)!, done: at });
    }
  }

  writtenFirst(key: string): Written | undefined {
    const isFirst = (call: Call) => call.what === 'write' && call.bytes.includes(key);
    const at = this.#calls.findIndex(isFirst);
    const call = this.#calls[at];
    return call?.what === 'write' ? { path: call.path, at } : undefined;
  }

  madeBefore(path: string, at: number): number {
    const isMade = (call: Call, index: number) =>
      index < at && call.what === 'create' && call.path === path;
    return this.#calls.findLastIndex(isMade);
  }

  isSynced(path: string, from: number, to: number): boolean {
    return this.#syncs.some((sync) => sync.path === path && sync.begun > from && sync.done < to);
  }
}
