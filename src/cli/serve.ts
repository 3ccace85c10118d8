/**
 * `wonderq serve`: the broker in the foreground, until a signal or a failure ends it.
 */
import type { Command } from 'commander';
import { pino } from 'pino';
import type { BrokerEnd } from '../broker/broker.ts';
import { defaultSettings } from '../broker/settings.ts';
import type { OptionSpec } from '../config.ts';
import { LogDamagedError } from '../errors.ts';
import { limits } from '../limits.ts';
import { defaultHost, defaultPort, startBroker } from '../server/start-broker.ts';
import { resolve } from './environment.ts';
import { describeFailure, EXIT } from './failure.ts';
import { parseDurability, parsePort, parseSwitch, parseVisibility, parseWhole } from './parse.ts';
import { jsonLine, table, writeLine } from './text.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];
const MIB = 1024 * 1024;

const text = (value: string): string => value;

function parseLevel(value: string): string {
  if (LEVELS.includes(value)) return value;
  throw new Error(`must be one of ${LEVELS.join(', ')}`);
}

function spec<T>(variables: string[], fallback: T, parse: (value: string) => T): OptionSpec<T> {
  return { variables, fallback, parse };
}

const OPTIONS = {
  host: spec(['WONDERQ_HOST'], defaultHost, text),
  port: spec(['WONDERQ_PORT'], defaultPort, parsePort),
  dataDir: spec(['WONDERQ_DATA_DIR'], 'data', text),
  visibilityMs: spec(
    ['WONDERQ_VISIBILITY_MS', 'CONSUMABLE_TIME'],
    defaultSettings.visibilityMs,
    parseVisibility,
  ),
  durability: spec(['WONDERQ_DURABILITY'], defaultSettings.durability, parseDurability),
  releaseAfterMs: spec(
    ['WONDERQ_RELEASE_AFTER_MS'],
    defaultSettings.releaseAfterMs,
    parseWhole(0, limits.releaseAfterMsMax),
  ),
  createQueues: spec(['WONDERQ_CREATE_QUEUES'], defaultSettings.createQueues, parseSwitch),
  segmentBytes: spec(
    ['WONDERQ_SEGMENT_BYTES'],
    limits.segmentBytes as number,
    parseWhole(16 * MIB, 1024 * MIB),
  ),
  logLevel: spec(['WONDERQ_LOG_LEVEL'], 'info', parseLevel),
};

type Flags = { readonly [name in keyof typeof OPTIONS]?: string } & {
  readonly printConfig?: boolean;
  readonly json?: boolean;
};

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('run the broker')
    .option('--host <address>', 'where to listen (default: 127.0.0.1)')
    .option('--port <port>', 'where to listen; 0: any free port (default: 7070)')
    .option('--data-dir <directory>', 'where the log is kept (default: ./data)')
    .option('--visibility-ms <ms>', 'to ack a message in; also CONSUMABLE_TIME (default: 30000)')
    .option('--durability <level>', 'what a confirmation means: fsync (default) or write')
    .option('--release-after-ms <ms>', 'grace of a session without connection (default: 5000)')
    .option('--create-queues <bool>', 'whether the first produce makes a queue (default: true)')
    .option('--segment-bytes <bytes>', 'about how long a file of the log is (default: 64 MiB)')
    .option('--log-level <level>', `what is logged to standard error: ${LEVELS.join(', ')}`)
    .option('--print-config', 'show every value and where it comes from, and end')
    .option('--json', 'with --print-config: as JSON')
    .action(serve);
}

function settingsOf(flags: Flags) {
  const { host, port, dataDir } = OPTIONS;
  return {
    host: resolve('host', host, flags.host),
    port: resolve('port', port, flags.port),
    dataDir: resolve('data-dir', dataDir, flags.dataDir),
    visibilityMs: resolve('visibility-ms', OPTIONS.visibilityMs, flags.visibilityMs),
    durability: resolve('durability', OPTIONS.durability, flags.durability),
    releaseAfterMs: resolve('release-after-ms', OPTIONS.releaseAfterMs, flags.releaseAfterMs),
    createQueues: resolve('create-queues', OPTIONS.createQueues, flags.createQueues),
    segmentBytes: resolve('segment-bytes', OPTIONS.segmentBytes, flags.segmentBytes),
    logLevel: resolve('log-level', OPTIONS.logLevel, flags.logLevel),
  };
}

async function serve(flags: Flags): Promise<void> {
  const settings = settingsOf(flags);
  if (flags.printConfig) {
    await printConfig(settings, flags.json ?? false);
    return;
  }
  const values = Object.fromEntries(
    Object.entries(settings).map(([name, { value }]) => [name, value]),
  );
  const logger = pino({ level: settings.logLevel.value }, pino.destination({ fd: 2, sync: true }));
  if (process.getuid?.() === 0) logger.warn('the broker runs as root, which it does not need');
  const broker = await startBroker({
    ...values,
    dataDir: settings.dataDir.value,
    logger,
  });
  stopOnSignal(() => broker.stop());
  await writeLine(`listening on ${broker.url}`);
  const end = await broker.stopped;
  process.exitCode = exitCodeOfEnd(end);
  if (end.how !== 'stopped') logger.error({ how: end.how }, describeFailure(end.error));
}

function exitCodeOfEnd(end: BrokerEnd): number {
  if (end.how === 'stopped') return EXIT.ok;
  if (end.how === 'fenced') return EXIT.locked;
  return end.error instanceof LogDamagedError ? EXIT.damaged : EXIT.inputOutput;
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

async function printConfig(
  settings: ReturnType<typeof settingsOf>,
  asJson: boolean,
): Promise<void> {
  if (asJson) {
    await writeLine(jsonLine(settings));
    return;
  }
  const rows = Object.entries(settings).map(([name, { value, source }]) => [
    name,
    String(value),
    source,
  ]);
  await writeLine(table(rows));
}
