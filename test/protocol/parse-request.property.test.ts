// Properties of the request parser: it agrees with msgpackr about everything it accepts, in every
// encoding, and no bytes whatever get anything out of it but a WonderqError.

import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Request } from '../../src/protocol/request.ts';
import { printedSeed, seededRandom } from '../support/random.ts';
import { choose, requestValues, withoutTrailingNils } from './support/arbitraries.ts';
import { parse, refusal, refusalOrNone } from './support/frames.ts';
import { requestRead, requestUnpacked } from './support/reading.ts';
import { encode, longest } from './support/wide.ts';

const seed = printedSeed('parse-request');

test('a request in any encoding says what msgpackr reads in it', () => {
  const reached = new Map<number, number>();
  fc.assert(
    fc.property(requestValues, choose, (values, picks) => {
      const frame = encode(values, picks);
      const { request, buffer } = parse(frame);
      assert.equal(requestRead(request, buffer), requestUnpacked(frame));
      reached.set(request.operation, (reached.get(request.operation) ?? 0) + 1);
    }),
    { seed, numRuns: 1_500 },
  );
  assert.is(reached.size, 16, `only ${[...reached.keys()]} came up`);
});

test('trailing elements that are nil may be left out', () => {
  fc.assert(
    fc.property(requestValues, choose, (values, picks) => {
      const whole = parse(encode(values));
      const expected = requestRead(whole.request, whole.buffer);
      const short = parse(encode(withoutTrailingNils(values), picks));
      assert.equal(requestRead(short.request, short.buffer), expected);
    }),
    { seed, numRuns: 500 },
  );
});

test('a request object that was used before parses as a new one does', () => {
  const used = new Request();
  fc.assert(
    fc.property(fc.array(requestValues, { minLength: 2, maxLength: 4 }), (sequence) => {
      for (const values of sequence) parse(encode(values), used);
      const fresh = parse(encode(sequence.at(-1)), new Request()).request;
      const columns = { messages: undefined, receipts: undefined, groups: undefined };
      assert.equal({ ...used, ...columns }, { ...fresh, ...columns });
    }),
    { seed, numRuns: 500 },
  );
});

test('a frame that is cut anywhere, or goes on, is BAD_FRAME', () => {
  fc.assert(
    fc.property(requestValues, choose, fc.nat(), (values, picks, place) => {
      const frame = encode(values, picks);
      const cut = frame.subarray(0, place % frame.length);
      assert.is(refusal(() => parse(cut)).code, 'BAD_FRAME');
      const longer = Buffer.concat([frame, Buffer.of(place % 256)]);
      assert.is(refusal(() => parse(longer)).code, 'BAD_FRAME');
    }),
    { seed, numRuns: 1_000 },
  );
});

test('random bytes are refused or understood', () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 100_000; round += 1) {
    const frame = random.bytes(random.integer(1, 24));
    // Most random bytes are no array; these begin as a request does.
    if (random.chance(0.9)) frame[0] = 0x90 | random.integer(0, 10);
    if (random.chance(0.5) && frame.length > 1) frame[1] = random.integer(0, 21);
    judge(frame);
  }
});

const counts = { accepted: 0, refused: 0 };

/** Refused, or accepted with the meaning that msgpackr finds. */
function judge(frame: Buffer): void {
  const error = refusalOrNone(() => parse(frame));
  if (error !== undefined) {
    counts.refused += 1;
    return;
  }
  counts.accepted += 1;
  const { request, buffer } = parse(frame);
  assert.equal(requestRead(request, buffer), requestUnpacked(frame));
}

test('valid frames with a few bytes changed are refused or understood', () => {
  const random = seededRandom(seed + 1);
  const samples = fc.sample(requestValues, { seed, numRuns: 400 });
  const frames = samples.flatMap((values) => [encode(values), encode(values, longest)]);
  const until = performance.now() + 3_000;
  let rounds = 0;
  while (performance.now() < until || rounds < 5_000) {
    const frame = Buffer.from(random.pick(frames));
    for (let changes = random.integer(1, 3); changes > 0; changes -= 1) {
      // Structure lies at the front; bodies and texts, where a change means little, further back.
      const reach = random.chance(0.7) ? Math.min(frame.length, 40) : frame.length;
      frame[random.integer(0, reach - 1)] = random.integer(0, 255);
    }
    judge(frame);
    rounds += 1;
  }
  console.log(JSON.stringify({ test: 'protocol: changed frames', seed, rounds, ...counts }));
  assert.ok(counts.accepted > 100 && counts.refused > 100);
});

test.run();
