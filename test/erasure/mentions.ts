/** Where texts still stand in a database. */
import type { TestDatabase } from '../support/database.ts';

/** For each table, the columns in which texts are looked for, as text. */
const COLUMNS = `
  SELECT c.oid::regclass::text AS "table",
         string_agg(format(CASE atttypid WHEN 'bytea'::regtype THEN 'encode(%1$I, ''escape'') AS %1$I' ELSE '%1$I::text' END, attname),
                    ', ') AS columns
    FROM pg_class c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
   WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attname NOT IN ('dedupe_key', 'body_sha256')
   GROUP BY c.oid`;

/** Every column in which one of the texts stands, with the number of rows; but for dedupe keys, which stay. */
export async function mentions({ query }: Pick<TestDatabase, 'query'>, texts: readonly string[]): Promise<string[]> {
  const found = new Map<string, number>();
  for (const { table, columns } of await query<{ table: string; columns: string }>(COLUMNS)) {
    for (const row of await query<Record<string, string | null>>(`SELECT ${columns} FROM ${table}`)) {
      for (const [column, value] of Object.entries(row)) {
        if (value === null || !texts.some((text) => value.includes(text))) continue;
        const name = `${table}.${column}`;
        found.set(name, (found.get(name) ?? 0) + 1);
      }
    }
  }
  return [...found].map(([name, rows]) => `${name}: ${rows}`).sort();
}
