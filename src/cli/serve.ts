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
  const logger = makeLogger(logLevel);
  if (process.getuid?.() === 0) logger.warn('the broker runs as root, which it does not need');
  const broker = await startBroker({ ...options, logger });
  stopOnSignal(() => broker.stop());
  await writeLine(`listening on ${broker.url}`);
  const end = await broker.stopped;
  process.exitCode = exitCodeOfEnd(end);
  if (end.how !== 'stopped') logger.error({ how: end.how }, describeFailure(end.error));
}

/** A line each, with the level by name and the time as people read it. */
function makeLogger(level: string) {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (name: string) => ({ level: name }) },
    serializers: { error: pino.stdSerializers.err },
  };
  return pino(options, pino.destination({ fd: 2, sync: true }));
}

function exitCodeOfEnd(end: BrokerEnd): number {
  if (end.how === 'stopped') return EXIT.ok;
  return end.how === 'fenced' ? EXIT.locked : exitCodeOf(end.error);
}

/** A signal may come twice: `npm start` passes on the Ctrl-C that the terminal sent already. */
function stopOnSignal(stop: () => Promise<unknown>): void {
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
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
