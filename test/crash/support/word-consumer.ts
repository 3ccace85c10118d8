// One of several consumers of a test: takes batches, acknowledges them, and prints what it did, a
// JSON line each: `{"received": [[id, delivery count, text]...]}` before the ack is asked for, and
// `{"acked": [[id, delivery count]...]}` once it is confirmed. Ends on SIGTERM.

import { connect } from '../../../src/client/client.ts';

const [url, queue] = process.argv.slice(2) as [string, string];
const batch = 200;

const client = await connect(url, { name: 'word consumer' });
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

while (!stopping.signal.aborted) {
  const deliveries = await client.receive(queue, { max: batch, waitMs: 500 });
  if (deliveries.length === 0) continue;
  print({ received: deliveries.map((one) => [one.id, one.deliveryCount, one.text()]) });
  const outcomes = await client.ack(deliveries);
  const acked = deliveries.filter((_, at) => outcomes[at] === 'ok');
  print({ acked: acked.map(({ id, deliveryCount }) => [id, deliveryCount]) });
}
await client.close();
