/**
 * The bounds that an operator sets: clients are told them, they hold, and what cannot be is refused
 * before anything is opened. Row E25 of docs/reliability.md.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SettingsError } from '../../src/errors.ts';
import { settable } from '../../src/limits.ts';
import { startBroker } from '../../src/server/start-broker.ts';
import { temporary } from '../support/temporary.ts';
import { Rig } from './support/rig.ts';

const test = suite('settings');

test('clients are told the bounds, and they hold', async () => {
  const frameBytesMax = 3 * 1024 * 1024;
  const bounds = { bodyBytesMax: 10, frameBytesMax, batchMessagesMax: 20_000 };
  const rig = new Rig({ settings: bounds });
  await rig.start();
  const wire = rig.connect();
  const greeting = await wire.answer(wire.hello());
  const { limits } = greeting.value as { limits: object };
  assert.equal(limits, { ...bounds, openRequestsMax: 1024 });
  assert.is(
    (await wire.answer(wire.produce({ queue: 'q' }, '12345678901'))).code,
    'BODY_TOO_LARGE',
  );
  const many = wire.produce({ queue: 'q' }, ...Array(20_000).fill('1234567890'));
  assert.equal((await wire.answer(many)).runs.at(-1), 20_000);
  const tooMany = wire.produce({ queue: 'q' }, ...Array(20_001).fill('a'));
  assert.is((await wire.answer(tooMany)).code, 'BATCH_TOO_LARGE');
  const receipts = Array.from({ length: 20_000 }, (_, at) => ({ id: 1e15 + at, token: 1 }));
  const ack = await wire.answer(wire.ack('q', ...receipts));
  assert.equal(new Set(ack.codes), new Set(['GONE']));
  wire.ask((writer) => writer.copy(Buffer.from([0, 0x30, 0, 1]), 0, 4));
  await rig.until(() => wire.isEnded);
  assert.is(wire.answers.at(-1)!.code, 'FRAME_TOO_LARGE');
});

test(
  'a setting out of its bounds is refused and named, and nothing is opened',
  temporary(async (directory) => {
    const dataDir = join(directory, 'data');
    for (const [name, [least, most]] of Object.entries(settable)) {
      for (const value of [least - 1, most + 1, least + 0.5, Number.NaN]) {
        const start = startBroker({ dataDir, port: 0, [name]: value });
        const error = await start.then(
          () => undefined,
          (reason: unknown) => reason,
        );
        assert.instance(error, SettingsError);
        assert.match((error as Error).message, name);
      }
    }
    assert.not(existsSync(dataDir));
  }),
);

test.run();
