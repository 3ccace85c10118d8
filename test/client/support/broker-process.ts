// A real broker in a process of its own, to be killed: `node --import tsx broker-process.ts DIRECTORY
// HOST PORT`. It says where it listens.

import { startBroker } from '../../../src/server/start-broker.ts';

const [dataDir = '', host = '', port = ''] = process.argv.slice(2);
const broker = await startBroker({ dataDir, host, port: Number(port), releaseAfterMs: 60_000 });
console.log(`listening on ${broker.url}`);
