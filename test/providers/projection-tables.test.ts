/** What the projectors believe of their tables, held against those that the migrations make. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ColumnType } from '../../src/core/projection.ts';
import { projectors } from '../../src/providers/projectors.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const tables = Object.values(projectors).flatMap((projector) => projector.tables);

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** As `information_schema` names them. Milliseconds are what a JavaScript Date holds. */
const SQL_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'text C',
  boolean: 'boolean',
  bigint: 'bigint',
  timestamptz: 'timestamp with time zone(3)',
  jsonb: 'jsonb',
};

async function columnsOf(table: string): Promise<Record<string, string>> {
  const rows = await database.query<{ name: string; type: string; required: boolean }>(
    `SELECT column_name AS name, is_nullable = 'NO' AS required,
            data_type || coalesce(' ' || collation_name, '') || coalesce('(' || datetime_precision || ')', '') AS type
       FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1`,
    [table],
  );
  return Object.fromEntries(rows.map(({ name, type, required }) => [name, required ? `${type} NOT NULL` : type]));
}

async function keyOf(table: string): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT a.attname AS name FROM pg_index i
       CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, position)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
      WHERE i.indrelid = $1::regclass AND i.indisprimary ORDER BY k.position`,
    [table],
  );
  return rows.map(({ name }) => name);
}

describe.each(tables)('$name', ({ name, key, columns }) => {
  it('has the columns that the projector writes, and updated_at', async () => {
    const written = Object.entries(columns).map(([column, type]) => [column, SQL_TYPES[type]]);
    expect(await columnsOf(name)).toEqual({
      ...Object.fromEntries(key.map((column) => [column, 'text C NOT NULL'])),
      ...Object.fromEntries(written),
      updated_at: 'timestamp with time zone(3) NOT NULL',
    });
  });

  it('has the key by which the projector names its rows, the source first', async () => {
    expect(key[0]).toBe('source');
    expect(await keyOf(name)).toEqual(key);
  });
});

it('no two tables have the same name', () => {
  expect(new Set(tables.map(({ name }) => name)).size).toBe(tables.length);
});
