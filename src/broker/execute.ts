/**
 * One frame of a connection: take it, parse it, execute it (or its next slice), and answer. What
 * the operations do is in the files beside this one.
 */
import { WonderqError } from '../errors.ts';
import { writeOk } from '../protocol/answers.ts';
import { REQUEST } from '../protocol/operations.ts';
import { parseRequest } from '../protocol/parse-request.ts';
import type { Request } from '../protocol/request.ts';
import { administer } from './administration.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import { executeProduce } from './execute-produce.ts';
import { addCredit, cancel, executeReceive, subscribe, unsubscribe } from './execute-receive.ts';
import { bye, hello, resume } from './execute-session.ts';
import { executeSettle } from './execute-settle.ts';

type Execute = (core: Core, connection: Connection, request: Request, nowMs: number) => void;

/** The operations that are about no batch, by their number. */
const SMALL: Readonly<Record<number, Execute>> = {
  [REQUEST.hello]: hello,
  [REQUEST.resume]: resume,
  [REQUEST.bye]: bye,
  [REQUEST.ping]: (core, connection, request) =>
    writeOk(core.gate.output(connection, 'write').writer, request.id),
  [REQUEST.pong]: (_core, connection) => {
    connection.pingsMissed = 0;
  },
  [REQUEST.subscribe]: subscribe,
  [REQUEST.credit]: addCredit,
  [REQUEST.unsubscribe]: unsubscribe,
  [REQUEST.cancel]: cancel,
};

/**
 * Executes the next slice of what a connection asked. Returns its cost in messages, at least 1, or
 * 0 when no whole frame is there. What the client did wrong is answered here.
 */
export function executeNext(core: Core, connection: Connection, nowMs: number): number {
  let cost = 1;
  try {
    core.request.clear();
    if (!takeFrame(core, connection)) return 0;
    cost = execute(core, connection, nowMs);
  } catch (error) {
    if (!(error instanceof WonderqError)) throw error;
    connection.running = undefined;
    core.gate.refuse(connection, core.request.id, error);
  }
  return cost;
}

/** Parses the next frame, or again the one that is being executed in slices. */
function takeFrame(core: Core, connection: Connection): boolean {
  const { frame, walker } = core;
  const { reader, running } = connection;
  if (running === undefined && !reader.next()) return false;
  const { buffer, start, end } = running ?? reader;
  frame.buffer = buffer;
  frame.start = start;
  frame.end = end;
  walker.reset(buffer, start, end);
  parseRequest(walker, core.request);
  return true;
}

function execute(core: Core, connection: Connection, nowMs: number): number {
  const { request } = core;
  if (!connection.isGreeted && request.operation !== REQUEST.hello) {
    throw new WonderqError('HELLO_REQUIRED');
  }
  switch (request.operation) {
    case REQUEST.produce:
      return executeProduce(core, connection, request, nowMs);
    case REQUEST.ack:
    case REQUEST.nack:
    case REQUEST.release:
    case REQUEST.extend:
    case REQUEST.ackCurrent:
      return executeSettle(core, connection, request, nowMs);
    case REQUEST.receive:
      return executeReceive(core, connection, request, nowMs);
    case REQUEST.administer:
      return administer(core, connection, request, nowMs);
    default:
      executeSmall(core, connection, request, nowMs);
      return 1;
  }
}

function executeSmall(core: Core, connection: Connection, request: Request, nowMs: number): void {
  const act = SMALL[request.operation];
  if (act === undefined) throw new WonderqError('UNKNOWN_OPERATION');
  act(core, connection, request, nowMs);
}
