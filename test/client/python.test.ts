// The client in Python, which was written from docs/protocol.md alone, against the real broker.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startBroker } from '../../src/server/start-broker.ts';
import { run } from '../support/processes.ts';
import { temporary } from '../support/temporary.ts';

const test = suite('the example in Python');
const program = join(import.meta.dirname, '../../examples/python/wonderq_client.py');

/** A Python that has the package msgpack, if there is one. */
async function findPython(): Promise<string | undefined> {
  for (const command of ['python3', '/usr/bin/python3']) {
    const ending = await run(command, ['-c', 'import msgpack']).catch(() => ({ code: 1 }));
    if (ending.code === 0) return command;
  }
  return undefined;
}

test(
  'goes through the whole cycle',
  temporary(async (dataDir) => {
    const python = await findPython();
    if (python === undefined) {
      console.log('not run: the example in Python, since there is no python3 with msgpack');
      return;
    }
    const broker = await startBroker({ dataDir, port: 0 });
    const env = { PYTHONDONTWRITEBYTECODE: '1' };
    const ending = await run(python, [program, `127.0.0.1:${broker.port}`], { env });
    await broker.stop();
    assert.is(ending.code, 0, ending.stderr);
    assert.match(ending.stdout, /acknowledged one, gave the other back/);
  }),
);

test.run();
