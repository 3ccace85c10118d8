/**
 * How many connections there may be, so that the log never lacks a file descriptor because of them,
 * and how many of them one address may have, so that it cannot take them all.
 */
import { existsSync, readFileSync } from 'node:fs';
import { limits } from '../limits.ts';

/** For the log's files, and whatever else the process opens. */
const descriptorsKept = 128;
/** So many of the places at most are kept for addresses that have fewer than so many. */
const placesKeptMax = 64;

/** The most file descriptors that this process may have; infinity where nobody tells. */
export function descriptorsMax(): number {
  const limitsFile = '/proc/self/limits';
  if (!existsSync(limitsFile)) return Number.POSITIVE_INFINITY;
  const told = readFileSync(limitsFile, 'utf8');
  const [, count] = /^Max open files +(\d+|unlimited)/m.exec(told) ?? [];
  return count === undefined || count === 'unlimited' ? Number.POSITIVE_INFINITY : Number(count);
}

export function placesFor(descriptors: number): number {
  return Math.max(1, Math.min(limits.connectionsMax, descriptors - descriptorsKept));
}

export class Places {
  private readonly count: number;
  private readonly kept: number;
  private readonly byAddress = new Map<string, number>();
  private taken = 0;

  /** `count`: how many there are. */
  constructor(count: number) {
    this.count = count;
    this.kept = Math.min(placesKeptMax, Math.floor(count / 4));
  }

  /** Returns false where there is none for this address. */
  take(address: string): boolean {
    const own = this.byAddress.get(address) ?? 0;
    const left = this.count - this.taken;
    if (left === 0 || (left <= this.kept && own >= this.kept)) return false;
    this.taken += 1;
    this.byAddress.set(address, own + 1);
    return true;
  }

  leave(address: string): void {
    const own = this.byAddress.get(address)!;
    this.taken -= 1;
    if (own === 1) this.byAddress.delete(address);
    else this.byAddress.set(address, own - 1);
  }
}
