/** From whatever Prisma or pg throws to the four faults that ingest knows. */
import { StoreError, type StoreFault } from '../../core/errors.ts';

/** Classes of SQLSTATE that speak of the rows: data exception, integrity, cardinality, limits of the program. */
const DATA_CLASSES = ['21', '22', '23', '54'];
const CONTENTION = ['40001', '40P01'];
/** The server told this connection to go: terminated by an administrator, crash of another backend, starting up. */
const TERMINATED = ['57P01', '57P02', '57P03'];
/** A table, column or schema that a statement names is not there. */
const MISSING = ['42P01', '42703', '3F000'];
/** What `pg` says, without a code, when the socket broke under a query or between two. */
const BROKEN = /connection terminated|connection error|ECONNRESET|EPIPE|socket hang up|closed the connection/i;
/** There was none in time: nothing broke, though one of the pool's messages begins as if it had. */
const NO_CONNECTION =
  /timeout exceeded when trying to connect|due to connection timeout|timeout expired|SocketTimeout/i;

/**
 * The fault behind an error of a query. The new message names the SQLSTATE only: PostgreSQL's own can quote values of rows.
 */
export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const sqlState = sqlStateOf(error);
  const fault = faultOf(sqlState, error);
  const why = sqlState === undefined ? reasonWithoutCode(error) : `SQLSTATE ${sqlState}`;
  return new StoreError(fault, `PostgreSQL refused (${why})`, sqlState);
}

/** Runs queries; whatever they fail with becomes a `StoreError`. */
export async function withStoreErrors<T>(queries: () => Promise<T>): Promise<T> {
  try {
    return await queries();
  } catch (error) {
    throw toStoreError(error);
  }
}

/** The tables are not what this build needs: not migrated yet, dropped, replaced or restored. */
export function isMissingRelation({ sqlState }: StoreError): boolean {
  return sqlState !== undefined && MISSING.includes(sqlState);
}

function faultOf(sqlState: string | undefined, error: unknown): StoreFault {
  if (sqlState === undefined) return isBroken(messageOf(error)) ? 'connection_lost' : 'unavailable';
  if (DATA_CLASSES.includes(sqlState.slice(0, 2))) return 'data';
  if (CONTENTION.includes(sqlState)) return 'contention';
  if (TERMINATED.includes(sqlState)) return 'connection_lost';
  return 'unavailable';
}

function isBroken(message: string): boolean {
  return BROKEN.test(message) && !NO_CONNECTION.test(message);
}

/** Of an error of `pg` it is the code. Prisma's raw queries fail with P2010; it lies in the driver adapter's error within. */
// With a digit at least: EPIPE has five letters too, and would pass for a fault of the server.
export function sqlStateOf(error: unknown): string | undefined {
  const { code, severity, meta } = error as {
    code?: unknown;
    severity?: unknown;
    meta?: { driverAdapterError?: { cause?: { originalCode?: unknown } } };
  };
  const inner = meta?.driverAdapterError?.cause?.originalCode;
  const original = inner ?? code;
  if (typeof original !== 'string' || !/^(?=.*\d)[0-9A-Z]{5}$/.test(original)) return undefined;
  // Prisma's own codes look like those of PL/pgSQL; only an answer of the server has a severity.
  return inner === undefined && severity === undefined && /^P\d{4}$/.test(original) ? undefined : original;
}

function messageOf(error: unknown): string {
  const { message, cause, meta } = error as {
    message?: unknown;
    cause?: { message?: unknown; kind?: unknown };
    meta?: { driverAdapterError?: { message?: unknown; cause?: { kind?: unknown; originalMessage?: unknown } } };
  };
  const inner = meta?.driverAdapterError;
  return [message, cause?.message, cause?.kind, inner?.message, inner?.cause?.kind, inner?.cause?.originalMessage]
    .filter((part) => typeof part === 'string')
    .join(' ');
}

/** One of a few known causes, so that the text can be logged without quoting anything that came from outside. */
function reasonWithoutCode(error: unknown): string {
  const message = messageOf(error);
  if (/Query read timeout/i.test(message)) return 'no answer in time';
  if (NO_CONNECTION.test(message)) return 'no connection in time';
  if (/ECONNREFUSED|DatabaseNotReachable|ENOTFOUND|EHOSTUNREACH/i.test(message)) return 'not reachable';
  if (/does not support SSL/i.test(message)) return 'the server has no TLS, and sslmode asks for it';
  if (isBroken(message)) return 'connection lost';
  return error instanceof Error ? error.name : 'unknown';
}
