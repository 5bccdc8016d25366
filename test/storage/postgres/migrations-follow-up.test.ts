import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type ApplyOptions, applyMigrations } from '../../../src/storage/postgres/migrations/apply.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { until } from '../../support/until.ts';
import { makeMigrationsFolder, recordingLogger, withClient } from './migration-fixtures.ts';

const logger = recordingLogger();
const INDEX = { name: 'orders_customer_idx', definition: 'ON orders (customer)' };
const UNIQUE = { name: 'orders_number_key', definition: 'ON orders (number)', unique: true };

let database: TestDatabase;
let folder: Awaited<ReturnType<typeof makeMigrationsFolder>>;
let databaseUrl: string;

beforeAll(async () => {
  const script = 'CREATE TABLE orders (number int, customer text); INSERT INTO orders VALUES (1), (2);';
  folder = await makeMigrationsFolder({ '1_create': script });
});
beforeEach(async () => {
  database = await createDatabase({ migrated: false });
  databaseUrl = database.url;
});
afterEach(() => database.drop());
afterAll(() => folder.remove());

function apply(options: Partial<ApplyOptions>) {
  return applyMigrations({ databaseUrl }, { logger, folder: folder.path, ...options });
}

function indexes() {
  return database.query(`SELECT relname AS name, indisvalid AS valid, indisunique AS "unique", pg_class.oid FROM pg_class
       JOIN pg_index ON indexrelid = pg_class.oid WHERE indrelid = 'orders'::regclass ORDER BY 1`);
}

it('builds the indexes after the migrations, once', async () => {
  const followUpIndexes = [INDEX, UNIQUE];
  let indexesAtReady: unknown;
  const onTablesReady = () => {
    indexesAtReady = indexes();
  };
  await apply({ followUpIndexes: [], onTablesReady });
  expect(await indexesAtReady).toEqual([]);
  await apply({ followUpIndexes });
  const built = await indexes();
  expect(built).toMatchObject([
    { name: INDEX.name, valid: true, unique: false },
    { name: UNIQUE.name, valid: true, unique: true },
  ]);
  await apply({ followUpIndexes });
  expect(await indexes()).toEqual(built);
});

it('says which index cannot be built, after the tables are ready, and replaces what that left behind', async () => {
  await apply({ followUpIndexes: [] });
  await database.query('INSERT INTO orders VALUES (1)');
  let ready = 0;
  const onTablesReady = () => {
    ready += 1;
  };
  const error = await apply({ followUpIndexes: [UNIQUE], onTablesReady }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: 'failed', sqlState: '23505' });
  expect(error).toHaveProperty('message', expect.stringContaining(`build the index ${UNIQUE.name}`));
  expect(ready).toBe(1);
  expect(await indexes()).toMatchObject([{ name: UNIQUE.name, valid: false }]);

  await database.query('DELETE FROM orders WHERE number = 1');
  await apply({ followUpIndexes: [UNIQUE] });
  expect(await indexes()).toMatchObject([{ name: UNIQUE.name, valid: true }]);
});

it('lets several processes start at once, and lets writers write while it waits', async () => {
  await apply({ followUpIndexes: [] });
  await withClient(databaseUrl, async (client) => {
    await client.query("BEGIN; INSERT INTO orders VALUES (3, 'open')");
    const all = Promise.all([1, 2, 3].map(() => apply({ followUpIndexes: [INDEX, UNIQUE] })));
    // Longer than a migration would wait for a lock.
    const building = `SELECT 1 FROM pg_stat_progress_create_index p JOIN pg_stat_activity USING (pid)
      WHERE p.datname = current_database() AND phase LIKE 'waiting%' AND clock_timestamp() > query_start + interval '2.5 s'`;
    await until('the build to wait', async () => (await database.query(building)).length > 0);
    await database.query("SET lock_timeout = '5s'; INSERT INTO orders VALUES (4, 'meanwhile')");
    await client.query('COMMIT');
    await all;
  });
  expect(await indexes()).toMatchObject([{ valid: true }, { valid: true }]);
  expect(await database.query('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 4 }]);
});
