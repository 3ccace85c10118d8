/**
 * How a command ends when it cannot do what was asked: one line on standard error and an exit code
 * that scripts can rely on.
 */
import { ClockError } from '../broker/broker-time.ts';
import {
  DirectoryLockedError,
  LogDamagedError,
  SettingsError,
  UnsteadyFileError,
  WonderqError,
} from '../errors.ts';
import { NoSpaceError } from '../log/files.ts';

export const EXIT = {
  ok: 0,
  no: 1,
  usage: 64,
  damaged: 65,
  unreachable: 69,
  defect: 70,
  inputOutput: 74,
  locked: 75,
} as const;

/** The command was called in a way that it does not understand. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A program that the command started ended by itself; the command ends with the same code. */
export class EndedError extends Error {
  override readonly name = 'EndedError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

const USAGE_CODES: ReadonlySet<string> = new Set(['BAD_REQUEST', 'BAD_NAME', 'BODY_TOO_LARGE']);
const UNREACHABLE_CODES: ReadonlySet<string> = new Set(['CONNECT_FAILED', 'CONNECTION_CLOSED']);

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof SettingsError) return EXIT.usage;
  if (error instanceof LogDamagedError || error instanceof ClockError) return EXIT.damaged;
  if (error instanceof DirectoryLockedError) return EXIT.locked;
  if (error instanceof EndedError) return error.exitCode;
  if (error instanceof WonderqError) {
    if (USAGE_CODES.has(error.code)) return EXIT.usage;
    return UNREACHABLE_CODES.has(error.code) ? EXIT.unreachable : EXIT.no;
  }
  // What the system reports has the name of the call that failed; anything else is a defect.
  if (error instanceof NoSpaceError || error instanceof UnsteadyFileError) return EXIT.inputOutput;
  return error instanceof Error && 'syscall' in error ? EXIT.inputOutput : EXIT.defect;
}

/** One line, or the whole stack of what nobody expected. */
export function describeFailure(error: unknown): string {
  if (error instanceof WonderqError) return `${error.code}: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  return exitCodeOf(error) === EXIT.defect ? (error.stack ?? error.message) : error.message;
}
