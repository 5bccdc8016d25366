import { afterAll, beforeAll, expect, it } from 'vitest';
import { applyMigrations, migrationHistory } from '../../../src/storage/postgres/migrations/apply.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { until } from '../../support/until.ts';
import { applyInChildProcess, makeMigrationsFolder, recordingLogger, withClient } from './migration-fixtures.ts';

let database: TestDatabase;
let databaseUrl: string;
const folders: { remove(): Promise<void> }[] = [];
const logger = recordingLogger();

beforeAll(async () => {
  database = await createDatabase({ migrated: false });
  databaseUrl = database.url;
});
afterAll(async () => {
  await database.drop();
  await Promise.all(folders.map((folder) => folder.remove()));
});

const CREATE = 'CREATE TABLE orders (id int);';
const ALTER =
  "SET LOCAL lock_timeout = '100ms';\nCREATE TABLE half (id int);\nALTER TABLE orders ADD COLUMN state text;";
/** Waits in the middle for as long as somebody else holds advisory lock 7. */
const SLOW = 'CREATE TABLE slow (id int); SELECT pg_advisory_xact_lock(7); INSERT INTO slow VALUES (1);';

async function folderOf(scripts: Record<string, string>): Promise<string> {
  const folder = await makeMigrationsFolder(scripts);
  folders.push(folder);
  return folder.path;
}

/** The history, oldest first: what became of each attempt. */
async function attempts(): Promise<string[]> {
  const rows =
    await database.query(`SELECT migration_name || CASE WHEN rolled_back_at IS NOT NULL THEN ' rolled back' WHEN finished_at IS NULL THEN ' unfinished'
       ELSE ' finished' END AS attempt FROM _prisma_migrations ORDER BY started_at`);
  return rows.map((row) => String(row['attempt']));
}

async function migrationBackends(): Promise<Record<string, unknown>[]> {
  return database.query(`SELECT pid, wait_event FROM pg_stat_activity
      WHERE application_name = 'webhook-gateway migrations' AND datname = current_database()`);
}

const midScript = async () => (await migrationBackends()).some((backend) => backend['wait_event'] === 'advisory');

/** Runs `use` while SLOW cannot go on. */
async function holdingBack(use: () => Promise<void>): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await client.query('SELECT pg_advisory_lock(7)');
    await use();
  });
}

async function startAfresh(): Promise<void> {
  await database.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
}

it('takes up a migration that could not get its lock', async () => {
  await startAfresh();
  await applyMigrations({ databaseUrl }, { logger, folder: await folderOf({ '1_create': CREATE }) });
  const folder = await folderOf({ '1_create': CREATE, '2_alter': ALTER });
  await withClient(databaseUrl, async (client) => {
    await client.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
    const error = await applyMigrations({ databaseUrl }, { logger, folder }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'MigrationError', kind: 'failed', sqlState: '55P03' });
    expect(error).toHaveProperty('message', expect.stringMatching(/migration 2_alter: .*lock timeout \(55P03\)/));
  });
  expect(await database.query("SELECT to_regclass('half') AS half")).toEqual([{ half: null }]);
  expect((await migrationHistory({ databaseUrl }, { folder })).interrupted).toEqual(['2_alter']);
  expect(await database.query("SELECT logs FROM _prisma_migrations WHERE migration_name = '2_alter'")).toEqual([
    { logs: expect.stringContaining('lock timeout') },
  ]);
  expect(await applyMigrations({ databaseUrl }, { logger, folder })).toEqual({ applied: ['2_alter'] });
  expect(await attempts()).toEqual(['1_create finished', '2_alter rolled back', '2_alter finished']);
});

it('takes up a migration that the server broke off', async () => {
  await startAfresh();
  const folder = await folderOf({ '1_slow': SLOW });
  await holdingBack(async () => {
    const attempt = applyMigrations({ databaseUrl }, { logger, folder }).catch((reason: unknown) => reason);
    await until('the script to run', midScript);
    for (const backend of await migrationBackends()) {
      await database.query(`SELECT pg_terminate_backend(${backend['pid']})`);
    }
    expect(await attempt).toMatchObject({ name: 'MigrationError', kind: 'unreachable', sqlState: '57P01' });
  });
  expect(await attempts()).toEqual(['1_slow unfinished']);
  expect(await applyMigrations({ databaseUrl }, { logger, folder })).toEqual({ applied: ['1_slow'] });
  expect(await attempts()).toEqual(['1_slow rolled back', '1_slow finished']);
  expect(await database.query('SELECT * FROM slow')).toEqual([{ id: 1 }]);
});

it('finds a migration done that the server finished after our process had been killed', async () => {
  await startAfresh();
  const folder = await folderOf({ '1_slow': SLOW });
  let next: Promise<unknown> | undefined;
  await holdingBack(async () => {
    const child = applyInChildProcess(databaseUrl, folder);
    await until('the script to run', midScript);
    child.kill();
    await child.ended;
    // The server still runs the script, and so its session keeps the next process waiting.
    next = applyMigrations({ databaseUrl }, { logger, folder });
    await until('the next attempt', async () => (await migrationBackends()).length === 2);
    expect(await attempts()).toEqual(['1_slow unfinished']);
  });
  expect(await next).toEqual({ applied: [] });
  expect(await attempts()).toEqual(['1_slow finished']);
  expect(await database.query('SELECT * FROM slow')).toEqual([{ id: 1 }]);
});

it('rejects at once when it is aborted, and leaves no connection', async () => {
  await startAfresh();
  const folder = await folderOf({ '1_slow': SLOW });
  const abort = new AbortController();
  await holdingBack(async () => {
    const attempt = applyMigrations({ databaseUrl }, { logger, folder, signal: abort.signal });
    const rejected = expect(attempt).rejects.toMatchObject({ kind: 'unreachable' });
    await until('the script to run', midScript);
    abort.abort();
    await rejected;
  });
  await until('the end of the connection', async () => (await migrationBackends()).length === 0);
  await expect(applyMigrations({ databaseUrl }, { logger, signal: abort.signal })).rejects.toThrow('aborted');
  expect(await applyMigrations({ databaseUrl }, { logger, folder })).toEqual({ applied: [] });
});

it('gives up while another process holds the lock, and says so', async () => {
  await startAfresh();
  const folder = await folderOf({ '1_create': CREATE });
  await withClient(databaseUrl, async (client) => {
    await client.query('SELECT pg_advisory_lock(72707369)');
    const attempt = applyMigrations({ databaseUrl }, { logger, folder, lockWaitMs: 300 });
    await expect(attempt).rejects.toMatchObject({ kind: 'busy' });
  });
  expect(await applyMigrations({ databaseUrl }, { logger, folder })).toEqual({ applied: ['1_create'] });
});
