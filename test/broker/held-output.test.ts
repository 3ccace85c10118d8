/**
 * Held output: whatever the order of writing, holding and letting go, and however slow the other
 * side is, the bytes arrive whole, in order, and never before the log is there.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HeldOutput } from '../../src/broker/held-output.ts';
import { Queue } from '../../src/queue/queue.ts';

const test = suite('held output');

type Step =
  | { readonly kind: 'write'; readonly bytes: number; readonly isSequenced: boolean }
  | { readonly kind: 'hold'; readonly by: number }
  | { readonly kind: 'reach'; readonly by: number }
  | { readonly kind: 'rest' }
  | { readonly kind: 'read' };

const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(70_000), fc.constant(600_000));
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), bytes: size, isSequenced: fc.boolean() }),
  fc.record({ kind: fc.constant('hold' as const), by: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ kind: fc.constant('reach' as const), by: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ kind: fc.constantFrom('rest' as const, 'read' as const) }),
);

/** Runs the steps against a reader that takes bytes only when it is told to. */
class World {
  private readonly output = new HeldOutput();
  /** Runs of one byte, oldest first, and where the log must be for each. */
  private readonly expected: { byte: number; left: number; position: number }[] = [];
  private unsent: Buffer[] = [];
  private appended = 0;
  private reached = 0;
  private nextByte = 0;
  private sequenced = 0;
  private sequencedLeft = 0;

  do(step: Step): void {
    if (step.kind === 'write') this.write(step.bytes, step.isSequenced);
    else if (step.kind === 'hold') this.hold(step.by);
    else if (step.kind === 'reach') this.reach(Math.min(this.appended, this.reached + step.by));
    else if (step.kind === 'rest') this.output.rest();
    else this.read();
  }

  finish(): void {
    this.hold(1);
    this.reach(this.appended);
    this.read();
    assert.is(this.expected.length, 0);
    assert.is(this.output.bytes, 0);
    assert.is(this.sequencedLeft, this.sequenced);
  }

  private write(bytes: number, isSequenced: boolean): void {
    const byte = this.nextByte++ & 0xff;
    this.output.writer.copy(Buffer.alloc(bytes, byte), 0, bytes);
    if (isSequenced) {
      this.output.countSequenced();
      this.sequenced += 1;
    }
    this.expected.push({ byte, left: bytes, position: Number.POSITIVE_INFINITY });
  }

  private hold(by: number): void {
    this.appended += by;
    this.output.hold(this.appended);
    for (const run of this.expected) run.position = Math.min(run.position, this.appended);
  }

  private reach(reached: number): void {
    this.reached = reached;
    this.sequencedLeft += this.output.release(reached, (bytes) => this.unsent.push(bytes));
    this.output.settle(this.unsent.length === 0);
  }

  private read(): void {
    for (const bytes of this.unsent) {
      for (let at = 0; at < bytes.length; ) {
        const run = this.expected[0]!;
        const length = Math.min(run.left, bytes.length - at);
        assert.ok(run.position <= this.reached, 'too early');
        assert.ok(bytes.subarray(at, at + length).equals(Buffer.alloc(length, run.byte)));
        at += length;
        run.left -= length;
        if (run.left === 0) this.expected.shift();
      }
    }
    this.unsent = [];
    this.output.settle(true);
  }
}

test('bytes arrive whole, in order and not too early', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (steps) => {
      const world = new World();
      for (const one of steps) world.do(one);
      world.finish();
    }),
    { numRuns: 200 },
  );
});

test('nothing leaves before it is held, and one call sends once', () => {
  const output = new HeldOutput();
  const sent: string[] = [];
  const send = (bytes: Buffer) => {
    sent.push(bytes.toString());
  };
  const write = (text: string) => output.writer.copy(Buffer.from(text), 0, text.length);
  write('a');
  output.release(100, send);
  assert.equal(sent, []);
  output.hold(10);
  write('b');
  output.hold(20);
  write('c');
  output.hold(30);
  output.release(9, send);
  assert.equal(sent, []);
  output.release(20, send);
  assert.equal(sent, ['ab']);
  output.release(30, send);
  assert.equal(sent, ['ab', 'c']);
});

test('memory that was not needed for a while is given up, and not before', () => {
  const output = new HeldOutput();
  const body = Buffer.alloc(100_000);
  const { writer } = output;
  const tell = () => {
    writer.copy(body, 0, body.length);
    output.hold(10);
    output.release(10, () => {});
    output.settle(true);
  };
  tell();
  output.rest();
  assert.ok(writer.buffer.length >= body.length, 'it may be used again at once');
  writer.copy(body, 0, 10);
  output.isTouched = true;
  output.rest();
  assert.is(writer.at, 10, 'something is in it');
  tell();
  output.rest();
  output.rest();
  assert.ok(writer.buffer.length < body.length);
});

test('a delivery is known as held until its bytes have left', () => {
  const output = new HeldOutput();
  const deliver = (text: string) => {
    output.writer.copy(Buffer.from(text), 0, text.length);
    const ids = Float64Array.of(1);
    output.addDelivery({
      position: 0,
      queue: new Queue(text),
      session: undefined,
      ids,
      firstToken: 1,
    });
  };
  const held = () => output.deliveries.map(({ queue }) => queue.name);
  deliver('a');
  output.hold(10);
  deliver('b');
  deliver('c');
  output.hold(20);
  assert.equal(held(), ['a', 'b', 'c']);
  output.release(10, () => {});
  assert.equal(held(), ['b', 'c']);
  output.release(20, () => {});
  assert.equal(held(), []);
});

test.run();
