/**
 * `wonderq receive`: prints messages as they come. Their leases are detached, so that another
 * process can acknowledge them; with `--ack` they are acknowledged once their lines are written.
 */
import type { Command } from 'commander';
import type { Client, Delivery } from '../client/client.ts';
import { limits } from '../limits.ts';
import { type BrokerFlags, withBroker, withClient } from './environment.ts';
import { EXIT } from './failure.ts';
import { parseCount, parsed, parseVisibility, parseWait } from './parse.ts';
import { describeDelivery, jsonLine, plainBody, writeLine } from './text.ts';

/** Messages asked for at a time. */
const batchMax = 100;
/** One wait of the broker, before it is asked again. */
const oneWaitMsMax = 20_000;

interface Flags extends BrokerFlags {
  readonly max?: string;
  readonly wait?: string;
  readonly visibility?: string;
  readonly ack?: boolean;
  readonly json?: boolean;
}

export function addReceive(program: Command): void {
  withBroker(program.command('receive'))
    .description('take messages and print them: ID, receipt, body')
    .argument('<queue>')
    .option('--max <n>', 'how many at most (default: 1)')
    .option('--wait <ms>', 'end after so long without a message (default: 0)')
    .option('--visibility <ms>', 'how long they may be held (default: as the queue says)')
    .option(
      '--ack',
      'acknowledge them once their lines are written; ends with 1 if any was refused',
    )
    .option('--json', 'an object a line')
    .action(receive);
}

async function receive(queue: string, flags: Flags): Promise<void> {
  const most = parsed('--max', parseCount, flags.max) ?? 1;
  const waitMs = parsed('--wait', parseWait, flags.wait) ?? 0;
  const visibilityMs = parsed('--visibility', parseVisibility, flags.visibility);
  await withClient(flags, { name: 'wonderq receive', session: false }, async (client) => {
    let left = most;
    while (left > 0) {
      const deliveries = await next(client, queue, Math.min(left, batchMax), waitMs, visibilityMs);
      if (deliveries.length === 0) return;
      for (const delivery of deliveries) await print(delivery, flags.json ?? false);
      if (flags.ack) await acknowledge(client, deliveries);
      left -= deliveries.length;
    }
  });
}

/** The next messages, or none after `waitMs`. */
async function next(
  client: Client,
  queue: string,
  max: number,
  waitMs: number,
  visibilityMs: number | undefined,
): Promise<readonly Delivery[]> {
  let leftMs = waitMs;
  for (;;) {
    const oneMs = Math.min(leftMs, oneWaitMsMax, limits.waitMsMax);
    const options = { max, waitMs: oneMs, visibilityMs, detached: true };
    const deliveries = await client.receive(queue, options);
    leftMs -= oneMs;
    if (deliveries.length > 0 || leftMs <= 0) return deliveries;
  }
}

async function acknowledge(client: Client, deliveries: readonly Delivery[]): Promise<void> {
  const outcomes = await client.ack(deliveries);
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome === 'ok') continue;
    console.error(`wonderq: ${deliveries[index]!.receipt}: ${outcome}`);
    process.exitCode = EXIT.no;
  }
}

function print(delivery: Delivery, asJson: boolean): Promise<void> {
  if (asJson) return writeLine(jsonLine(describeDelivery(delivery)));
  return writeLine([delivery.id, delivery.receipt, plainBody(delivery.body)].join('\t'));
}
