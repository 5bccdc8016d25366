import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withSchemaEngine } from '../../../src/storage/postgres/migrations/schema-engine.ts';
import { openMigrationSession } from '../../../src/storage/postgres/migrations/session.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';

let migrated: TestDatabase;
let modelled: TestDatabase;
beforeAll(async () => {
  migrated = await createDatabase();
  await migrated.query('DROP TABLE _prisma_migrations');
  modelled = await createDatabase({ migrated: false });
  await modelled.query(await sqlOfSchema(modelled.url));
});
afterAll(() => Promise.all([migrated.drop(), modelled.drop()]));

/** What Prisma would create for `schema.prisma`, had there never been a migration. */
async function sqlOfSchema(databaseUrl: string): Promise<string> {
  const path = new URL('../../../prisma/schema.prisma', import.meta.url).pathname;
  const files = [{ path, content: await readFile(path, 'utf8') }];
  const session = await openMigrationSession(databaseUrl);
  const options = { session, schema: 'public', prepareScript: String, onDatabaseError: () => undefined };
  const filters = { externalTables: [], externalEnums: [] };
  try {
    const { stdout } = await withSchemaEngine(options, (engine) =>
      engine.diff({
        from: { tag: 'empty' },
        to: { tag: 'schemaDatamodel', files },
        script: true,
        exitCode: null,
        filters,
      }),
    );
    return stdout ?? '';
  } finally {
    await session.close();
  }
}

async function sameInBoth(sql: string): Promise<void> {
  const expected = await modelled.query(sql);
  expect(expected).not.toEqual([]);
  expect(await migrated.query(sql)).toEqual(expected);
}

it('gives the migrated database the columns of schema.prisma', () =>
  // Of tables only: views stand in the migrations alone. Prisma cannot say that a list is never null.
  sameInBoth(
    `SELECT table_name, column_name, udt_name, datetime_precision, column_default,
            CASE data_type WHEN 'ARRAY' THEN '' ELSE is_nullable END AS nullable
       FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name, column_name`,
  ));

it('gives it the keys and indexes of schema.prisma', async () => {
  // An index has the collation of its columns, which Prisma's schema language cannot say. Nor can it say that an index is
  // partial or of an expression: those stand in the migrations only.
  await sameInBoth(
    `SELECT pg_get_indexdef(indexrelid) AS indexdef FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
      WHERE relnamespace = 'public'::regnamespace AND indpred IS NULL AND indexprs IS NULL ORDER BY indexdef`,
  );
  await sameInBoth(
    `SELECT conrelid::regclass::text AS table, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f') ORDER BY 1, 2`,
  );
});

it('compares every text column bytewise', async () => {
  const other = await migrated.query(`SELECT table_name, column_name FROM information_schema.columns
      WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`);
  expect(other).toEqual([]);
});
