/** Errors of the domain. They carry a kind, never an HTTP status: the one table from kind to status is in `http/`. */

/**
 * What a store's refusal means for the batch:
 * - `data`: some row cannot be stored as it is; the batch is split until the culprit stands alone.
 * - `contention`: a deadlock or serialisation failure; the same batch is repeated at once.
 * - `connection_lost`: the connection broke or was terminated; once more on a fresh one.
 * - `unavailable`: the database cannot take anything now.
 */
export type StoreFault = 'data' | 'contention' | 'connection_lost' | 'unavailable';

/** The only error an `EventStore` rejects with. Its message names no value of any row. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly fault: StoreFault;
  /** The five-character code of PostgreSQL, where it gave one. */
  readonly sqlState: string | undefined;

  constructor(fault: StoreFault, message: string, sqlState?: string) {
    super(message);
    this.fault = fault;
    this.sqlState = sqlState;
  }
}

/** `full`: its bounds, or the disk's, are reached. `broken`: the disk does not take it. */
export type SpoolFault = 'full' | 'broken';

/** The only error a `Spool` refuses a request with. */
export class SpoolError extends Error {
  override readonly name = 'SpoolError';
  readonly fault: SpoolFault;

  constructor(fault: SpoolFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** Why a request was refused. `http/errors.ts` maps each to a status and a public message. */
export type RefusalKind =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_slow'
  | 'too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'overloaded'
  | 'unavailable';

/** One fault of a request, and where it lies. */
export interface RefusalDetail {
  /** For instance `target.url`; empty where the request as a whole is meant. */
  readonly path: string;
  readonly message: string;
}

/** A request that is refused. The message is public: it names no secret, no body and nothing computed. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly kind: RefusalKind;
  readonly details: readonly RefusalDetail[];

  constructor(kind: RefusalKind, message: string, details: readonly RefusalDetail[] = []) {
    super(message);
    this.kind = kind;
    this.details = details;
  }
}

/** The configuration or the machine does not allow the daemon to run; trying again does not help. Exit code 1. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}
