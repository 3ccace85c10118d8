/**
 * A receive from a program's options to its result, with the signal that takes it back.
 */
import { type Code, WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Connection } from './connection.ts';
import type { Delivery } from './delivery.ts';
import { checkReceiveOptions, type Outcome, type ReceiveOptions } from './options.ts';
import { ReceiveCall, type ReceiveFields } from './receive-call.ts';
import { targetOf } from './settling.ts';

/** What a receive got; `acked` tells what became of the receipts of its `ack`, one for one. */
export type Deliveries = Delivery[] & { readonly acked: readonly Outcome[] };

/** Throws for options that cannot be meant. */
export function receive(
  connection: Connection,
  queues: readonly string[],
  options: ReceiveOptions,
): Promise<Deliveries> {
  const { signal } = options;
  const fields = fieldsOf(connection, queues, options);
  if (signal?.aborted) throw cancelled(signal);
  return new Promise((resolve, reject) => {
    const submitted = submit(connection, fields, (error, deliveries) => {
      signal?.removeEventListener('abort', abort);
      if (deliveries === undefined) reject(error);
      else resolve(deliveries);
    });
    const abort = () => connection.abandon(submitted, cancelled(signal!));
    if (!submitted.isOver) signal?.addEventListener('abort', abort, { once: true });
  });
}

function submit(
  connection: Connection,
  fields: ReceiveFields,
  done: (error: WonderqError | undefined, deliveries?: Deliveries) => void,
): ReceiveCall {
  const received = (deliveries: Delivery[], codes: (Code | undefined)[]) => {
    const acked = codes.map((code) => code ?? 'ok');
    done(undefined, Object.assign(deliveries, { acked }));
  };
  const call = new ReceiveCall(fields, connection.held, received, done);
  connection.submit(call, connection.options.timeoutMs + fields.waitMs);
  return call;
}

function fieldsOf(
  connection: Connection,
  queues: readonly string[],
  options: ReceiveOptions,
): ReceiveFields {
  const { batchMessagesMax } = connection.greeting.limits;
  checkReceiveOptions(options, batchMessagesMax);
  const acks = (options.ack ?? []).map(targetOf);
  const acksMax = Math.min(batchMessagesMax, limits.receiveAcksMax);
  if (acks.length > acksMax) {
    const what = `a receive may carry ${acksMax} receipts`;
    throw new WonderqError('BATCH_TOO_LARGE', what, { field: 'ack' });
  }
  return {
    queues,
    messagesMax: options.max ?? 1,
    bytesMax: options.bytesMax ?? 0,
    waitMs: options.waitMs ?? 0,
    visibilityMs: options.visibilityMs,
    isDetached: options.detached ?? connection.options.session === undefined,
    acks,
  };
}

function cancelled({ reason }: AbortSignal): WonderqError {
  return new WonderqError('CANCELLED', undefined, { cause: reason });
}
