#!/usr/bin/env node
/**
 * The command `wonderq`. Nothing is printed on standard output but what was asked for; failures go
 * to standard error with an exit code (`failure.ts`).
 */
import { CommanderError } from 'commander';
import { describeFailure, EXIT, exitCodeOf } from './failure.ts';
import { program } from './program.ts';

function fail(error: unknown): never {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
  console.error(`wonderq: ${describeFailure(error)}`);
  process.exit(exitCodeOf(error));
}

process.on('uncaughtException', fail);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever read our output has gone, as `head` does.
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  fail(error);
});

program().parseAsync().catch(fail);
