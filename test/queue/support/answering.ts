/**
 * Answers that sessions remember: random ones, given in one part or several over some time, and what
 * must be remembered of them, kept as plain lists of parts.
 */
import * as assert from 'uvu/assert';
import type { AnswerPart } from '../../../src/queue/answers.ts';
import type { State } from '../../../src/queue/state.ts';
import type { Random } from '../../support/random.ts';
import type { Comparison } from './comparison.ts';

const windowMax = 1_024;
const operations = [10, 11, 12, 13, 14, 15];

/** By session, then by sequence number. */
type Given = Map<number, Map<number, AnswerPart[]>>;
const givenIn = new WeakMap<Comparison, Given>();

/** Answers some requests of a session: new ones, and further parts of older ones. */
export function answerSome(comparison: Comparison, random: Random): void {
  const { state } = comparison.rig;
  const sessions = [...state.sessions.all()];
  if (sessions.length === 0) return;
  const session = random.pick(sessions);
  const given = givenBy(comparison, session.number);
  const count = random.chance(0.05) ? random.integer(100, 1_200) : random.integer(1, 8);
  for (let number = 0; number < count; number += 1) {
    // One that is out of the window is refused before it comes here.
    const open = [...given]
      .slice(-8)
      .filter(([of, parts]) => !parts.at(-1)!.complete && session.answers.isInWindow(of));
    const again = open.length > 0 && random.chance(0.5) ? random.pick(open)[0] : undefined;
    const sequence = again ?? nextSequence(session.answers.highest, random);
    const part = aPart(sequence, given.get(sequence)?.[0]?.operation, random);
    session.answers.add(part, comparison.rig.recorder.answered(session, part));
    given.set(sequence, [...(given.get(sequence) ?? []), part]);
  }
}

/** All answers of the last 1,024 sequence numbers are remembered, whole; others need not be. */
export function compareAnswers(comparison: Comparison, state: State): void {
  // Numbers of sessions that are forgotten may come again.
  const known = givenIn.get(comparison) ?? new Map();
  for (const number of known.keys()) {
    if (state.sessions.withNumber(number) === undefined) known.delete(number);
  }
  for (const { number, answers } of state.sessions.all()) {
    const all = givenBy(comparison, number);
    const highest = Math.max(0, ...all.keys());
    assert.is(answers.highest, highest);
    for (const [sequence, parts] of all) {
      if (sequence <= highest - windowMax) continue;
      const found = answers.find(sequence);
      assert.ok(found !== undefined, `the answer to ${sequence} is forgotten`);
      const { operation, complete, count, value, runs, refused } = found;
      assert.equal({ operation, complete, count, value, runs, refused }, expected(parts));
    }
  }
}

function nextSequence(highest: number, random: Random): number {
  if (random.chance(0.001)) return highest + random.integer(500, 3_000);
  return highest + (random.chance(0.1) ? random.integer(1, 5) : 1);
}

function aPart(sequence: number, known: number | undefined, random: Random): AnswerPart {
  const operation = known ?? random.pick(operations);
  const count = random.integer(1, 10);
  const refused = Array.from({ length: count }, (_, index) => ({
    index,
    code: random.pick(['GONE', 'STALE_RECEIPT'] as const),
  })).filter(() => random.chance(0.1));
  return {
    sequence,
    operation,
    complete: random.chance(0.6),
    count,
    value: random.integer(0, 2 ** 31),
    refused: refused.length === 0 ? undefined : refused,
  };
}

function expected(parts: readonly AnswerPart[]) {
  const refused = [];
  const runs = [];
  let count = 0;
  for (const part of parts) {
    for (const { index, code } of part.refused ?? []) refused.push({ index: count + index, code });
    runs.push(part.value, part.count);
    count += part.count;
  }
  const last = parts[parts.length - 1]!;
  return {
    operation: last.operation,
    complete: last.complete,
    count,
    value: parts[0]!.value,
    runs: parts.length === 1 ? undefined : runs,
    refused: refused.length === 0 ? undefined : refused,
  };
}

function givenBy(comparison: Comparison, session: number): Map<number, AnswerPart[]> {
  const given: Given = givenIn.get(comparison) ?? new Map();
  givenIn.set(comparison, given);
  const found = given.get(session) ?? new Map<number, AnswerPart[]>();
  given.set(session, found);
  return found;
}
