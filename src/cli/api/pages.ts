/** Lists of the API, page by page. */
import type { ApiClient, Query } from './api-client.ts';
import type { Output } from './output.ts';
import type { Column } from './table.ts';

/** The most that the API gives at a time. */
const PAGE = 100;
/** Rows of a list that is not told how many. */
export const DEFAULT_LIMIT = 20;

export interface ListOptions {
  /** Rows at most. */
  readonly limit?: number;
  readonly all?: true;
}

interface Page<Row> {
  readonly data: readonly Row[];
  readonly nextCursor: string | null;
  readonly truncated?: boolean;
}

export interface PagesOptions {
  readonly query?: Query;
  /** Rows at most. */
  readonly limit?: number;
  /** The gateway has looked for some time and not found a whole page: it is asked to go on. */
  readonly onSearching?: () => void;
  /** The limit is reached, and there are more behind it. */
  readonly onMore?: () => void;
}

/** Walks the cursors; pages may be empty. */
export async function* pages<Row>(
  api: ApiClient,
  path: string,
  { query = {}, limit = Number.POSITIVE_INFINITY, onSearching, onMore }: PagesOptions = {},
): AsyncGenerator<readonly Row[]> {
  let cursor: string | undefined;
  for (let left = limit; left > 0; ) {
    const page: Page<Row> = await api.get(path, { ...query, cursor, limit: Math.min(PAGE, left) });
    yield page.data;
    if (page.nextCursor === null) return;
    cursor = page.nextCursor;
    left -= page.data.length;
    if (left <= 0) onMore?.();
    else if (page.truncated === true) onSearching?.();
  }
}

/** Prints a list as it comes. */
export async function printList<Row>(
  { api, out }: { readonly api: ApiClient; readonly out: Output },
  path: string,
  columns: readonly Column<Row>[],
  { limit, all, ...query }: ListOptions & Query,
): Promise<void> {
  let printed = 0;
  let told = false;
  const onSearching = () => {
    if (!told) out.note('Looking further back; --from and --to make it quick.');
    told = true;
  };
  // Whoever has typed a limit knows that it cuts.
  const onMore = () => limit === undefined && out.note('There are more: --limit <n> or --all');
  const rows = all === true ? {} : { limit: limit ?? DEFAULT_LIMIT, onMore };
  for await (const page of pages<Row>(api, path, { query, ...rows, onSearching })) {
    if (page.length > 0) out.rows(columns, page, printed === 0);
    printed += page.length;
  }
  if (printed === 0) out.rows(columns, []);
}

/** All rows of a list that is not long. */
export async function everyRow<Row>(api: ApiClient, path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const page of pages<Row>(api, path)) rows.push(...page);
  return rows;
}
