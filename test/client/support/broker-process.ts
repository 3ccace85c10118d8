// A real broker in a process of its own, to be killed: `node --import tsx broker-process.ts DIRECTORY
// PORT`. It says on which port it listens.

import { startBroker } from '../../../src/server/start-broker.ts';

const [dataDir = '', port = '0'] = process.argv.slice(2);
const broker = await startBroker({ dataDir, port: Number(port), releaseAfterMs: 60_000 });
console.log(`listening on ${broker.url}`);
