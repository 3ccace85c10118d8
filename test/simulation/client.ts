/**
 * A client on the wire, as the protocol's page asks for: pipelined requests, numbered in its
 * session, sent again under their numbers after a reconnect. What it asks for is another's; this
 * one knows connections, frames and what is open.
 */
import { limits } from '../../src/limits.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { FrameReader } from '../../src/protocol/frame-reader.ts';
import { ANSWER } from '../../src/protocol/operations.ts';
import { parseReply } from '../../src/protocol/parse-reply.ts';
import { Reply } from '../../src/protocol/reply.ts';
import {
  writeBye,
  writeHello,
  writePing,
  writePong,
  writeResume,
} from '../../src/protocol/requests.ts';
import { Walker } from '../../src/protocol/walker.ts';
import type { Link, LinkEnd } from './link.ts';
import { Violation } from './oracle-history.ts';
import type { Lease, SessionFacts } from './oracle-records.ts';
import { groupsOf } from './receipt-groups.ts';
import type { World } from './world.ts';

/** A broken connection is noticed in that time; a silent one once pings went unanswered. */
const heardMs = 50;
const silentMs = 45_000;

/** A request that has no answer yet. */
export interface Call {
  /** Whether it takes a number in the session, and so is sent again after a reconnect. */
  readonly isSequenced: boolean;
  readonly write: (writer: ByteWriter, id: number, sequence: number | undefined) => void;
  /** An answer came. A subscription stays open for more. */
  readonly answered: (reply: Reply, open: OpenCall) => void;
  /** It was sent again, to the life that `client.life` tells. */
  readonly resent?: () => void;
  /** No answer will come. */
  readonly lost: () => void;
  readonly isSubscription?: boolean;
}

export interface OpenCall {
  readonly call: Call;
  readonly id: number;
  readonly sequence: number | undefined;
  /** When and in which life it was sent first. */
  readonly sentMs: number;
  readonly life: number;
  timesSent: number;
}

export interface ClientEvents {
  /** It was greeted: requests can be sent. */
  opened(): void;
  /** What the client still holds of its session, for a resume. */
  held(): readonly Lease[];
}

/** Why a broker may end a connection of a client that does nothing wrong. */
const ENDING = new Set(['SESSION_TAKEN', 'DRAINING']);

export class Client implements LinkEnd {
  readonly name: string;
  readonly session: SessionFacts | undefined;
  private readonly key: Buffer | undefined;
  private readonly world: World;
  private readonly events: ClientEvents;
  private link: Link | undefined;
  private reader = new FrameReader(limits.frameBytesMax);
  private readonly walker = new Walker();
  private readonly reply = new Reply();
  private readonly writer = new ByteWriter();
  private isFlushDue = false;
  isOpen = false;
  /** It will not connect again. */
  isOver = false;
  /** The broker has heard by then that the last connection is gone. */
  heardGoneMs = 0;
  private helloSentMs = 0;
  private helloId = 0;
  private nextId = 1;
  private nextSequence = 1;
  private readonly open = new Map<number, OpenCall>();

  constructor(world: World, name: string, hasSession: boolean, events: ClientEvents) {
    this.world = world;
    this.name = name;
    this.events = events;
    if (hasSession) {
      this.key = Buffer.alloc(16);
      for (let at = 0; at < 16; at += 4) this.key.writeUInt32BE(world.random.uint32(), at);
      this.session = world.oracle.session(this.key.toString('hex'));
    }
    this.connectLater();
  }

  get life(): number {
    return this.link?.life ?? 0;
  }

  get openCalls(): number {
    return this.open.size;
  }

  /** Whether one more numbered request stays within what the broker remembers. */
  get mayNumber(): boolean {
    let oldest = this.nextSequence;
    for (const { sequence } of this.open.values()) oldest = Math.min(oldest, sequence ?? oldest);
    return this.nextSequence - oldest < limits.sessionAnswersMax;
  }

  /** Sends a request. It must be open. */
  send(call: Call): OpenCall {
    const isNumbered = call.isSequenced && this.session !== undefined;
    const sequence = isNumbered ? this.nextSequence++ : undefined;
    const id = this.nextId++;
    const sentMs = this.world.nowMs;
    const open = { call, id, sequence, sentMs, life: this.life, timesSent: 1 };
    this.open.set(id, open);
    call.write(this.writer, id, sequence);
    this.flushLater();
    return open;
  }

  /** Sends a numbered request once more, without waiting for its answer: it gets two. */
  sendAgain(open: OpenCall): void {
    const id = this.nextId++;
    this.open.set(id, { ...open, id });
    open.call.write(this.writer, id, open.sequence);
    this.flushLater();
  }

  /** Whether no answer to it has come. */
  isWaitingFor(id: number): boolean {
    return this.open.has(id);
  }

  private ping(): void {
    this.send({
      isSequenced: false,
      write: (writer, id) => writePing(writer, id),
      answered: (reply) => {
        if (reply.operation !== ANSWER.ok)
          throw new Violation(`no answer to a ping: ${reply.code}`);
        this.world.counts.pings += 1;
      },
      lost: () => {},
    });
  }

  /** Sends what is no request. */
  sendPlain(write: (writer: ByteWriter) => void): void {
    write(this.writer);
    this.flushLater();
  }

  /** An open request, a subscription, is over. */
  end(id: number): void {
    this.open.delete(id);
  }

  /** The network breaks. */
  cutOff(): void {
    this.link?.cutOff();
  }

  stall(ms: number): void {
    this.link?.stall(ms);
  }

  /** Connects again, while the broker still has the old connection. */
  takeOver(): void {
    const { link } = this;
    if (link === undefined || !this.isOpen) return;
    this.loseConnection(true);
    link.abandon(true);
    this.world.counts.takeovers += 1;
    this.connect();
  }

  /** Goes for ever, without a word; the broker hears of it or not. */
  vanish(isSilent: boolean): void {
    const { link } = this;
    this.isOver = true;
    const life = isSilent ? undefined : link?.life;
    this.loseConnection(isSilent);
    if (this.session !== undefined) this.world.oracle.gone(this.session, life, this.heardGoneMs);
    link?.abandon(isSilent);
    this.loseCalls(() => true);
  }

  /** Says goodbye. What it holds is given back. */
  bye(): void {
    const { oracle, awakeMs } = this.world;
    this.heardGoneMs = awakeMs + silentMs;
    if (this.session !== undefined) {
      oracle.leaving(this.session);
      oracle.gone(this.session, undefined, this.heardGoneMs);
    }
    writeBye(this.writer, this.nextId++);
    this.flush();
    this.isOver = true;
    this.loseCalls(() => true);
  }

  closed(link: Link): void {
    if (link !== this.link) return;
    this.loseConnection();
    this.connectLater();
  }

  bytesCame(link: Link, bytes: Buffer): void {
    if (link !== this.link || this.isOver) return;
    this.reader.push(bytes);
    while (!this.isOver && this.reader.next()) {
      const { buffer, start, end } = this.reader;
      this.walker.reset(buffer, start, end);
      parseReply(this.walker, this.reply);
      this.take(this.reply);
      if (link !== this.link) return;
    }
  }

  private connectLater(): void {
    if (this.isOver) return;
    const { world } = this;
    world.after(world.random.integer(1, 60), () => {
      if (!this.isOver && this.link === undefined) this.connect();
    });
  }

  private connect(): void {
    const link = this.world.connect(this);
    if (link === undefined) {
      this.connectLater();
      return;
    }
    this.link = link;
    this.reader = new FrameReader(limits.frameBytesMax);
    this.writer.reset();
    this.helloId = this.nextId++;
    this.helloSentMs = this.world.nowMs;
    const fields = { clientName: this.name, session: this.key };
    writeHello(this.writer, this.helloId, fields);
    this.flush();
  }

  private take(reply: Reply): void {
    if (reply.operation === ANSWER.ping) {
      writePong(this.writer, reply.id);
      this.flushLater();
    } else if (reply.id === this.helloId && !this.isOpen) {
      this.greeted(reply);
    } else if (reply.id === 0) {
      this.world.note(`${this.name} is told ${reply.code}`);
      if (!ENDING.has(reply.code)) throw new Violation(`${reply.code}: ${reply.message}`);
    } else {
      this.answer(reply);
    }
  }

  private answer(reply: Reply): void {
    const open = this.open.get(reply.id);
    if (open === undefined)
      throw new Violation(
        `${this.name}: answer ${reply.operation} ${reply.code} to request ${reply.id}, which is not open`,
      );
    const stays = open.call.isSubscription === true && reply.operation !== ANSWER.error;
    if (!stays || reply.operation === ANSWER.ended) this.open.delete(reply.id);
    if (open.timesSent > 1) this.world.counts.retriesAnswered += 1;
    open.call.answered(reply, open);
  }

  private greeted(reply: Reply): void {
    const { world, link, session, life } = this;
    if (reply.operation !== ANSWER.ok) throw new Violation(`a hello got ${reply.code}`);
    const { resumed, timeMs } = reply.value as { resumed: boolean; timeMs: number };
    world.note(`${this.name} is greeted, resumed ${resumed}`);
    const told = { life, sentMs: this.helloSentMs, timeMs, resumed };
    world.oracle.greeted(session, link!, told, world.nowMs);
    this.isOpen = true;
    if (resumed) this.resume();
    else this.loseCalls(({ timesSent }) => timesSent > 0);
    if (world.random.chance(0.1)) this.ping();
    this.events.opened();
  }

  private resume(): void {
    const held = this.events.held();
    const id = this.nextId++;
    const call: Call = {
      isSequenced: false,
      write: () => {},
      answered: () => this.world.oracle.liveness.resumed(this.session!),
      lost: () => {},
    };
    const now = { sentMs: this.world.nowMs, life: this.life };
    this.open.set(id, { call, id, sequence: undefined, ...now, timesSent: 1 });
    writeResume(this.writer, id, groupsOf(held));
    this.world.oracle.resumed(this.session!, new Set(held));
    for (const open of this.open.values()) {
      if (open.sequence === undefined) continue;
      open.timesSent += 1;
      this.world.counts.retries += 1;
      open.call.write(this.writer, open.id, open.sequence);
      open.call.resent?.();
    }
    this.flushLater();
  }

  private loseConnection(isSilent = false): void {
    this.heardGoneMs = this.world.awakeMs + (isSilent ? silentMs : heardMs);
    this.link = undefined;
    this.isOpen = false;
    if (this.session !== undefined) this.world.oracle.away(this.session, this.world.nowMs);
    // Numbered requests wait to be sent again.
    this.loseCalls(({ sequence }) => sequence === undefined);
  }

  private loseCalls(isLost: (open: OpenCall) => boolean): void {
    for (const open of [...this.open.values()]) {
      if (!isLost(open) || !this.open.delete(open.id)) continue;
      open.call.lost();
    }
  }

  private flushLater(): void {
    if (this.isFlushDue) return;
    this.isFlushDue = true;
    this.world.after(0, () => {
      this.isFlushDue = false;
      if (!this.isOver) this.flush();
    });
  }

  private flush(): void {
    if (this.writer.at === 0) return;
    const bytes = this.writer.take();
    this.link?.write(bytes);
  }
}
