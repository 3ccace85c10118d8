/**
 * `wonderq serve`: the broker in the foreground, until a signal or a failure ends it.
 */
import type { Command } from 'commander';
import { pino } from 'pino';
import type { BrokerEnd } from '../broker/broker.ts';
import { startBroker } from '../server/start-broker.ts';
import { describeFailure, EXIT, exitCodeOf } from './failure.ts';
import {
  type ResolvedServeOptions,
  resolveServeOptions,
  type ServeFlags,
  valuesOf,
  withServeOptions,
} from './serve-options.ts';
import { jsonLine, table, writeLine } from './text.ts';

interface Flags extends ServeFlags {
  readonly printConfig?: boolean;
  readonly json?: boolean;
}

export function addServe(program: Command): void {
  withServeOptions(program.command('serve').description('run the broker'))
    .option('--print-config', 'show every value and where it comes from, and end')
    .option('--json', 'with --print-config: as JSON')
    .action(serve);
}

async function serve(flags: Flags): Promise<void> {
  const resolved = resolveServeOptions(flags);
  if (flags.printConfig) {
    await printConfig(resolved, flags.json ?? false);
    return;
  }
  const { logLevel, ...options } = valuesOf(resolved);
  const serializers = { error: pino.stdSerializers.err };
  const logger = pino({ level: logLevel, serializers }, pino.destination({ fd: 2, sync: true }));
  if (process.getuid?.() === 0) logger.warn('the broker runs as root, which it does not need');
  const broker = await startBroker({ ...options, logger });
  stopOnSignal(() => broker.stop());
  await writeLine(`listening on ${broker.url}`);
  const end = await broker.stopped;
  process.exitCode = exitCodeOfEnd(end);
  if (end.how !== 'stopped') logger.error({ how: end.how }, describeFailure(end.error));
}

function exitCodeOfEnd(end: BrokerEnd): number {
  if (end.how === 'stopped') return EXIT.ok;
  return end.how === 'fenced' ? EXIT.locked : exitCodeOf(end.error);
}

/**
 * The first signal stops in good order, the second one at once: what was confirmed is safe anyway.
 */
function stopOnSignal(stop: () => Promise<unknown>): void {
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals > 1) process.exit(EXIT.no);
    void stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

async function printConfig(resolved: ResolvedServeOptions, asJson: boolean): Promise<void> {
  if (asJson) {
    await writeLine(jsonLine(resolved));
    return;
  }
  const rows = Object.entries(resolved).map(([name, { value, source }]) => [
    name,
    String(value),
    source,
  ]);
  await writeLine(table(rows));
}
