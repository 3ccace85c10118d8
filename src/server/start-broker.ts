/**
 * A whole broker inside this process: directory, lock, log, rules, listening socket. It never ends
 * its host: `stopped` tells when it is over and why. The command line is a host like any other.
 */
import path from 'node:path';
import { Broker, type BrokerEnd } from '../broker/broker.ts';
import { processRuntime } from '../broker/runtime.ts';
import { type BrokerSettings, defaultSettings } from '../broker/settings.ts';
import { Disk } from '../log/disk.ts';
import { FileLog } from '../log/file-log.ts';
import type { OpenReport } from '../log/log.ts';
import { Listener } from './listener.ts';
import { type Logger, silentLogger } from './logger.ts';

export interface StartOptions extends Partial<BrokerSettings> {
  /** Where the log lives; made if need be. */
  readonly dataDir: string;
  readonly host?: string;
  /** 0: any free one. */
  readonly port?: number;
  /** About how long a file of the log is. */
  readonly segmentBytes?: number;
  readonly logger?: Logger;
}

export interface RunningBroker {
  /** For `connect`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** What the start found in the log. */
  readonly report: OpenReport;
  /** Resolves when the broker is over, however it ended; never rejects. */
  readonly stopped: Promise<BrokerEnd>;
  /** Makes durable and tells what was executed, then ends. Leases stay as they are. */
  stop(): Promise<BrokerEnd>;
}

export const defaultHost = '127.0.0.1';
export const defaultPort = 7070;
/** The log's own directory, made with mode 0700, whatever the mode of the one around it. */
const logDirectory = 'log';

/**
 * Resolves when connections are accepted. Rejects with `LogDamagedError`, `DirectoryLockedError`,
 * `ClockError`, or what the system reports; then nothing is left open.
 */
export async function startBroker(options: StartOptions): Promise<RunningBroker> {
  const { dataDir, host = defaultHost, port = defaultPort, segmentBytes, ...rest } = options;
  const { logger = silentLogger, ...given } = rest;
  const settings = { ...defaultSettings, ...withoutUndefined(given) };
  const sizes = segmentBytes === undefined ? {} : { segmentBytes };
  const log = new FileLog(new Disk(path.join(dataDir, logDirectory)), sizes);
  const broker = new Broker(log, processRuntime, { settings, ...sizes });
  const report = await broker.start();
  tellReport(logger, report);
  const listener = new Listener(broker, logger);
  const boundPort = await listener.listen(host, port);
  const stopped = broker.ended.then(async (end) => {
    await listener.close();
    return end;
  });
  return {
    url: `wonderq://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    host,
    port: boundPort,
    report,
    stopped,
    stop: async () => {
      listener.stopAccepting();
      await broker.stop();
      return stopped;
    },
  };
}

function tellReport(logger: Logger, report: OpenReport): void {
  const { bytesCut, cutFile } = report;
  logger.info({ report }, 'the log is read');
  if (bytesCut === 0) return;
  logger.warn({ bytesCut, cutFile }, 'a torn tail was cut; its bytes are kept in quarantine');
}

function withoutUndefined<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
