/**
 * Templates on the wire and in the log: what is refused by which code and field, pages, the bound, the
 * answer to a repetition, and that they survive compaction and a power cut until they are deleted.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { smallSizes } from '../simulation/small-limits.ts';
import { Rig } from './support/rig.ts';
import type { Wire } from './support/wire.ts';

const test = suite('templates');

const log = {
  ...smallSizes,
  segmentBytes: 8 * 1024,
  tailCacheBytes: 10 * 1024,
  readCacheBytes: 4 * 1024,
};

async function began(): Promise<{ rig: Rig; wire: Wire }> {
  const rig = new Rig({ log });
  await rig.start();
  return { rig, wire: await greeted(rig) };
}

async function greeted(rig: Rig): Promise<Wire> {
  const wire = rig.connect();
  await wire.answer(wire.hello({ session: Buffer.alloc(16, 3) }));
  return wire;
}

async function ask(wire: Wire, verb: string, args: Record<string, unknown>, sequence?: number) {
  const { code, field, value } = await wire.answer(wire.administer(verb, args, sequence));
  return { code, field, value: value as Record<string, unknown> };
}

const refused: readonly [
  verb: string,
  args: Record<string, unknown>,
  code: string,
  field: string,
][] = [
  ['template.set', {}, 'BAD_REQUEST', 'pattern'],
  ['template.set', { pattern: 7 }, 'BAD_REQUEST', 'pattern'],
  ['template.set', { pattern: '.*' }, 'BAD_REQUEST', 'pattern'],
  ['template.set', { pattern: 'a/*' }, 'BAD_REQUEST', 'pattern'],
  ['template.set', { pattern: 'a*', settings: 7 }, 'BAD_REQUEST', 'settings'],
  ['template.set', { pattern: 'a*', settings: { colour: 7 } }, 'BAD_REQUEST', 'settings.colour'],
  [
    'template.set',
    { pattern: '*', settings: { failuresMax: 0 } },
    'BAD_REQUEST',
    'settings.failuresMax',
  ],
  [
    'template.set',
    { pattern: '*', settings: { backoff: 'linear' } },
    'BAD_REQUEST',
    'settings.backoff',
  ],
  [
    'template.set',
    { pattern: 'a', settings: { deadQueue: 'a' } },
    'BAD_REQUEST',
    'settings.deadQueue',
  ],
  ['template.delete', {}, 'BAD_REQUEST', 'pattern'],
  ['template.delete', { pattern: 'a*' }, 'TEMPLATE_NOT_FOUND', 'pattern'],
  ['templates', { limit: 0 }, 'BAD_REQUEST', 'limit'],
];

test('what is wrong is refused, names the field, and leaves nothing', async () => {
  const { rig, wire } = await began();
  for (const [verb, args, code, field] of refused) {
    const answer = await ask(wire, verb, args);
    assert.equal([answer.code, answer.field], [code, field], JSON.stringify(args));
  }
  assert.is(rig.inside.state.templates.size, 0);
});

test('what is given for a queue stands above its template, and may contradict it', async () => {
  const { wire } = await began();
  const settings = { visibilityMs: 9, failuresMax: 5, deadQueue: 'dead' };
  await ask(wire, 'template.set', { pattern: 'a*', settings });
  const create = (queue: string, given: object) =>
    ask(wire, 'queue.create', { queue, settings: given });
  const made = (await create('a1', { failuresMax: null, visibilityMs: 8 })).value
    .settings as object;
  const { visibilityMs, failuresMax, deadQueue } = made as Record<string, unknown>;
  assert.equal([visibilityMs, failuresMax, deadQueue], [8, null, 'dead']);
  const { code, field } = await create('a2', { whenFailed: 'discard' });
  assert.equal([code, field], ['BAD_REQUEST', 'settings.deadQueue']);
  assert.is((await create('a2', { whenFailed: 'discard', deadQueue: null })).code, undefined);
});

test('a repetition gets the first answer, and a page begins after a pattern', async () => {
  const { rig, wire } = await began();
  const set = { pattern: 'q*', settings: { failuresMax: 5, visibilityMs: null } };
  assert.equal((await ask(wire, 'template.set', set, 1)).value, { matches: 0 });
  await ask(wire, 'queue.create', { queue: 'q' });
  assert.equal((await ask(wire, 'template.set', set, 1)).value, { matches: 0 });
  assert.equal((await ask(wire, 'template.set', set, 3)).value, { matches: 1 });
  await ask(wire, 'template.set', { pattern: '*' });
  await ask(wire, 'template.set', { pattern: 'r', settings: { deadQueue: 's' } });
  const all = [
    { pattern: '*', settings: {} },
    { pattern: 'q*', settings: { failuresMax: 5 } },
    { pattern: 'r', settings: { deadQueue: 's' } },
  ];
  assert.equal((await ask(wire, 'templates', {})).value, { templates: all, more: false });
  const page = (await ask(wire, 'templates', { after: '*', limit: 1 })).value;
  assert.equal(page, { templates: all.slice(1, 2), more: true });
  await rig.restart('power');
  const again = await greeted(rig);
  assert.equal((await ask(again, 'templates', {})).value, { templates: all, more: false });
});

test('there are so many and no more; each may still be replaced', async () => {
  const { rig, wire } = await began();
  const set = (number: number) => ask(wire, 'template.set', { pattern: `q${number}` });
  for (let number = 1; number <= limits.templatesMax; number += 1) await set(number);
  const { code, field } = await set(limits.templatesMax + 1);
  assert.equal([code, field], ['BAD_REQUEST', 'pattern']);
  assert.is((await set(1)).code, undefined);
  assert.is(rig.inside.state.templates.size, limits.templatesMax);
});

test('on a full disk none is set, and one is deleted', async () => {
  const { rig, wire } = await began();
  await ask(wire, 'template.set', { pattern: 'a*' });
  rig.inside.admission.reserveHalves = 1;
  assert.is((await ask(wire, 'template.set', { pattern: 'b*' })).code, 'DISK_FULL');
  assert.is((await ask(wire, 'template.delete', { pattern: 'a*' })).code, undefined);
});

test('the first answer of a queue that a template makes leaves at its level', async () => {
  const { wire } = await began();
  await ask(wire, 'template.set', { pattern: 'weak*', settings: { durability: 'write' } });
  assert.is((await wire.answer(wire.produce({ queue: 'weak' }, 'a'))).durability, 1);
  assert.is((await wire.answer(wire.produce({ queue: 'other' }, 'a'))).durability, 2);
});

test('compaction keeps what is there, and nothing that was deleted comes back', async () => {
  const { rig, wire } = await began();
  for (const pattern of ['kept*', 'gone*', 'new*']) {
    await ask(wire, 'template.set', { pattern, settings: { failuresMax: 5 } });
  }
  await ask(wire, 'template.delete', { pattern: 'gone*' });
  await ask(wire, 'template.set', { pattern: 'new*', settings: { failuresMax: 6 } });
  for (let made = 0; made < 60; made += 1) {
    await wire.answer(wire.produce({ queue: 'filler' }, 'x'.repeat(900)));
  }
  await ask(wire, 'queue.purge', { queue: 'filler' });
  await rig.until(() => rig.log.segments().length <= 2);
  assert.ok(rig.inside.compactedSegments > 2);
  await rig.restart('power');
  const again = await greeted(rig);
  const { templates } = (await ask(again, 'templates', {})).value;
  assert.equal(templates, [
    { pattern: 'kept*', settings: { failuresMax: 5 } },
    { pattern: 'new*', settings: { failuresMax: 6 } },
  ]);
});

test.run();
