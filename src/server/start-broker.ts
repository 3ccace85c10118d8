/**
 * A whole broker inside this process: directory, lock, log, rules, listening socket. It never ends
 * its host: `stopped` tells when it is over and why. The command line is a host like any other.
 */
import { Broker, type BrokerEnd } from '../broker/broker.ts';
import type { RotFound } from '../broker/rot.ts';
import { processRuntime } from '../broker/runtime.ts';
import { type BrokerSettings, checkSettings, defaultSettings } from '../broker/settings.ts';
import type { StartReport } from '../broker/start-report.ts';
import { DirectoryLock } from '../log/directory-lock.ts';
import type { Disk } from '../log/disk.ts';
import { FileLog, type FileLogOptions } from '../log/file-log.ts';
import { giveUpHalf } from '../log/reserve.ts';
import {
  isReadableByOthers,
  logDirectoryOf,
  openDirectory,
  refuseIfUnfinished,
  refuseIfWritableByOthers,
} from './data-directory.ts';
import { doubtAbout } from './file-system.ts';
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
  readonly report: StartReport;
  /** Resolves when the broker is over, however it ended; never rejects. */
  readonly stopped: Promise<BrokerEnd>;
  /** Makes durable and tells what was executed, then ends. Leases stay as they are. */
  stop(): Promise<BrokerEnd>;
}

export const defaultHost = '127.0.0.1';
export const defaultPort = 7070;

/**
 * Resolves when connections are accepted. Rejects with `SettingsError`, `LogDamagedError`,
 * `DirectoryLockedError`, `ClockError`, or what the system reports; then nothing is left open.
 */
export async function startBroker(options: StartOptions): Promise<RunningBroker> {
  const { dataDir, host = defaultHost, port = defaultPort, segmentBytes, ...rest } = options;
  checkSettings(withoutUndefined(options));
  const { logger = silentLogger, ...given } = rest;
  const settings = { ...defaultSettings, ...withoutUndefined(given) };
  const sizes = segmentBytes === undefined ? {} : { segmentBytes };
  const fileKept = (file: string, error: unknown) =>
    logger.warn({ file, error }, 'a file that is no longer needed cannot be removed');
  refuseIfUnfinished(dataDir);
  const directory = logDirectoryOf(dataDir);
  const files = await takeDirectory(directory, { ...sizes, fileKept });
  const rotFound: RotFound = ({ file, offset }, messages) =>
    logger.error(
      { file, offset, messages },
      'a block no longer checks: its messages are unreadable',
    );
  const broker = new Broker(files.log, processRuntime, { settings, rotFound });
  const report = await orElse(broker.start(), () => closeFiles(files, logger));
  tellReport(logger, report);
  tellDoubts(logger, directory);
  const listener = new Listener(broker, logger);
  const stopped = whenStopped(broker, listener, files, logger);
  const stop = async () => {
    listener.stopAccepting();
    // A broker that has ended by itself does not answer to a stop any more.
    await Promise.race([broker.stop(), stopped]);
    return stopped;
  };
  const boundPort = await orElse(listener.listen(host, port), stop);
  return {
    url: `wonderq://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    host,
    port: boundPort,
    report,
    stopped,
    stop,
  };
}

/** What a broker has open in its directory. */
interface Files {
  readonly disk: Disk;
  readonly lock: DirectoryLock;
  readonly log: FileLog;
}

/** On return the directory is there and nobody else has it; the log was not looked at. */
async function takeDirectory(directory: string, options: FileLogOptions): Promise<Files> {
  const disk = openDirectory(directory);
  await orElse(refuseIfWritableByOthers(directory), () => disk.close());
  const makeRoom = () => giveUpHalf(disk);
  const lock = await orElse(DirectoryLock.acquire(directory, makeRoom), () => disk.close());
  const log = new FileLog(disk, { ...options, fence: () => lock.isOurs() });
  return { disk, lock, log };
}

/** The lock last: until the log is closed, nobody else may open it. */
async function closeFiles(files: Files, logger: Logger, failure?: Error): Promise<void> {
  const { disk, lock, log } = files;
  for (const close of [() => log.close(failure), () => disk.close(), () => lock.release()]) {
    try {
      await close();
    } catch (error) {
      // Why the broker is over is what its host is told; the other steps are taken all the same.
      logger.warn({ error }, 'a part of the broker could not be closed');
    }
  }
}

/** Waits for the end of the broker, however it comes, and closes what is around it. */
async function whenStopped(
  broker: Broker,
  listener: Listener,
  files: Files,
  logger: Logger,
): Promise<BrokerEnd> {
  const end = await broker.ended;
  await listener.close();
  await closeFiles(files, logger, end.how === 'stopped' ? undefined : end.error);
  return end;
}

/** If it fails, cleans up before saying so. */
async function orElse<T>(attempt: Promise<T>, cleanUp: () => Promise<unknown>): Promise<T> {
  try {
    return await attempt;
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

function tellDoubts(logger: Logger, directory: string): void {
  const doubt = doubtAbout(directory);
  if (doubt !== undefined) logger.warn({ directory }, doubt);
  if (isReadableByOthers(directory)) logger.warn({ directory }, 'others may read the log');
}

function tellReport(logger: Logger, report: StartReport): void {
  const { bytesCut, cutFile } = report;
  logger.info({ report }, 'the log is read');
  if (bytesCut === 0) return;
  logger.warn({ bytesCut, cutFile }, 'a torn tail was cut; its bytes are kept in quarantine');
}

function withoutUndefined<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
