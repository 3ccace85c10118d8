/**
 * Where the rules' deliveries go: into frames of the connection that takes them, at the level of
 * what they tell.
 */
import { WonderqError } from '../errors.ts';
import { writeEnded, writeError, writeNoDeliveries } from '../protocol/answers.ts';
import type { Outlet } from '../queue/journal.ts';
import type { Durability, Queue } from '../queue/queue.ts';
import type { Taker } from '../queue/taker.ts';
import { acknowledgedBy } from './acknowledged.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import { writeBatch } from './delivery.ts';
import type { HeldOutput } from './held-output.ts';

export class ConnectionOutlet implements Outlet {
  private readonly core: Core;

  constructor(core: Core) {
    this.core = core;
  }

  canDeliver(taker: Taker): boolean {
    const connection = connectionOf(taker);
    if (connection.canTake && this.core.admission.mayDeliver) return true;
    connection.isBlocked = true;
    return false;
  }

  deliver(taker: Taker, queue: Queue): void {
    if (taker.kind === 'receive') connectionOf(taker).takers.delete(taker.requestId);
    const level = acknowledgedBy(taker)?.level === 'fsync' ? 'fsync' : this.core.levelOf(queue);
    const output = this.output(taker, level);
    writeBatch(this.core.log, output, taker, queue, this.core.state.batch);
    if (taker.isSequenced) output.countSequenced();
  }

  answerEmpty(taker: Taker): void {
    connectionOf(taker).takers.delete(taker.requestId);
    const output = this.output(taker, this.levelOfEmpty(taker));
    writeNoDeliveries(output.writer, taker.requestId, acknowledgedBy(taker)?.codes);
    if (taker.isSequenced) output.countSequenced();
  }

  end(taker: Taker, code: 'QUEUE_DELETED' | 'CANCELLED' | 'DRAINING'): void {
    connectionOf(taker).takers.delete(taker.requestId);
    // Behind the deliveries of a subscription, whatever their level.
    const output = this.output(taker, 'fsync');
    const error = new WonderqError(code);
    if (taker.kind === 'receive') writeError(output.writer, taker.requestId, error);
    else writeEnded(output.writer, taker.requestId, error);
    if (taker.isSequenced) output.countSequenced();
  }

  private output(taker: Taker, level: Durability): HeldOutput {
    return this.core.gate.output(connectionOf(taker), level);
  }

  /** The strictest level of what a receive is told: of its queues, and of what it acknowledged. */
  private levelOfEmpty(taker: Taker): Durability {
    if (acknowledgedBy(taker)?.level === 'fsync') return 'fsync';
    const isWrite = taker.queues.every((queue) => this.core.levelOf(queue) === 'write');
    return isWrite ? 'write' : 'fsync';
  }
}

function connectionOf(taker: Taker): Connection {
  return taker.connection as Connection;
}
