/** The port of the spool: verified requests on the local disk while PostgreSQL cannot take them. */
import type { VerifiedRequest } from './event.ts';
import type { ReadinessCheck } from './health.ts';

/** One request as it comes back: with the ids that its events were given in place of the events. */
export interface SpooledRequest extends Omit<VerifiedRequest, 'events'> {
  /** Id of each event by its dedupe key, as found at arrival. */
  readonly eventIds: ReadonlyMap<string, string>;
}

/** Most that `peek` returns. At least one record is returned if there is any. */
export interface SpoolLimit {
  readonly records: number;
  /** Bytes of bodies. */
  readonly bytes: number;
}

/** What is in the spool of this process, and what came of it since the process started. */
export interface SpoolCounts {
  readonly records: number;
  readonly bytes: number;
  /** Arrival of the oldest record that is left; null if there is none. */
  readonly oldest: Date | null;
  /** Bytes of the files with what was put aside, now or earlier, until somebody removes them. */
  readonly asideBytes: number;
  /** Torn ends cut off, stretches of damaged bytes set aside, and records set aside by `reject`. */
  readonly torn: number;
  readonly corrupt: number;
  readonly rejected: number;
}

/**
 * Keeps requests until they are removed, in order, across crashes and power cuts: at least once. It needs nothing but
 * its directory.
 */
export interface Spool {
  /**
   * Resolves when the request is on the disk (fsynced, as is the directory where a file is new).
   *
   * @throws SpoolError `full` beyond its bounds or the disk's; `broken` if the disk does not take it. Nothing is acknowledged then,
   * though the record may come back all the same.
   */
  append(request: VerifiedRequest): Promise<void>;

  /** Could it take a request now? */
  check(): ReadinessCheck;

  /** The oldest records that have not been removed or rejected; empty if there are none. The same again until they are. */
  peek(limit: SpoolLimit): Promise<readonly SpooledRequest[]>;

  /** These, from the last `peek`, are committed elsewhere. Their file goes with the last of its records. */
  remove(requests: readonly SpooledRequest[]): Promise<void>;

  /** Puts a record of the last `peek` aside in a `*.rejected` file, where a person finds it; `peek` returns it no more. */
  reject(request: SpooledRequest): Promise<void>;

  counts(): SpoolCounts;

  /** Called when there may be something to drain: after an `append`, and when a dead process's spool was taken over. */
  onRecords(listener: () => void): void;

  /** Waits for what is being written and frees the directory. What is left is drained by the next process. Idempotent. */
  close(): Promise<void>;
}
