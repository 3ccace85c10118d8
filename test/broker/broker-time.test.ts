/**
 * Broker time: follows the monotonic clock, is drawn to the wall clock by 1 ms a second, never goes
 * back, and refuses a log from a day ahead. Rows E4 and E7 of docs/reliability.md.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BrokerTime, ClockError } from '../../src/broker/broker-time.ts';
import { processRuntime } from '../../src/broker/runtime.ts';

const test = suite('broker time (E7)');
const day = 24 * 3600 * 1000;

class Clocks {
  wall = 1_000_000_000;
  monotonic = 5;
  readonly runtime = {
    ...processRuntime,
    wallMs: () => this.wall,
    monotonicMs: () => this.monotonic,
  };

  begin(lastLoggedMs = 0): BrokerTime {
    return new BrokerTime(this.runtime, lastLoggedMs);
  }

  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }
}

test('it begins at the later of wall clock and log', () => {
  const clocks = new Clocks();
  assert.is(clocks.begin(0).now(), clocks.wall);
  assert.is(clocks.begin(clocks.wall + 5000).now(), clocks.wall + 5000);
});

test('a jump of the wall clock draws it by a thousandth of the time that passes', () => {
  for (const jumpMs of [3_600_000, -3_600_000]) {
    const clocks = new Clocks();
    const time = clocks.begin();
    const before = time.now();
    clocks.wall += jumpMs;
    assert.is(time.now(), before);
    assert.is(time.gapMs(), jumpMs);
    clocks.pass(10_000);
    assert.is(time.now(), before + 10_000 + Math.sign(jumpMs) * 10);
  }
});

test('a small gap is closed and stays closed', () => {
  const clocks = new Clocks();
  const time = clocks.begin(clocks.wall + 50);
  clocks.pass(49_000);
  time.now();
  assert.is(time.gapMs(), -1);
  for (let second = 0; second < 10; second += 1) {
    clocks.pass(1000);
    assert.ok(Math.abs(time.now() - clocks.wall) <= 1);
  }
  assert.is(time.gapMs(), 0);
});

test('it never goes back, whatever both clocks do', () => {
  const step = fc.record({
    wall: fc.integer({ min: -day, max: day }),
    ms: fc.double({ min: 0, max: 5000, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const clocks = new Clocks();
      const time = clocks.begin();
      let last = time.now();
      for (const { wall, ms } of steps) {
        clocks.wall += wall;
        clocks.pass(ms);
        const now = time.now();
        assert.ok(now >= last && now <= last + ms * 1.001 + 1);
        assert.ok(Number.isInteger(now));
        last = now;
      }
    }),
  );
});

test('a log from over a day ahead is refused, and both times are named', () => {
  const clocks = new Clocks();
  clocks.begin(clocks.wall + day);
  try {
    clocks.begin(clocks.wall + day + 1);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, ClockError);
    assert.match((error as Error).message, new Date(clocks.wall).toISOString());
    assert.match((error as Error).message, new Date(clocks.wall + day + 1).toISOString());
  }
});

test.run();
