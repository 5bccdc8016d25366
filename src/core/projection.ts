/**
 * The contract of a projection: tables that are derived from events, and can be made again from them.
 *
 * A provider's `project` is pure. It names the rows that an event touches and says what each becomes; whoever dispatches
 * loads and locks the rows and writes them back. Events come in any order, and more than once: the result must depend on the
 * set of events alone.
 */
import type { JsonObject } from './json.ts';

/** An event as it lies in the table. */
export interface StoredEvent {
  readonly id: string;
  readonly source: string;
  /** Never `unknown`. */
  readonly type: string;
  readonly dedupeKey: string;
  readonly subject: string | null;
  /** The provider's own time. */
  readonly occurredAt: Date | null;
  readonly receivedAt: Date;
  readonly payload: JsonObject;
}

/** How a column is declared in SQL, and what stands for it here: `bigint` is a safe integer, `timestamptz` a Date, `jsonb` a JSON value. */
export type ColumnType = 'text' | 'boolean' | 'bigint' | 'timestamptz' | 'jsonb';

/** A table of a projection. Its migration has these columns and `updated_at`, which is set at every write. */
export interface ProjectionTable {
  /** As in SQL: operators query it. */
  readonly name: string;
  /** The primary key, in order; all text, COLLATE "C". The first is `source`. */
  readonly key: readonly string[];
  /** The other columns, every one nullable. */
  readonly columns: Readonly<Record<string, ColumnType>>;
}

/** The columns beside the key; an absent one is null. */
export type ProjectionRow = Readonly<Record<string, unknown>>;

/** One row that an event touches. */
export interface Touch {
  readonly table: ProjectionTable;
  /** Values of the key's columns, in order; printable, at most a few hundred bytes each. */
  readonly key: readonly string[];
  /** The next row, from the present one (null: there is none) and the event that named it. Pure; never throws for a well-formed event. */
  readonly reduce: (row: ProjectionRow | null) => ProjectionRow;
}

export interface Projector {
  readonly tables: readonly ProjectionTable[];
  /** At most one touch for each row. Empty for an event that no table is interested in. Throws for one that is not as documented. */
  project(event: StoredEvent): readonly Touch[];
}
