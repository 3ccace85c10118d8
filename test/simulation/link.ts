/**
 * A connection over the simulated network. Bytes are cut anywhere, arrive late and in order; a slow
 * reader makes them pile up, first in the kernel's buffer and then, by reference, in the broker's
 * process, where they must not change. It breaks loudly, silently, or by an orderly end.
 */
import type { Connection, Transport } from '../../src/broker/connection.ts';
import type { Scheduler } from './scheduler.ts';

/** What the kernel takes over for a reader that is behind. */
const kernelBytes = 4096;

export interface LinkEnd {
  bytesCame(link: Link, bytes: Buffer): void;
  closed(link: Link): void;
}

/** The broker's side, as a life of it offers it. */
export interface LinkHost {
  receive(connection: Connection, bytes: Buffer): void;
  sent(connection: Connection): void;
  disconnect(connection: Connection): void;
  /** For how long its process does not run. */
  pausedForMs(): number;
}

export interface LinkTiming {
  readonly latencyMs: number;
  /** How likely bytes are cut into pieces. */
  readonly cutChance: number;
}

export class Link implements Transport {
  /** Which life of the broker is at the other side. */
  readonly life: number;
  /** When either side may first have noticed that it broke. */
  brokenMs: number | undefined;
  private readonly scheduler: Scheduler;
  private readonly timing: LinkTiming;
  private readonly client: LinkEnd;
  private readonly host: LinkHost;
  private connection!: Connection;
  private readonly upward: Buffer[] = [];
  private readonly downward: Buffer[] = [];
  private downwardBytes = 0;
  private readonly unsent: Buffer[] = [];
  unsentBytes = 0;
  private isPumpingUp = false;
  private isPumpingDown = false;
  private isPaused = false;
  private isStalled = false;
  private isEnding = false;
  private isClientGone = false;
  private isHostGone = false;
  private isBlackHole = false;

  constructor(
    scheduler: Scheduler,
    timing: LinkTiming,
    life: number,
    client: LinkEnd,
    host: LinkHost,
  ) {
    this.scheduler = scheduler;
    this.timing = timing;
    this.life = life;
    this.client = client;
    this.host = host;
  }

  join(connection: Connection): void {
    this.connection = connection;
  }

  /** From the client. */
  write(bytes: Buffer): void {
    if (this.isClientGone || this.isHostGone || this.isBlackHole) return;
    this.upward.push(...this.cut(bytes));
    this.pumpUp();
  }

  /** The client reads nothing for a while. */
  stall(ms: number): void {
    this.isStalled = true;
    this.scheduler.after(ms, () => {
      this.isStalled = false;
      this.pumpDown();
    });
  }

  /** The client is gone; the broker hears of it soon, or (silently) never. */
  abandon(isSilent: boolean): void {
    this.markBroken();
    this.isClientGone = true;
    this.upward.length = 0;
    if (isSilent) this.isBlackHole = true;
    else this.scheduler.after(this.delay(), () => this.hostCloses());
  }

  /** Cut somewhere in the network: both sides hear of it soon, and of nothing else. */
  cutOff(): void {
    this.markBroken();
    this.isBlackHole = true;
    this.upward.length = 0;
    this.downward.length = 0;
    this.scheduler.after(this.delay(), () => this.hostCloses());
    this.scheduler.after(this.delay(), () => this.clientCloses());
  }

  /** The broker's process is gone. What it gave to the kernel may still arrive. */
  hostDied(): void {
    this.markBroken();
    this.isHostGone = true;
    this.upward.length = 0;
    this.unsent.length = 0;
    this.unsentBytes = 0;
    const kept = this.scheduler.random.integer(0, this.downward.length);
    this.downward.length = kept;
    this.isEnding = true;
    if (this.isStalled) this.isStalled = false;
    this.pumpDown();
  }

  send(bytes: Buffer): void {
    if (this.isHostGone) return;
    this.unsent.push(bytes);
    this.unsentBytes += bytes.length;
    this.fillKernel();
    this.pumpDown();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.pumpUp();
  }

  end(): void {
    if (this.isEnding) return;
    this.markBroken();
    this.isEnding = true;
    this.upward.length = 0;
    this.pumpDown();
    // Who does not close in time is cut off.
    this.scheduler.after(500, () => this.destroy());
  }

  destroy(): void {
    if (this.isHostGone) return;
    this.markBroken();
    this.unsent.length = 0;
    this.unsentBytes = 0;
    this.isEnding = true;
    this.pumpDown();
    this.scheduler.after(this.delay(), () => this.hostCloses());
  }

  private markBroken(): void {
    this.brokenMs ??= this.scheduler.nowMs;
  }

  private delay(): number {
    return this.timing.latencyMs * (0.5 + this.scheduler.random.fraction());
  }

  private cut(bytes: Buffer): Buffer[] {
    const { random } = this.scheduler;
    const pieces: Buffer[] = [];
    let rest = bytes;
    while (rest.length > 1 && random.chance(this.timing.cutChance)) {
      const length = random.integer(1, rest.length - 1);
      pieces.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    pieces.push(rest);
    return pieces;
  }

  private pumpUp(): void {
    if (this.isPumpingUp || this.upward.length === 0) return;
    this.isPumpingUp = true;
    this.scheduler.after(Math.max(this.delay(), this.host.pausedForMs()), () => {
      this.isPumpingUp = false;
      if (this.isHostGone || this.isPaused || this.isEnding) return;
      if (this.host.pausedForMs() > 0) return this.pumpUp();
      const piece = this.upward.shift();
      if (piece !== undefined) this.host.receive(this.connection, piece);
      this.pumpUp();
    });
  }

  private fillKernel(): void {
    while (this.unsent.length > 0 && this.downwardBytes < kernelBytes) {
      const first = this.unsent[0]!;
      const length = Math.min(first.length, kernelBytes - this.downwardBytes);
      const taken = Buffer.from(first.subarray(0, length));
      this.unsentBytes -= length;
      this.downwardBytes += length;
      this.downward.push(...this.cut(taken));
      if (length === first.length) this.unsent.shift();
      else this.unsent[0] = first.subarray(length);
    }
  }

  private pumpDown(): void {
    if (this.isPumpingDown || this.isStalled || this.isClientGone) return;
    if (this.downward.length === 0 && !this.isEnding) return;
    this.isPumpingDown = true;
    this.scheduler.after(this.delay(), () => {
      this.isPumpingDown = false;
      if (this.isStalled || this.isBlackHole || this.isClientGone) return;
      const piece = this.downward.shift();
      if (piece !== undefined) this.take(piece);
      else if (this.isEnding && this.unsentBytes === 0) this.clientCloses();
      this.pumpDown();
    });
  }

  private take(piece: Buffer): void {
    this.downwardBytes -= piece.length;
    const wasBehind = this.unsentBytes > 0;
    this.fillKernel();
    if (wasBehind && this.unsentBytes === 0 && !this.isHostGone) this.host.sent(this.connection);
    this.client.bytesCame(this, piece);
  }

  private clientCloses(): void {
    if (this.isClientGone) return;
    this.isClientGone = true;
    this.client.closed(this);
    this.scheduler.after(this.delay(), () => this.hostCloses());
  }

  private hostCloses(): void {
    if (this.isHostGone) return;
    this.isHostGone = true;
    this.markBroken();
    this.host.disconnect(this.connection);
    this.scheduler.after(this.delay(), () => this.clientCloses());
  }
}
