// Replay: at random points the recorded facts, also after compaction dropped the oldest of them, make
// the same state again, and the model goes on with it as after a start of the broker.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Deduplication } from '../../src/queue/deduplication.ts';
import { printedSeed, type Random, seededRandom } from '../support/random.ts';
import { answerSome, compareAnswers } from './support/answering.ts';
import { randomCommand } from './support/commands.ts';
import { Compaction } from './support/compaction.ts';
import { Comparison } from './support/comparison.ts';
import { viewOf } from './support/replayed.ts';
import { sortedByPosition } from './support/rig.ts';

const rounds = 8;
const steps = 1_200;

class Walk {
  readonly comparison = new Comparison();
  readonly reached = { replays: 0, restarts: 0, compactions: 0, copies: 0, restored: 0 };
  private compaction: Compaction | undefined;
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  step(): void {
    const { comparison, random } = this;
    if (random.chance(0.1)) answerSome(comparison, random);
    else randomCommand(comparison, random);
    if (random.chance(0.08)) this.compact();
    if (random.chance(0.02)) this.checkReplay();
    if (random.chance(0.004)) this.restart();
  }

  checkReplay(): void {
    const { comparison } = this;
    const { rig } = comparison;
    comparison.expireAll();
    const { state, recorder } = rig.replayed();
    assert.equal(viewOf(state), viewOf(rig.state));
    for (const { name, deduplication } of rig.state.queuesByNumber.values()) {
      const read = state.required(name).deduplication;
      assert.equal(knownAt(read, rig.nowMs), knownAt(deduplication, rig.nowMs));
    }
    assert.equal(sortedByPosition(recorder.live), sortedByPosition(rig.recorder.live));
    assert.equal(recorder.facts, [], 'replay decides nothing');
    for (const { messages } of viewOf(state).queues) {
      for (const { id, token } of messages) {
        assert.ok(id < state.nextId && token < rig.state.nextToken);
      }
    }
    compareAnswers(comparison, state);
    this.reached.replays += 1;
  }

  private restart(): void {
    this.comparison.expireAll();
    this.comparison.restart();
    compareAnswers(this.comparison, this.comparison.rig.state);
    this.compaction = undefined;
    this.reached.restarts += 1;
  }

  /** Goes a piece further; other commands come in between. */
  private compact(): void {
    const { comparison, random, reached } = this;
    const { state, recorder } = comparison.rig;
    if (recorder.facts.length === 0) return;
    if (this.compaction === undefined) {
      const boundary = random.pick(recorder.facts).position;
      this.compaction = new Compaction(state, recorder, boundary, random.pick([1, 8, 64]));
    }
    if (this.compaction.step(random.pick([1, 100, 100_000]))) return;
    comparison.expireAll();
    this.compaction.finish(comparison.rig.nowMs);
    reached.compactions += 1;
    reached.copies += this.compaction.copiedCount;
    reached.restored = Math.max(reached.restored, recorder.of('restored').length);
    this.compaction = undefined;
    this.checkReplay();
  }
}

function knownAt(deduplication: Deduplication | undefined, nowMs: number) {
  const { keys = [], ids = [], untilMs = [] } = deduplication?.entries(nowMs) ?? {};
  return keys.map((key, at) => `${key}: ${ids[at]} until ${untilMs[at]}`).sort();
}

test('the facts make the same state again', () => {
  const seed = printedSeed('replay');
  const sums: Record<string, number> = {};
  for (let round = 0; round < rounds; round += 1) {
    const walk = new Walk(seededRandom(seed + round * 2 ** 32));
    let step = 0;
    try {
      for (; step < steps; step += 1) {
        walk.step();
        if (step % 50 === 0) walk.comparison.compare();
      }
      walk.checkReplay();
    } catch (error) {
      console.log(`round ${round}, step ${step}`);
      throw error;
    }
    for (const [path, count] of Object.entries(walk.reached)) {
      sums[path] = (sums[path] ?? 0) + count;
    }
  }
  console.log(JSON.stringify({ test: 'replay', rounds, steps, ...sums }));
  for (const [path, count] of Object.entries(sums)) assert.ok(count > 0, `no ${path}`);
});

test.run();
