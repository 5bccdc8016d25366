import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  applyMigrations,
  migrationHistory,
  pendingMigrations,
} from '../../../src/storage/postgres/migrations/apply.ts';
import { MIGRATIONS_FOLDER, readMigrationsFolder } from '../../../src/storage/postgres/migrations/folder.ts';
import { migrationList } from '../../../src/storage/postgres/migrations/run-pending.ts';
import { withSchemaEngine } from '../../../src/storage/postgres/migrations/schema-engine.ts';
import { openMigrationSession } from '../../../src/storage/postgres/migrations/session.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { applyInChildProcess, makeMigrationsFolder, recordingLogger, withParameters } from './migration-fixtures.ts';

const databases: TestDatabase[] = [];
afterAll(() => Promise.all(databases.map((database) => database.drop())));

async function emptyDatabase() {
  const database = await createDatabase({ migrated: false });
  databases.push(database);
  return { ...database, databaseUrl: database.url };
}

const logger = recordingLogger();
const { migrations } = await readMigrationsFolder(MIGRATIONS_FOLDER);
const names = migrations.map((migration) => migration.name);
const INITIAL = '20261120000000_initial';

/** What `prisma migrate status` goes by. */
async function diagnosisOfPrisma(databaseUrl: string): Promise<unknown> {
  const session = await openMigrationSession(databaseUrl);
  const options = { session, schema: 'public', prepareScript: String, onDatabaseError: () => undefined };
  const migrationsList = migrationList(await readMigrationsFolder(MIGRATIONS_FOLDER));
  const filters = { externalTables: [], externalEnums: [] };
  try {
    return await withSchemaEngine(options, (engine) =>
      engine.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: false, filters }),
    );
  } finally {
    await session.close();
  }
}

describe('an empty database', () => {
  it('gets every migration, once', async () => {
    const { databaseUrl, query } = await emptyDatabase();
    expect(await pendingMigrations({ databaseUrl })).toEqual(names);
    expect(await applyMigrations({ databaseUrl }, { logger })).toEqual({ applied: names });
    expect(await pendingMigrations({ databaseUrl })).toEqual([]);
    expect(await applyMigrations({ databaseUrl }, { logger })).toEqual({ applied: [] });
    expect(await query('SELECT count(*)::int AS n FROM webhook_gateway')).toEqual([{ n: 1 }]);
    expect(await query('SELECT * FROM events')).toEqual([]);
  });

  it('gets its history written as Prisma does', async () => {
    const { databaseUrl, query } = await emptyDatabase();
    await applyMigrations({ databaseUrl }, { logger });
    const script = await readFile(path.join(MIGRATIONS_FOLDER, INITIAL, 'migration.sql'));
    const rows = await query('SELECT * FROM _prisma_migrations ORDER BY started_at');
    expect(rows.map((row) => row['migration_name'])).toEqual(names);
    expect(rows[0]).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      checksum: createHash('sha256').update(script).digest('hex'),
      migration_name: INITIAL,
      started_at: expect.any(Date),
      finished_at: expect.any(Date),
      rolled_back_at: null,
      logs: null,
      applied_steps_count: 1,
    });
    expect(await diagnosisOfPrisma(databaseUrl)).toEqual({
      hasMigrationsTable: true,
      history: null,
      failedMigrationNames: [],
      editedMigrationNames: [],
    });
  });

  it('gets every migration once from four processes at the same time', async () => {
    const { databaseUrl } = await emptyDatabase();
    const results = await Promise.all([1, 2, 3, 4].map(() => applyInChildProcess(databaseUrl).ended));
    expect(results.map((result) => [result.code, result.errors])).toEqual(Array(4).fill([0, '']));
    const applied = results.map((result) => (JSON.parse(result.output) as { applied: string[] }).applied);
    expect(applied.flat()).toEqual(names);
    expect(await pendingMigrations({ databaseUrl })).toEqual([]);
  });
});

describe('a database that is migrated', () => {
  it('is only read', async () => {
    const { databaseUrl } = await emptyDatabase();
    await applyMigrations({ databaseUrl }, { logger });
    const readOnly = withParameters(databaseUrl, { options: '-c default_transaction_read_only=on' });
    expect(await applyMigrations({ databaseUrl: readOnly }, { logger })).toEqual({ applied: [] });
  });

  it('may be newer than this build, also where a migration of the newer one is unfinished', async () => {
    const { databaseUrl, query } = await emptyDatabase();
    await applyMigrations({ databaseUrl }, { logger });
    await query(`INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at)
       VALUES ('1', 'x', '20990101000000_newer', now()), ('2', 'x', '20990102000000_newest', NULL)`);
    expect(await applyMigrations({ databaseUrl }, { logger })).toEqual({ applied: [] });
    expect(await migrationHistory({ databaseUrl })).toEqual({
      pending: [],
      interrupted: [],
      unknown: ['20990101000000_newer'],
      unknownInterrupted: ['20990102000000_newest'],
      edited: [],
    });
  });

  it('is not migrated further while a migration that this build does not know is unfinished', async () => {
    const { databaseUrl, query } = await emptyDatabase();
    await applyMigrations({ databaseUrl }, { logger });
    await query(`DELETE FROM _prisma_migrations WHERE migration_name <> '20261120000000_initial'`);
    await query(`UPDATE _prisma_migrations SET migration_name = 'of_another', finished_at = NULL`);
    await expect(applyMigrations({ databaseUrl }, { logger })).rejects.toThrow(/does not know \(of_another\)/);
    expect(await query('SELECT rolled_back_at FROM _prisma_migrations')).toEqual([{ rolled_back_at: null }]);
  });

  it('is named when a script was changed after it had been applied; line ends do not count', async () => {
    const { databaseUrl } = await emptyDatabase();
    const folder = await makeMigrationsFolder({ '1_one': 'SELECT 1;\nSELECT 2;\n', '2_two': 'SELECT 2;' });
    const after = await makeMigrationsFolder({ '1_one': 'SELECT 1;\r\nSELECT 2;\r\n', '2_two': 'SELECT 3;' });
    await applyMigrations({ databaseUrl }, { logger, folder: folder.path });
    expect((await migrationHistory({ databaseUrl }, { folder: after.path })).edited).toEqual(['2_two']);
    await Promise.all([folder.remove(), after.remove()]);
  });
});

describe('a database that is shared', () => {
  it('gets our tables beside those of others', async () => {
    const { databaseUrl, query } = await emptyDatabase();
    await query(`CREATE TABLE "Their orders" (id int); CREATE TYPE mood AS ENUM ('ok')`);
    await query('CREATE TABLE their_parts (id int) PARTITION BY RANGE (id)');
    expect(await applyMigrations({ databaseUrl }, { logger })).toEqual({ applied: names });
  });

  it('is left alone where a table of another has our name, and taken up when it has gone', async () => {
    const { databaseUrl, query } = await emptyDatabase();
    await query('CREATE TABLE events (id int)');
    const error = await applyMigrations({ databaseUrl }, { logger }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'MigrationError', kind: 'failed', sqlState: '42P07' });
    expect(error).toHaveProperty('message', expect.stringMatching(/20261120000000_initial: relation "events" already/));
    expect(error).toHaveProperty('message', expect.stringContaining('(42P07)'));
    expect(await query("SELECT to_regclass('webhook_requests') AS ours")).toEqual([{ ours: null }]);
    await query('ALTER TABLE events RENAME TO their_events');
    expect(await applyMigrations({ databaseUrl }, { logger })).toEqual({ applied: names });
  });

  it('can have a schema of ours, which is made where it is missing', async () => {
    const { databaseUrl, query } = await emptyDatabase();
    await query('CREATE TABLE events (id int)');
    const options = '-c search_path="gate\\ way"';
    const ours = withParameters(databaseUrl, { schema: 'gate way', options });
    expect(await pendingMigrations({ databaseUrl: ours })).toEqual(names);
    expect(await applyMigrations({ databaseUrl: ours }, { logger })).toEqual({ applied: names });
    expect(await pendingMigrations({ databaseUrl: ours })).toEqual([]);
    expect(await query('SELECT * FROM "gate way".webhook_requests')).toEqual([]);
    expect(await query("SELECT to_regclass('public._prisma_migrations') AS t")).toEqual([{ t: null }]);
  });
});

it('says what a role lacks that may not create tables', async () => {
  const { databaseUrl, query } = await emptyDatabase();
  const role = `guest_${randomBytes(4).toString('hex')}`;
  await query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  await query(`CREATE ROLE ${role} LOGIN PASSWORD 'not-for-logs'`);
  const url = new URL(databaseUrl);
  url.username = role;
  url.password = 'not-for-logs';
  const error = await applyMigrations({ databaseUrl: url.href }, { logger }).catch((reason: unknown) => reason);
  await query(`DROP ROLE ${role}`);
  expect(error).toMatchObject({ kind: 'failed', sqlState: '42501' });
  expect(error).toHaveProperty('message', expect.stringContaining('permission denied for schema public (42501)'));
  expect(error).toHaveProperty('message', expect.stringContaining('grant it USAGE and CREATE'));
  expect(String(error)).not.toContain('not-for-logs');
});

it('sends a script whole, whatever semicolons are in it', async () => {
  const { databaseUrl, query } = await emptyDatabase();
  const script = `-- a comment; with one
    CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; RETURN 1; END; $$;
    CREATE TABLE notes AS SELECT 'a;b' AS note, one() AS number, current_setting('lock_timeout') AS before;
    SET LOCAL lock_timeout = '123ms';
    CREATE TABLE settings AS SELECT current_setting('lock_timeout') AS inside -- no semicolon at the end`;
  const folder = await makeMigrationsFolder({ '1_one': script });
  expect(await applyMigrations({ databaseUrl }, { logger, folder: folder.path })).toEqual({ applied: ['1_one'] });
  expect(await query('SELECT * FROM notes, settings')).toEqual([
    { note: 'a;b', number: 1, before: '2s', inside: '123ms' },
  ]);
  await folder.remove();
});
