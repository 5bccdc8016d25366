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
  // Of tables only: views stand in the migrations alone.
  sameInBoth(
    `SELECT table_name, column_name, udt_name, datetime_precision, is_nullable, column_default
       FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name, column_name`,
  ));

it('gives it the keys and indexes of schema.prisma', async () => {
  // An index has the collation of its columns, which Prisma's schema language cannot say.
  await sameInBoth("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef");
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
