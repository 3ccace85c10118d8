/**
 * What each failure is worth to a script: its exit code, and one line or the whole stack.
 */
import nodeAssert from 'node:assert';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClockError } from '../../src/broker/broker-time.ts';
import { describeFailure, exitCodeOf, UsageError } from '../../src/cli/failure.ts';
import {
  DirectoryLockedError,
  LogDamagedError,
  UnsteadyFileError,
  WonderqError,
} from '../../src/errors.ts';
import { NoSpaceError } from '../../src/log/files.ts';

const test = suite('exit codes');

const system = Object.assign(new Error('EIO: i/o error, fdatasync'), { syscall: 'fdatasync' });
const assertion = new nodeAssert.AssertionError({ message: 'a log is opened once' });

const table: [unknown, number][] = [
  [new WonderqError('STALE_RECEIPT'), 1],
  [new UsageError('--max must be a number'), 64],
  [new WonderqError('BAD_NAME'), 64],
  [new LogDamagedError('0000000001.wq', 64, 'batch 1 is damaged'), 65],
  [new ClockError('the clock is behind the log'), 65],
  [new WonderqError('CONNECT_FAILED'), 69],
  [assertion, 70],
  [new TypeError('undefined is not a function'), 70],
  ['no error at all', 70],
  [system, 74],
  [new NoSpaceError('the disk is full'), 74],
  [new UnsteadyFileError('0000000001.wq', 64), 74],
  [new DirectoryLockedError('in use by process 1'), 75],
];

for (const [error, code] of table) {
  test(`${error instanceof Error ? `${error.name}: ${error.message}` : error} is ${code}`, () =>
    assert.is(exitCodeOf(error), code));
}

test('a defect is told with its stack, what was foreseen in one line', () => {
  assert.match(describeFailure(assertion), /^ *at .*failure\.test\.ts/m);
  assert.is(describeFailure(system), system.message);
  assert.is(describeFailure(new WonderqError('BAD_NAME', 'no')), 'BAD_NAME: no');
});

test.run();
