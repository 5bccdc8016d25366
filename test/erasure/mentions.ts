/** Where texts still stand in a database. */
import type { TestDatabase } from '../support/database.ts';

/** Every column in which one of the texts stands, with the number of rows; but for dedupe keys, which stay. */
export async function mentions({ query }: Pick<TestDatabase, 'query'>, texts: readonly string[]): Promise<string[]> {
  const columns = await query<{ table: string; column: string; type: string }>(`
    SELECT table_name AS "table", column_name AS "column", data_type AS type
      FROM information_schema.columns JOIN pg_tables ON tablename = table_name AND schemaname = table_schema
     WHERE table_schema = 'public'`);
  const found: string[] = [];
  for (const { table, column, type } of columns) {
    if (column === 'dedupe_key' || column === 'body_sha256') continue;
    const text = type === 'bytea' ? `encode(row_."${column}", 'escape')` : `row_."${column}"::text`;
    const [row] = await query<{ n: number }>(
      `SELECT count(*)::int AS n FROM "${table}" AS row_ WHERE EXISTS (SELECT FROM unnest($1::text[]) AS id_ WHERE position(id_ IN ${text}) > 0)`,
      [texts],
    );
    if (row !== undefined && row.n > 0) found.push(`${table}.${column}: ${row.n}`);
  }
  return found.sort();
}
