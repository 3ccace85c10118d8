/**
 * A delivery on its way out: the messages' bytes are copied from the log's memory into the frame,
 * and what was delivered is noted until the frame has left.
 */
import assert from 'node:assert';
import type { Log } from '../log/log.ts';
import { beginDeliveries, endDeliveries, writeDelivery } from '../protocol/answers.ts';
import type { DeliveryBatch } from '../queue/delivery-batch.ts';
import type { Queue } from '../queue/queue.ts';
import type { Taker } from '../queue/taker.ts';
import { acknowledgedBy } from './acknowledged.ts';
import type { HeldOutput } from './held-output.ts';

/** Writes the batch, leased to the taker, into `output`. Its bodies are in memory. */
export function writeBatch(
  log: Log,
  output: HeldOutput,
  taker: Taker,
  queue: Queue,
  batch: DeliveryBatch,
): void {
  const { writer } = output;
  const ids = batch.ids.values;
  const { requestId } = taker;
  const start = beginDeliveries(writer, requestId, queue.name, batch.visibilityMs, batch.count);
  for (let index = 0; index < batch.count; index += 1) {
    const position = batch.positions[index]!;
    const length = batch.lengths[index]!;
    const range = log.cached(position, length);
    assert(range !== undefined, 'a message is leased only while its body is in memory');
    writeDelivery(
      writer,
      ids[index]!,
      batch.firstToken + index,
      batch.deliveryCounts[index]!,
      batch.failureCounts[index]!,
      batch.producedMs[index]!,
      batch.priorities[index]!,
      range.buffer,
      position - range.address,
      length,
    );
  }
  endDeliveries(writer, start, acknowledgedBy(taker)?.codes);
  output.addDelivery({
    position: 0,
    queue,
    session: taker.session,
    ids: ids.slice(0, batch.count),
    firstToken: batch.firstToken,
  });
}
