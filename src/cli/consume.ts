/**
 * `wonderq consume`: runs a command for each message, with the body on its standard input. The
 * message is acknowledged when the command ends with 0, else given back as failed.
 */
import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import type { Client, Delivery, Settings } from '../client/client.ts';
import { WonderqError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { describeFailure, UsageError } from './failure.ts';
import { parseDelay, parsed, parseVisibility, parseWhole } from './parse.ts';

/** Where the queue has no back-off: a command that always fails must not run without a pause. */
const failedDelayMs = 1_000;

interface Flags extends BrokerFlags {
  readonly concurrency?: string;
  readonly visibility?: string;
  readonly runMax?: string;
  readonly delay?: string;
}

export function addConsume(program: Command): void {
  withBroker(program.command('consume'))
    .description('run a command for each message, its body on standard input')
    .argument('<queue>')
    .argument('<command>')
    .argument('[arguments...]', 'of the command; put -- before the command if they begin with -')
    .option('--concurrency <n>', 'commands at a time (default: 1)')
    .option('--visibility <ms>', 'how long a lease lasts; it is extended while the command runs')
    .option('--run-max <ms>', 'for how long it is extended at most; then the message comes again')
    .option(
      '--delay <ms>',
      'before a message whose command failed comes again (default: as the queue says, else 1000)',
    )
    .action(consume);
}

async function consume(
  queue: string,
  command: string,
  args: string[],
  flags: Flags,
): Promise<void> {
  const concurrency = parsed('--concurrency', parseWhole(1, 1_000), flags.concurrency) ?? 1;
  const visibilityMs = parsed('--visibility', parseVisibility, flags.visibility);
  const runMsMax = parsed('--run-max', parseWhole(1, limits.timerMsMax), flags.runMax);
  const given = parsed('--delay', parseDelay, flags.delay);
  const how = { name: 'wonderq consume', session: true, reconnect: true };
  await withClient(flags, how, async (client) => {
    let unusable: UsageError | undefined;
    const run = async (delivery: Delivery) => {
      try {
        await runCommand(command, args, delivery);
      } catch (error) {
        // What cannot be started for this message cannot be for any other.
        if (error instanceof UsageError) unusable = error;
        if (unusable !== undefined) stop();
        throw error;
      }
    };
    const onError = (error: unknown) => console.error(describeFailure(error));
    const delayMs = given ?? ((await backsOff(client, queue)) ? undefined : failedDelayMs);
    const options = { concurrency, visibilityMs, runMsMax, delayMs, onError };
    const consumer = client.consume(queue, run, options);
    const stop = () => void consumer.stop();
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    const reason = (await consumer.ended) ?? unusable;
    if (reason !== undefined) throw reason;
  });
}

/** A queue that is made later has no back-off then. */
async function backsOff(client: Client, queue: string): Promise<boolean> {
  try {
    const { settings } = await client.getQueue(queue);
    return (settings as Settings).backoffMs !== null;
  } catch (error) {
    if (error instanceof WonderqError && error.code === 'QUEUE_NOT_FOUND') return false;
    throw error;
  }
}

/** Resolves when the command ended with 0. */
function runCommand(command: string, args: string[], delivery: Delivery): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'inherit', 'inherit'],
      env: {
        ...process.env,
        WONDERQ_QUEUE: delivery.queue,
        WONDERQ_MESSAGE_ID: String(delivery.id),
        WONDERQ_RECEIPT: delivery.receipt,
        WONDERQ_DELIVERY_COUNT: String(delivery.deliveryCount),
      },
    });
    child.once('error', (error) => reject(new UsageError(`cannot run it: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`message ${delivery.id}: ${command} ended with ${signal ?? code}`));
    });
    // A command need not read its input; what counts is how it ends.
    child.stdin.on('error', () => {});
    child.stdin.end(delivery.body);
  });
}
