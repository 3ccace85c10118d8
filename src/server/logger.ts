/**
 * The log of the program for people and their tools (not the log of messages): what the server
 * needs of a logger. The command line gives pino; a host program gives its own or none.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  debug(message: string): void;
  info(fields: object, message: string): void;
  info(message: string): void;
  warn(fields: object, message: string): void;
  warn(message: string): void;
  error(fields: object, message: string): void;
  error(message: string): void;
}

const nothing = (): void => {};

export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};
