/**
 * What is asked of the broker while it is measured. A workload is a number of loops that run side
 * by side; each adds what it got done to the tally.
 */
import type { Client } from '../../client/client.ts';
import type { Tally } from './tally.ts';

export interface Load {
  readonly clients: readonly Client[];
  readonly queue: string;
  readonly body: Buffer;
  /** Produces on their way at a time on each connection. */
  readonly inFlight: number;
  /** Messages of one produce, one receive and one ack of a full cycle. */
  readonly batch: number;
  /** Cycles under way at a time on each connection. */
  readonly cycles: number;
}

type Loop = (tally: Tally) => Promise<void>;

export interface Workload {
  readonly name: string;
  readonly loops: (load: Load) => Loop[];
}

/** Single messages, each confirmed by itself, nobody receives. */
const produce: Workload = {
  name: 'produce',
  loops: (load) => forEachClient(load, load.inFlight, produceLoop),
};

/** Every message is produced, received and acknowledged. */
const cycle: Workload = {
  name: 'cycle',
  loops: (load) => forEachClient(load, load.cycles, cycleLoop),
};

/** One message at a time, to a consumer that waits on another connection. */
const latency: Workload = {
  name: 'latency',
  loops: (load) => [latencyLoop(load)],
};

export const workloads: readonly Workload[] = [produce, cycle, latency];

function forEachClient(
  load: Load,
  count: number,
  loop: (client: Client, load: Load) => Loop,
): Loop[] {
  return load.clients.flatMap((client) => Array.from({ length: count }, () => loop(client, load)));
}

function produceLoop(client: Client, { queue, body }: Load): Loop {
  return async (tally) => {
    while (tally.isRunning) {
      const startMs = performance.now();
      await client.produce(queue, body);
      tally.confirmed(performance.now() - startMs);
      tally.add(1);
    }
  };
}

function cycleLoop(client: Client, { queue, body, batch }: Load): Loop {
  const bodies = Array.from({ length: batch }, () => body);
  return async (tally) => {
    while (tally.isRunning) {
      const startMs = performance.now();
      await client.produceMany(queue, bodies);
      tally.confirmed(performance.now() - startMs);
      // Another loop may take what this one wrote, and the other way round.
      const deliveries = await client.receive(queue, { max: batch, waitMs: 1000 });
      const outcomes = await client.ack(deliveries);
      const refused = outcomes.find((outcome) => outcome !== 'ok');
      if (refused !== undefined) throw new Error(`an ack was refused: ${refused}`);
      tally.add(deliveries.length);
    }
  };
}

function latencyLoop({ clients, queue, body }: Load): Loop {
  const [producer, receiver = producer] = clients as [Client, Client?];
  return async (tally) => {
    let arrive = () => {};
    const consumer = receiver.consume(queue, async () => arrive());
    while (tally.isRunning) {
      const startMs = performance.now();
      const delivered = new Promise<void>((resolve) => {
        arrive = resolve;
      }).then(() => tally.delivered(performance.now() - startMs));
      await producer.produce(queue, body);
      tally.confirmed(performance.now() - startMs);
      await delivered;
      tally.add(1);
    }
    await consumer.stop();
  };
}
