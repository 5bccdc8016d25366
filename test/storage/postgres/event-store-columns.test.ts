/**
 * The ingest statement held against the migrated tables. It is text that no compiler and no Prisma looks at: who adds a
 * column by a migration and forgets the statement learns it here.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APPEND } from '../../../src/storage/postgres/event-store.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';

interface Insert {
  readonly table: string;
  readonly columns: readonly string[];
  /** What the statement casts the parameter of a column to, by the column's name. */
  readonly casts: Readonly<Record<string, string>>;
}

interface Column {
  readonly name: string;
  /** NOT NULL, and nothing fills it by itself. */
  readonly required: boolean;
  /** The array of its type, as the server names it. */
  readonly array: string;
}

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

const names = (list: string) => list.split(',').map((name) => name.trim());

/** Each INSERT with the unnest() that feeds it, if one does. Its columns are named after it, else they are those of the INSERT. */
function insertsOf(statement: string): Insert[] {
  return statement
    .split('INSERT INTO')
    .slice(1)
    .map((text) => {
      const [, table = '', columnList = ''] = /^\s+(\w+)\s*\(([^)]*)\)/.exec(text) ?? [];
      const [, parameters, alias] = /unnest\(([^)]*)\)(?:\s+AS\s+\w+\(([^)]*)\))?/.exec(text) ?? [];
      const fed = names(alias ?? columnList);
      const casts = parameters === undefined ? [] : names(parameters).map((one) => one.replace(/^\$\d+::/, ''));
      return {
        table,
        columns: names(columnList),
        casts: Object.fromEntries(casts.map((cast, index) => [fed[index] ?? `column ${index}`, cast])),
      };
    });
}

async function columnsOf(table: string): Promise<Column[]> {
  return database.query<Column>(
    `SELECT a.attname AS name, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS required,
            t.typarray::regtype::text AS array
       FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname`,
    [table],
  );
}

const inserts = insertsOf(APPEND);

test('every INSERT of the statement is looked at, and every parameter', () => {
  expect(inserts.map(({ table }) => table).sort()).toEqual(['event_dispatch', 'events', 'webhook_requests']);
  const numbers = [...APPEND.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)).sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
  expect(inserts.flatMap(({ casts }) => Object.keys(casts))).toHaveLength(numbers.length);
});

test.each(inserts)('INSERT INTO $table names columns that exist, and every one that must be given', async (insert) => {
  const known = await columnsOf(insert.table);
  expect(known.map(({ name }) => name)).toEqual(expect.arrayContaining([...insert.columns]));
  const required = known.filter((column) => column.required).map(({ name }) => name);
  expect(required).not.toEqual([]);
  expect(insert.columns).toEqual(expect.arrayContaining(required));
});

describe.each(inserts.filter(({ table }) => table !== 'event_dispatch'))('INSERT INTO $table', (insert) => {
  test('names every column, also one that may be null', async () => {
    expect([...insert.columns].sort()).toEqual((await columnsOf(insert.table)).map(({ name }) => name));
  });

  test('casts each parameter to an array of its column’s type', async () => {
    const known = await columnsOf(insert.table);
    const expected = Object.keys(insert.casts).map((name) => [
      name,
      known.find((column) => column.name === name)?.array,
    ]);
    const casts = await Promise.all(
      Object.entries(insert.casts).map(async ([name, type]) => {
        const [row] = await database.query<{ array: string }>('SELECT $1::regtype::text AS array', [type]);
        return [name, row?.array];
      }),
    );
    expect(casts).not.toEqual([]);
    expect(casts).toEqual(expected);
  });
});
