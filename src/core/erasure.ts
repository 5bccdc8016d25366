/**
 * What erasing a person needs: of a provider, whose data stands where in what it sends; of storage, to find it and to take
 * it out.
 */
import type { BatchStore } from './dispatch.ts';
import type { ProviderName } from './event.ts';
import type { JsonObject } from './json.ts';
import type { ProjectionRow, ProjectionTable, StoredEvent } from './projection.ts';

/** The ids of one person within one source. */
export interface PersonIds {
  /** The id that was asked for, in each way in which it may be written: whatever it names is the person's. */
  readonly given: ReadonlySet<string>;
  /** All of them, `given` included. */
  readonly all: ReadonlySet<string>;
}

/** What is left of a value without a person's data: all of it, none of it, or `rest`. */
export type Remains<T> = 'all' | 'nothing' | { readonly rest: T };

/** A projection whose rows are the ids under which people are known: the last column of its key. */
export interface PeopleTable {
  readonly table: ProjectionTable;
  /** The column with the id that a row was merged into: rows connected by it are one person. */
  readonly mergedInto: string;
  /** Columns with further ids of the person, which nobody else has. */
  readonly aliases: readonly string[];
}

/** A provider's knowledge of people. All of it is pure, and none of it throws for well-formed JSON. */
export interface Eraser {
  readonly people: PeopleTable;
  /** The id that an operator typed, in each way in which the provider may write it; the usual one first. */
  readIds(typed: string): readonly string[];
  /** One of these texts stands in whatever JSON names the id. */
  searchTerms(id: string): readonly string[];
  /**
   * Nothing is left of an event that is the person's. Of one that is somebody else's, or of several people, the rest is left.
   * What somebody wrote or sent (a text, a contact card) is his, whomever it mentions.
   */
  payload(payload: JsonObject, ids: PersonIds): Remains<JsonObject>;
  /** Ids that the payload says to be of this person too, also such as are known already. */
  furtherIds(payload: JsonObject, ids: PersonIds): readonly string[];
  /** The same for a parsed body. */
  body(body: unknown, ids: PersonIds): Remains<unknown>;
  /** The same for a row of a projection. */
  row(table: ProjectionTable, row: KeyedRow, ids: PersonIds): Remains<ProjectionRow>;
}

export interface KeyedRow {
  readonly key: readonly string[];
  readonly row: ProjectionRow;
}

/** A row of the people table. */
export interface KnownId {
  readonly id: string;
  readonly mergedInto: string | null;
  readonly aliases: readonly string[];
}

/** An event as it lies in the table, whatever its payload is. */
export type FoundEvent = Omit<StoredEvent, 'payload'> & { readonly payload: JsonObject | null };

export interface FoundRequest {
  readonly id: string;
  readonly receivedAt: Date;
  readonly body: Buffer;
}

/** The condition of a filter that an operator has typed, with the id of what it is the condition of. */
export interface FoundCondition {
  readonly of: 'destination' | 'follower' | 'replay';
  readonly id: string;
  /** Null: it has none, as a replay. */
  readonly name: string | null;
  /** A replay that has ended: nothing hangs on the condition any more. */
  readonly ended: boolean;
  readonly condition: JsonObject;
}

export interface TableKeys {
  readonly table: ProjectionTable;
  readonly keys: readonly (readonly string[])[];
}

/** What a walk looks for. */
export interface About {
  readonly terms: readonly string[];
  /** For events without a payload. */
  readonly subjects: readonly string[];
}

/** How many rows were removed or emptied, and of how many a part was taken out. */
export interface Changed {
  readonly erased: number;
  readonly rewritten: number;
}

export interface ErasureLock {
  /** Aborted if it is lost. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/**
 * Walks go over a whole table, page by page in the order of its key, and meet everything that was committed when they began.
 * Each method that changes something is one small transaction, repeated if it deadlocks, and durable when it resolves.
 * All reject with a `StoreError`, those of `BatchStore` with a `BatchError`; these project events once more, whose marks are
 * not looked at. One that fails gets its mark back.
 */
export interface ErasureStore extends BatchStore<never> {
  /** Names of the sources of which there are events, or rows in one of the tables. */
  sources(provider: ProviderName, tables: readonly ProjectionTable[]): Promise<readonly string[]>;
  /** Rows of these ids, and rows merged into one of them. `byAlias`: also those that have one of them as an alias, which takes a walk. */
  knownIds(source: string, people: PeopleTable, ids: readonly string[], byAlias: boolean): Promise<readonly KnownId[]>;
  /** One erasure at a time, and no rebuild of projections beside it, which would make rows of events that are about to go. */
  lock(): Promise<ErasureLock | 'held'>;
  /** Keeps retention from removing anything for the next minute. */
  holdRetention(): Promise<void>;
  releaseRetention(): Promise<void>;
  /** True if retention has removed events: not every row can be made again then. */
  eventsRemoved(): Promise<boolean>;

  /** The greatest id of a request; null if there is none. */
  newestRequest(): Promise<string | null>;

  /** Events whose payload contains one of the terms, or whose subject is asked for; null: all that can be projected. */
  events(source: string, about: About | null): AsyncIterable<readonly FoundEvent[]>;
  requests(source: string, about: About): AsyncIterable<readonly FoundRequest[]>;
  rows(source: string, table: ProjectionTable, about: About): AsyncIterable<readonly KeyedRow[]>;
  /** Is there, of each of these keys, an event with all that was sent of it? */
  allComplete(source: string, dedupeKeys: readonly string[]): Promise<boolean>;
  countRows(keys: TableKeys): Promise<number>;
  /** Conditions in which one of the terms stands, in the order of what they are of and its name. */
  conditions(terms: readonly string[]): Promise<readonly FoundCondition[]>;

  /** Removes the marks of these events, once whoever is projecting them has finished. Returns how many. */
  removeMarks(eventIds: readonly string[]): Promise<number>;
  /** Parks these events until they are rewritten, once whoever is projecting them has finished. */
  parkEvents(eventIds: readonly string[]): Promise<void>;
  /** Writes what is left of the payloads. Where nothing is, the subject goes as well. Those that were parked are due again. */
  rewriteEvents(eventIds: readonly string[], cut: (payload: JsonObject) => Remains<JsonObject>): Promise<Changed>;
  /** Writes what is left of rows, locked in the order in which all lock them. */
  rewriteRows(rows: TableKeys, cut: (row: KeyedRow) => Remains<ProjectionRow>): Promise<Changed>;
  /** With a null body the row is removed, else without its signature, which no longer fits, and marked `x-webhook-erased`. */
  rewriteRequest(requestId: string, body: Buffer | null, signatureHeader: string): Promise<void>;
  /** Another condition for a replay that has ended. */
  rewriteReplay(id: string, condition: JsonObject): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}
