/** What the gateway needs of the outside. Each method states its guarantee; `test/contract` holds every implementation to it. */
import type { VerifiedRequest } from './event.ts';

/** The time, injected so that tests can set it. */
export type Clock = () => Date;

export interface EventStore {
  /**
   * Inserts the requests and their events in one statement and one transaction, and returns exactly the ids of the
   * events that were new. A request all of whose events were known leaves no row. When the promise resolves the rows
   * are committed and durable; when it rejects (always with a `StoreError`) the outcome may be unknown, and sending the
   * same batch again is harmless: the unique index decides.
   */
  append(requests: readonly VerifiedRequest[]): Promise<ReadonlySet<string>>;

  /**
   * Keeps a request that `append` refuses for its data: the exact bytes, and in place of its events one of type
   * `unknown` with no payload and the key `body:<sha256>`. Resolves to true if that event was new. Rejects as `append` does.
   */
  appendUnparsed(request: VerifiedRequest): Promise<boolean>;
}

/** An event's identity: what the unique index of `events` covers. */
export interface SeenKey {
  readonly source: string;
  readonly dedupeKey: string;
}

/**
 * A period during which the database cannot have gone back in time. Opaque: take it from `SeenStore.generation` before
 * the statement is sent, hand it back with `remember` after the commit.
 */
export type Generation = string | null;

/**
 * Remembers which keys are already committed, so that a duplicate need not go to PostgreSQL.
 * It may forget, it must never invent: a key it knows has been committed by a database that has not been reset or
 * restored since. Every fault costs speed only, so nothing here ever rejects or throws.
 */
export interface SeenStore {
  /** True if every one of the keys is known to be committed; false if any is unknown or the store cannot say within 50 ms. */
  allKnown(keys: readonly SeenKey[]): Promise<boolean>;
  /** The current generation; null while there is none, and then nothing is remembered. */
  generation(): Generation;
  /** Fire and forget. Keys of a generation that has ended are dropped. */
  remember(generation: Generation, keys: readonly SeenKey[]): void;
  /**
   * Told when ingest has connections to the database again after it had none or had lost one, or when the tables have become
   * others: begins a new generation. `databaseId` names the database and its tables, so that two that share a Redis, or one
   * before and after a restore, never share keys.
   */
  databaseConnected(databaseId: string): void;
  /** Told when a connection was lost: until `databaseConnected` the store answers "unknown" and remembers nothing. */
  databaseLost(): void;
  /** Frees sockets and timers. Idempotent. */
  close(): Promise<void>;
}
