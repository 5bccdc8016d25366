/** Long lists, read in pages: newest first, by id. Ids are UUIDs of version 7, so what is inserted meanwhile moves no page. */

export interface PageRequest {
  /** Id of the last row of the page before; null: from the newest. */
  readonly after: string | null;
  /** Rows at most; at least 1. */
  readonly limit: number;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** What `after` is for the next page; null: this was the last. */
  readonly next: string | null;
}

/** A page of rows that were read with one more than asked for: that one tells whether others follow. */
export function pageOf<Row extends { readonly id: string }>(rows: readonly Row[], limit: number): Page<Row> {
  const shown = rows.slice(0, limit);
  return { rows: shown, next: rows.length > limit ? (shown.at(-1)?.id ?? null) : null };
}
