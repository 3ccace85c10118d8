// A broker in this process, over a directory of its own, and a client of it.

import { type Client, connect } from '../../src/client/client.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { temporary } from './temporary.ts';

/** The body of a test that has both; they are ended whatever becomes of it. */
export function serving(body: (client: Client, url: string) => Promise<void>): () => Promise<void> {
  return temporary(async (dataDir) => {
    const broker = await startBroker({ dataDir, port: 0 });
    try {
      const client = await connect(broker.url);
      await body(client, broker.url);
      await client.close();
    } finally {
      await broker.stop();
    }
  });
}
