/**
 * The oracle itself: it knows nothing of the product's code, and of short histories made by hand it
 * finds what is lost, unexpected, duplicated or delivered wrongly, and counts what is recovered.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Oracle, type ProduceFacts } from './oracle.ts';
import { Violation } from './oracle-history.ts';
import type { DeliveryFacts, Lease, Message } from './oracle-records.ts';
import type { SettingsChange } from './oracle-settings.ts';

const test = suite('oracle');
const life = 1;

test('it imports nothing but itself', () => {
  const names = readdirSync(import.meta.dirname).filter((name) => /^oracle[a-z-]*\.ts$/.test(name));
  assert.ok(names.length >= 7);
  for (const name of names) {
    const text = readFileSync(join(import.meta.dirname, name), 'utf8');
    for (const [, target] of text.matchAll(/from '([^']+)'/g)) {
      assert.match(target!, /^\.\/oracle[a-z-]*\.ts$/, name);
    }
  }
});

/** One queue, one message `body`, confirmed as number 1 unless told otherwise. */
class Story {
  readonly oracle = new Oracle(
    {
      releaseAfterMs: 1000,
      sessionForgetMs: 10_000,
      slackMs: 50,
      isWeak: () => false,
      isSingleConsumer: true,
      mortalQueues: [],
      letters: undefined,
      windowsOf: () => ({ leastMs: 100, mostMs: 100 }),
      limitsOf: () => undefined,
      besidesMax: 0,
      wholeMessagesMax: 2,
      wholeBytesMax: 100,
    },
    { visibilityMs: 500, durability: 'fsync' },
  );
  readonly message: Message;

  constructor(isConfirmed = true) {
    const { oracle } = this;
    const greeting = { life, sentMs: 0, timeMs: 0, resumed: false };
    oracle.greeted(undefined, { brokenMs: undefined }, greeting, 0);
    this.message = this.send('body');
    if (isConfirmed) this.confirm(this.message, 1);
  }

  send(...bodies: string[]): Message {
    return this.sendFor({}, ...bodies);
  }

  sendFor(times: Partial<ProduceFacts>, ...bodies: string[]): Message {
    const facts = { queue: 'q', bodies, priority: 0, isWeak: false, ...times };
    return this.oracle.produceSent(facts, life, 1)[0]!;
  }

  confirm(message: Message, id: number): void {
    const asked = { isWeak: false, sentMs: 1 };
    this.oracle.confirmed([message], [id], asked, { durability: 2, life }, 2);
  }

  deliver(nowMs: number, token: number, changes: Partial<DeliveryFacts> = {}): Lease {
    const facts = { queue: 'q', id: 1, deliveryCount: 1, failureCount: 0, producedMs: 1 };
    const asked = { life, priority: 0, visibilityMs: 500, session: undefined, askedMs: nowMs - 1 };
    const delivery = { ...facts, ...asked, token, body: 'body', ...changes };
    return this.oracle.deliveries.arrived(delivery, nowMs);
  }

  settle(kind: 'ack' | 'nack', lease: Lease, nowMs: number, code?: string): void {
    const { settles } = this.oracle;
    const settle = settles.sent(kind, lease, 0, nowMs, life);
    if (code === undefined) settles.done(settle, 2, life, nowMs + 1);
    else settles.refused(settle, code, life, nowMs + 1);
  }
}

function change({ oracle }: Story, asked: SettingsChange, nowMs: number): void {
  oracle.settings.sent(asked, nowMs);
  oracle.settings.answered(asked, undefined, nowMs + 1);
}

/** One that gives `q` a visibility of 900 ms was set. */
function template(story: Story, nowMs: number): Story {
  const asked = { verb: 'template.set', queue: '', pattern: 'q*', settings: { visibilityMs: 900 } };
  change(story, asked, nowMs);
  return story;
}

function described(visibilityMs: number) {
  const settings = { visibilityMs, durability: 'fsync', failuresMax: null, messagesMax: null };
  return { name: 'q', paused: 'none', settings };
}

const wrong: Record<string, [told: RegExp, tell: () => void]> = {
  lost: [/was confirmed and is lost/, () => new Story().oracle.finish()],
  unexpected: [/body that nobody sent/, () => new Story().deliver(10, 7, { body: 'other' })],
  'duplicated: two IDs': [/: a duplicate/, () => new Story().deliver(10, 7, { id: 2 })],
  'after its acknowledgement': [
    /was acknowledged by token 7/,
    () => {
      const story = new Story();
      story.settle('ack', story.deliver(10, 7), 20);
      story.deliver(900, 8, { deliveryCount: 2 });
    },
  ],
  'a token used twice': [
    /token 7 was given in life 1, and now again/,
    () => {
      const story = new Story();
      story.deliver(10, 7);
      story.deliver(900, 7, { deliveryCount: 2, failureCount: 1 });
    },
  ],
  'while its lease is in force': [
    /whose lease was in force/,
    () => {
      const story = new Story();
      story.deliver(10, 7);
      story.deliver(200, 8, { deliveryCount: 2, failureCount: 1 });
    },
  ],
  'delivery counts that do not rise': [
    /counted as delivery 1/,
    () => {
      const story = new Story();
      story.deliver(10, 7);
      story.deliver(900, 8);
    },
  ],
  'failures that are not counted': [
    /of 1 deliveries 0 failed/,
    () => {
      const story = new Story();
      story.settle('nack', story.deliver(10, 7), 20);
      story.deliver(30, 8, { deliveryCount: 2 });
    },
  ],
  'out of order at one consumer': [
    /was delivered, while .* came first/,
    () => {
      const story = new Story();
      story.confirm(story.send('second'), 2);
      const second = story.deliver(10, 7, { id: 2, body: 'second' });
      story.oracle.deliveries.answered(9, [second]);
    },
  ],
  'half of a request': [
    /message other .* is missing from what was produced with it/,
    () => {
      const story = new Story();
      story.settle('ack', story.deliver(10, 7), 20);
      story.send('one', 'other');
      story.deliver(30, 8, { id: 2, body: 'one' });
      story.oracle.finish();
    },
  ],
  'stale while in force': [
    /STALE_RECEIPT, but the lease was in force/,
    () => {
      const story = new Story();
      story.settle('ack', story.deliver(10, 7), 20, 'STALE_RECEIPT');
    },
  ],
  'stale where it is gone': [
    /STALE_RECEIPT, but the message was gone/,
    () => {
      const story = new Story();
      const lease = story.deliver(10, 7);
      story.settle('ack', lease, 20);
      story.settle('ack', lease, 30, 'STALE_RECEIPT');
    },
  ],
  'gone while it is there': [
    /GONE, but nobody took it away/,
    () => {
      const story = new Story();
      story.settle('ack', story.deliver(10, 7), 20, 'GONE');
    },
  ],
  'late by its time to live': [
    /came when its time to live was over/,
    () => {
      const story = new Story();
      story.confirm(story.sendFor({ timeToLiveMs: 100 }, 'short'), 2);
      story.deliver(110, 7, { id: 2, body: 'short' });
    },
  ],
  'acknowledged past its time to live': [
    /was accepted, but its time to live was over/,
    () => {
      const story = new Story();
      story.confirm(story.sendFor({ timeToLiveMs: 100 }, 'short'), 2);
      story.settle('ack', story.deliver(50, 7, { id: 2, body: 'short' }), 110);
    },
  ],
  'gone before its time': [
    /GONE, but nobody took it away/,
    () => {
      const story = new Story();
      story.confirm(story.sendFor({ timeToLiveMs: 100 }, 'short'), 2);
      story.settle('ack', story.deliver(50, 7, { id: 2, body: 'short' }), 80, 'GONE');
    },
  ],
  'lost though its time to live is long': [
    /was confirmed and is lost/,
    () => {
      const story = new Story();
      story.settle('ack', story.deliver(10, 7), 20);
      story.confirm(story.sendFor({ timeToLiveMs: 90_000_000 }, 'long'), 2);
      story.oracle.finish();
    },
  ],
  'before the time that was named': [
    /came before its delay was over/,
    () => {
      const story = new Story();
      story.confirm(story.sendFor({ notBeforeMs: 100 }, 'then'), 2);
      story.deliver(90, 7, { id: 2, body: 'then' });
    },
  ],
  'a template that was forgotten': [
    /the templates are/,
    () => template(new Story(), 20).oracle.settings.templatesRead([]),
  ],
  'a queue that came into being without its template': [
    /q has .* not .*900/,
    () => {
      const story = template(new Story(), 20);
      change(story, { verb: 'queue.delete', queue: 'q' }, 30);
      story.oracle.settings.read(described(500), 40, 41);
    },
  ],
  'a template that changes a queue that is there': [
    /q has .* not .*500/,
    () => {
      const story = new Story();
      story.oracle.settings.read(described(500), 10, 11);
      template(story, 20).oracle.settings.read(described(900), 30, 31);
    },
  ],
  'an acknowledgement after the lease ran down': [
    /was accepted, but the lease had run down/,
    () => {
      const story = new Story();
      story.settle('ack', story.deliver(10, 7), 900);
    },
  ],
};

for (const [what, [told, tell]] of Object.entries(wrong)) {
  test(`it finds: ${what}`, () => {
    assert.throws(tell, (error: Error) => error instanceof Violation && told.test(error.message));
  });
}

test('a message may go at the end of its time to live, in flight or not', () => {
  const story = new Story();
  story.settle('ack', story.deliver(10, 7), 20);
  story.confirm(story.sendFor({ timeToLiveMs: 100 }, 'short'), 2);
  story.confirm(story.sendFor({ timeToLiveMs: 100 }, 'unseen'), 3);
  story.settle('ack', story.deliver(50, 8, { id: 2, body: 'short' }), 110, 'GONE');
  story.oracle.finish();
  const { timedOut, goneInTime } = story.oracle.counts;
  assert.equal([timedOut, goneInTime], [2, 1]);
});

test('a queue of which nobody knows whether it is there has its template, or what it had', () => {
  const { settings } = template(new Story(), 20).oracle;
  for (const visibilityMs of [500, 900]) settings.read(described(visibilityMs), 30, 31);
  const fresh = template(new Story(), 20);
  change(fresh, { verb: 'queue.delete', queue: 'q' }, 30);
  fresh.oracle.settings.read(described(900), 40, 41);
  assert.is(fresh.oracle.counts.inherited, 1);
});

test('a right history passes, and what is recovered without a confirmation is counted', () => {
  const story = new Story();
  story.settle('nack', story.deliver(10, 7), 20);
  const again = story.deliver(30, 8, { deliveryCount: 2, failureCount: 1 });
  story.settle('ack', again, 40);
  story.settle('ack', again, 50, 'GONE');
  story.oracle.finish();
  const unanswered = new Story(false);
  unanswered.settle('ack', unanswered.deliver(10, 7), 20);
  unanswered.oracle.finish();
  assert.is(unanswered.oracle.counts.recovered, 1);
});

test.run();
