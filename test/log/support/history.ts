/**
 * One seeded history of a log: records are appended, committed, read, dropped; operations of the
 * disk complete in any order; the process dies, the power fails, syncs fail, the disk fills up; the
 * next life must find a prefix of what was appended that holds all that was reported as durable.
 */
import assert from 'node:assert';
import { FileLog, type FileLogOptions } from '../../../src/log/file-log.ts';
import type { Log } from '../../../src/log/log.ts';
import { SimulatedStorage, systemError } from '../../simulation/storage.ts';
import { put, seeded, tinySizes } from './storages.ts';

/** How often each path ran. */
export interface Counts {
  lives: number;
  crashesKill: number;
  crashesPower: number;
  crashesInRecovery: number;
  cleanStops: number;
  groups: number;
  confirmed: number;
  unconfirmedKept: number;
  unconfirmedLost: number;
  tornTails: number;
  reads: number;
  fetches: number;
  drops: number;
  syncErrors: number;
  reserveUsed: number;
  diskFullEnds: number;
}

export function emptyCounts(): Counts {
  return {
    lives: 0,
    crashesKill: 0,
    crashesPower: 0,
    crashesInRecovery: 0,
    cleanStops: 0,
    groups: 0,
    confirmed: 0,
    unconfirmedKept: 0,
    unconfirmedLost: 0,
    tornTails: 0,
    reads: 0,
    fetches: 0,
    drops: 0,
    syncErrors: 0,
    reserveUsed: 0,
    diskFullEnds: 0,
  };
}

/** Records of one mark. */
interface Group {
  bodies: string[];
  positions: number[];
  end: number;
}

export type MakeLog = (storage: SimulatedStorage, options: FileLogOptions) => Log;

export const makeFileLog: MakeLog = (storage, options) => new FileLog(storage, options);

export class History {
  readonly #random: () => number;
  readonly #counts: Counts;
  readonly #makeLog: MakeLog;
  readonly #options: FileLogOptions;
  readonly #syncErrorRate: number;
  readonly #fullRate: number;
  #pending: (() => void)[] = [];
  #storage: SimulatedStorage;
  #log!: Log;
  #hasEnded = false;
  /** All that may still be in the log, oldest first. */
  #groups: Group[] = [];
  /** Groups at the front of `#groups` that may be gone. */
  #droppable = 0;
  #isDropping = false;
  #nextBody = 0;

  constructor(seed: number, counts: Counts, makeLog: MakeLog) {
    this.#random = seeded(seed);
    this.#counts = counts;
    this.#makeLog = makeLog;
    this.#syncErrorRate = this.#chance(0.3) ? 0.02 : 0;
    this.#fullRate = this.#chance(0.3) ? 0.01 : 0;
    this.#options = {
      ...tinySizes,
      reserve: this.#chance(0.5),
      salt: () => this.#below(2 ** 32),
    };
    this.#storage = new SimulatedStorage({
      random: this.#random,
      strictDirectory: this.#chance(0.5),
      schedule: (run) => this.#pending.push(run),
    });
    this.#watchFaults();
  }

  async run(lives: number, steps: number): Promise<void> {
    for (let life = 0; life < lives; life += 1) {
      if (!(await this.#open())) continue;
      this.#counts.lives += 1;
      const stepsMax = this.#below(steps);
      for (let step = 0; step < stepsMax && !this.#hasEnded; step += 1) await this.#step();
      if (this.#chance(0.2) && !this.#hasEnded) await this.#stop();
      else this.#crash();
    }
  }

  #watchFaults(): void {
    this.#storage.fault = (operation, name) => {
      if (operation === 'sync' && name.endsWith('.wq') && this.#chance(this.#syncErrorRate)) {
        this.#counts.syncErrors += 1;
        return systemError('EIO', operation);
      }
      return undefined;
    };
  }

  /** Returns false when the process died before it was open. */
  async #open(): Promise<boolean> {
    this.#storage.capacity = Number.MAX_SAFE_INTEGER;
    this.#hasEnded = false;
    this.#isDropping = false;
    const log = this.#makeLog(this.#storage, this.#options);
    const found: string[] = [];
    const positions: number[] = [];
    let isOpen = false;
    let failure: Error | undefined;
    const opening = log.open((_kind, _version, buffer, start, end, position) => {
      found.push(buffer.toString('latin1', start, end));
      positions.push(position);
    });
    opening.then(
      (report) => {
        isOpen = true;
        if (report.bytesCut > 0) this.#counts.tornTails += 1;
      },
      (error: Error) => {
        failure = error;
      },
    );
    const stepsMax = this.#chance(0.2) ? this.#below(40) : Number.MAX_SAFE_INTEGER;
    for (let step = 0; !isOpen; step += 1) {
      if (failure !== undefined && !isEio(failure)) throw failure;
      if (failure !== undefined || step >= stepsMax) {
        this.#counts.crashesInRecovery += 1;
        this.#crash();
        return false;
      }
      await this.#turn();
    }
    this.#log = log;
    log.listen({
      progressed: () => undefined,
      spaceChanged: () => {
        if (log.space().reserveHalves < 2) this.#counts.reserveUsed += 1;
      },
      damaged: (error) => assert.fail(error.message),
      ended: (how, error) => {
        assert(how === 'failed', 'nobody else is here');
        if ((error as NodeJS.ErrnoException).name === 'NoSpaceError')
          this.#counts.diskFullEnds += 1;
        this.#hasEnded = true;
      },
    });
    this.#compare(found, positions);
    return true;
  }

  /**
   * What was found is what was appended, from a point that may be gone up to one that may be lost.
   */
  #compare(found: readonly string[], positions: readonly number[]): void {
    const counts = this.#counts;
    let first = 0;
    while (first < this.#droppable && this.#groups[first]!.bodies[0] !== found[0]) first += 1;
    let at = 0;
    let index = first;
    for (; index < this.#groups.length && at < found.length; index += 1) {
      for (const [offset, body] of this.#groups[index]!.bodies.entries()) {
        assert(found[at] === body, `record ${at} is ${found[at]}, and ${body} was appended`);
        assert(positions[at] === this.#groups[index]!.positions[offset], 'it moved');
        at += 1;
      }
    }
    assert(at === found.length, 'more was found than was appended');
    for (const group of this.#groups.slice(index)) {
      assert(!this.#isConfirmed(group), `${group.bodies[0]} was confirmed and is lost`);
      counts.unconfirmedLost += 1;
    }
    for (const group of this.#groups.slice(first, index)) {
      if (!this.#isConfirmed(group)) counts.unconfirmedKept += 1;
    }
    this.#groups = this.#groups.slice(first, index);
    this.#droppable = Math.max(0, Math.min(this.#droppable - first, this.#groups.length));
    this.#confirmed = this.#log.synced;
    this.#confirmedGroups = this.#groups.length;
    assert(this.#log.synced >= (this.#groups.at(-1)?.end ?? 0), 'visited and not durable');
  }

  /** The highest position that was reported as durable, in any life. */
  #confirmed = 0;
  /** How many of `#groups` were reported while they were in doubt. */
  #confirmedGroups = 0;

  #isConfirmed(group: Group): boolean {
    return group.end <= this.#confirmed;
  }

  async #step(): Promise<void> {
    const choice = this.#random();
    if (choice < 0.35) this.#append();
    else if (choice < 0.4) await this.#read();
    else if (choice < 0.43) this.#drop();
    else if (choice < 0.43 + this.#fullRate) this.#storage.capacity = this.#storage.usedBytes + 300;
    else await this.#turn();
    this.#observe();
  }

  /** What the log reports now is what somebody was told. */
  #observe(): void {
    const { synced, written, appended } = this.#log;
    assert(synced <= written && written <= appended && synced >= this.#confirmed, 'watermarks');
    for (; this.#confirmedGroups < this.#groups.length; this.#confirmedGroups += 1) {
      if (this.#groups[this.#confirmedGroups]!.end > synced) break;
      this.#counts.confirmed += 1;
    }
    this.#confirmed = synced;
  }

  #append(): void {
    const log = this.#log;
    if (log.appended - log.synced > 4000) return;
    const group: Group = { bodies: [], positions: [], end: 0 };
    const count = 1 + this.#below(3);
    for (let index = 0; index < count; index += 1) {
      const body = `${this.#nextBody}:`.padEnd(10 + this.#below(index === 0 ? 280 : 80), 'x');
      this.#nextBody += 1;
      group.bodies.push(body);
      group.positions.push(put(log, body));
    }
    log.mark({ timeMs: this.#nextBody, nextId: this.#nextBody });
    group.end = log.appended;
    this.#groups.push(group);
    this.#counts.groups += 1;
    if (this.#chance(0.7)) log.commit();
  }

  async #read(): Promise<void> {
    const log = this.#log;
    const readable = this.#groups.filter(
      (group, index) => index >= this.#droppable && group.end <= log.written,
    );
    const group = readable[this.#below(readable.length)];
    if (group === undefined) return;
    const index = this.#below(group.bodies.length);
    const [position, body] = [group.positions[index]!, group.bodies[index]!];
    this.#counts.reads += 1;
    if (log.cached(position, body.length) === undefined) {
      this.#counts.fetches += 1;
      let isThere = false;
      void log.read(position, body.length).then(() => {
        const range = log.cached(position, body.length)!;
        const from = position - range.address;
        assert(range.buffer.toString('latin1', from, from + body.length) === body, 'wrong body');
        isThere = true;
      });
      while (!isThere) await this.#turn();
      return;
    }
    const range = log.cached(position, body.length)!;
    const from = position - range.address;
    assert(range.buffer.toString('latin1', from, from + body.length) === body, 'wrong body');
  }

  #drop(): void {
    if (this.#isDropping || this.#groups.length < 10) return;
    const log = this.#log;
    const position = this.#groups[this.#below(this.#groups.length)]!.end;
    const droppable = this.#groups.filter((group) => group.end <= position).length;
    this.#droppable = Math.max(this.#droppable, droppable);
    this.#isDropping = true;
    this.#counts.drops += 1;
    log.dropBefore(position).then(
      () => {
        this.#isDropping = false;
      },
      () => undefined,
    );
  }

  async #stop(): Promise<void> {
    let isClosed = false;
    this.#log.close().then(
      () => {
        isClosed = true;
      },
      () => {
        isClosed = true;
      },
    );
    while (!isClosed) await this.#turn();
    if (!this.#hasEnded) this.#counts.cleanStops += 1;
    this.#observe();
    this.#crash();
  }

  #crash(): void {
    const how = this.#chance(0.7) ? 'power' : 'kill';
    if (how === 'power') this.#counts.crashesPower += 1;
    else this.#counts.crashesKill += 1;
    this.#storage = this.#storage.crash(how);
    this.#pending = [];
    this.#watchFaults();
  }

  /**
   * One operation of the disk completes, any of those asked for; all that follows from it happens.
   */
  async #turn(): Promise<void> {
    const [run] = this.#pending.splice(this.#below(this.#pending.length), 1);
    run?.();
    await new Promise((resolve) => setImmediate(resolve));
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}

function isEio(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === 'EIO';
}
