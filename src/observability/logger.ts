/** The one logger of the process: readable lines on a terminal, JSON otherwise. */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

export interface LoggerOptions {
  readonly level: string;
  /** True where a person reads along. */
  readonly terminal: boolean;
  /** Where the lines go; default: the standard output. */
  readonly destination?: NodeJS.WritableStream;
}

/** Header names contain dashes, hence the brackets. Bodies and query strings are never handed to the logger at all. */
const REDACTED = ['authorization', 'cookie', 'x-hub-signature-256', 'stripe-signature'].map(
  (name) => `*.headers["${name}"]`,
);

/** A pino logger. It writes synchronously on a terminal, so that nothing is lost when the process exits. */
export function createLogger(options: LoggerOptions): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level,
    redact: { paths: REDACTED, censor: '[redacted]' },
    serializers: { err: errorWithoutValues },
  };
  const { destination, terminal } = options;
  if (!terminal) return destination === undefined ? pino(settings) : pino(settings, destination);
  const words = { sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', singleLine: true };
  return pino(settings, pretty(destination === undefined ? words : { ...words, destination }));
}

/**
 * Name, code, message and stack of an error and of its causes. Other properties are left out on purpose: database errors
 * carry the row that failed in `detail` and `where`, and Prisma's carry the parameters.
 */
function errorWithoutValues(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: errorWithoutValues(error.cause) }),
  };
}
