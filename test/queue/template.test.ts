// Templates: which fits a name, against regular expressions; what a queue takes of one when it comes
// into being, and what it leaves out so that no produce fails for it.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../src/limits.ts';
import { isNamePattern, isQueueName } from '../../src/protocol/names.ts';
import { inheritedSettings } from '../../src/queue/create.ts';
import { setTemplate, Template, templateFor } from '../../src/queue/template.ts';
import { printedSeed, type Random, seededRandom } from '../support/random.ts';
import { bestOf } from './support/model-templates.ts';
import { Rig } from './support/rig.ts';

const letters = ['a', 'b', '.', '-'];

function someText(random: Random, alphabet: readonly string[], most: number): string {
  const length = random.integer(1, most);
  return Array.from({ length }, () => random.pick(alphabet)).join('');
}

test('the one that fits best is that of the model, for random names and patterns', () => {
  const random = seededRandom(printedSeed('template'));
  let found = 0;
  for (let round = 0; round < 3_000; round += 1) {
    const texts = Array.from({ length: 6 }, () => someText(random, [...letters, '*', '*'], 6));
    const patterns = [...new Set(texts)];
    const templates = patterns.map((pattern) => new Template(pattern, {}, 0));
    const name = someText(random, letters, 7);
    const best = templateFor(templates, name)?.pattern;
    assert.is(best, bestOf(new Map(patterns.map((pattern) => [pattern, pattern])), name), name);
    if (best !== undefined) found += 1;
  }
  assert.ok(found > 500, `${found}`);
});

const ties: readonly [name: string, patterns: string[], best: string | undefined][] = [
  ['orders', ['*', 'orders*', '*orders', 'orders'], 'orders'],
  ['orders.eu', ['orders.*', '*', '*.eu', 'orders.us*'], 'orders.*'],
  ['orders', ['o*s', '*rs'], '*rs'],
  ['aba', ['a*a', 'ab*ba'], 'a*a'],
  ['orders', ['invoices*'], undefined],
];

test('most letters win, then the shorter pattern, then the order of text', () => {
  for (const [name, patterns, best] of ties) {
    for (const order of [patterns, [...patterns].reverse()]) {
      const templates = order.map((pattern) => new Template(pattern, {}, 0));
      assert.is(templateFor(templates, name)?.pattern, best, name);
    }
  }
});

test('a pattern is allowed where a queue may have a name that fits', () => {
  const longest = limits.nameBytesMax;
  for (const pattern of ['*', 'a', '*.b', 'a-*_c', '**', '*'.repeat(longest)]) {
    assert.ok(isNamePattern(pattern), pattern);
    assert.ok(isQueueName(pattern.replaceAll('*', 'x')));
  }
  for (const pattern of ['', '.*', '-a', 'a b', 'a/*', 'ä*', 'a*\n', 'a'.repeat(longest + 1)]) {
    assert.not(isNamePattern(pattern), pattern);
  }
});

test('a queue has what its template said when it came into being, also after a start', () => {
  const rig = new Rig();
  rig.produce('orders.old');
  setTemplate(rig.state, 'orders.*', { visibilityMs: 100, timeToLiveMs: 1_000 });
  rig.produce('orders.new');
  rig.produce('other');
  rig.restart();
  const settingsOf = (name: string) => rig.state.required(name).settings;
  assert.equal(settingsOf('orders.old'), {});
  assert.equal(settingsOf('other'), {});
  assert.equal(settingsOf('orders.new'), { visibilityMs: 100, timeToLiveMs: 1_000 });
  setTemplate(rig.state, 'orders.*', { visibilityMs: 7 });
  rig.produce('orders.new');
  assert.is(settingsOf('orders.new').visibilityMs, 100);
  const [taken] = rig.take('orders.new', { messages: 1 });
  rig.pass(200);
  assert.is(rig.take('orders.new', { messages: 1 })[0]!.id, taken!.id, 'its lease is over');
  rig.pass(1_000);
  assert.is(rig.state.required('orders.new').live, 0);
});

test('a dead-letter queue is made with it, and with what its own template says', () => {
  const rig = new Rig();
  setTemplate(rig.state, 'a*', { failuresMax: 1, deadQueue: 'b1' });
  setTemplate(rig.state, 'b*', { visibilityMs: 5, deadQueue: 'a1' });
  rig.produce('a1');
  assert.equal(rig.state.required('a1').settings, { failuresMax: 1, deadQueue: 'b1' });
  const { visibilityMs, deadQueue } = rig.state.required('b1').settings;
  assert.equal([visibilityMs, deadQueue], [5, undefined], 'it would lead back');
});

test('a queue is not its own dead-letter queue because a template says so', () => {
  const rig = new Rig();
  setTemplate(rig.state, '*', { failuresMax: 3, deadQueue: 'dead' });
  rig.produce('orders');
  assert.is(rig.state.required('orders').settings.deadQueue, 'dead');
  assert.equal(
    { ...rig.state.required('dead').settings },
    { failuresMax: 3, deadQueue: undefined },
  );
});

test('a dead-letter queue for which there is no room is left out', () => {
  const rig = new Rig();
  setTemplate(rig.state, '*', { visibilityMs: 5, deadQueue: 'dead' });
  for (let count = 2; count < limits.queuesMax; count += 1) rig.state.entered(`queue-${count}`);
  assert.is(inheritedSettings(rig.state, 'last').deadQueue, 'dead');
  rig.state.entered('queue-last');
  rig.produce('last');
  assert.is(rig.state.required('last').settings.deadQueue, undefined);
  assert.is(rig.state.required('last').settings.visibilityMs, 5);
  assert.is(rig.state.existing('dead'), undefined);
  assert.throws(
    () => rig.produce('more'),
    (error: Error) => /queues already/.test(error.message),
  );
});

test.run();
