/** The diagram and the table of tables in docs/data-model.md say what the migrated database has. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { diagram, related, tablesListed } from './data-model.ts';

let database: TestDatabase;
/** Columns, and the primary key in order, of each table and view. */
const present = new Map<string, { readonly columns: string[]; readonly key: string[]; readonly view: boolean }>();

beforeAll(async () => {
  database = await createDatabase();
  const rows = await database.query(`
    SELECT c.relname AS name, c.relkind = 'v' AS view,
           ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
           ARRAY(SELECT a.attname::text FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
                   JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
                  WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.place) AS key
      FROM pg_class AS c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname <> '_prisma_migrations'`);
  for (const { name, ...table } of rows) present.set(name, table);
});
afterAll(() => database.drop());

it('lists every table and view, and no others', () => {
  const listed = tablesListed();
  expect([...listed].sort()).toEqual([...present.keys()].sort());
  expect(new Set(listed).size).toBe(listed.length);
});

it('draws tables that exist, with columns that they have', () => {
  expect(diagram().size).toBeGreaterThan(10);
  for (const [table, columns] of diagram()) {
    const names = columns.map(({ name }) => name);
    expect(present.get(table)?.columns, table).toEqual(expect.arrayContaining(names));
  }
});

it('marks their primary keys', () => {
  for (const [table, columns] of diagram()) {
    const marked = columns.filter(({ primary }) => primary).map(({ name }) => name);
    expect(marked.sort(), table).toEqual([...(present.get(table)?.key ?? [])].sort());
  }
});

it('draws relations between drawn tables, and leaves out no table of a provider', () => {
  const drawn = [...diagram().keys()];
  expect(drawn).toEqual(expect.arrayContaining([...related()]));
  const tables = [...present].filter(([name, { view }]) => !view && /^(?:whatsapp|stripe)_/.test(name));
  expect(drawn).toEqual(expect.arrayContaining(tables.map(([name]) => name)));
});

it('draws relations that no foreign key enforces, as it says', async () => {
  expect(await database.query("SELECT conname FROM pg_constraint WHERE contype = 'f'")).toEqual([]);
});
