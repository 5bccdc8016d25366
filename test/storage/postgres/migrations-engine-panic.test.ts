/** Prisma's engine breaks down in the middle, for real: it is given an answer that it does not survive. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EnginePanic } from '../../../src/storage/postgres/migrations/engine-module.ts';
import { readMigrationsFolder } from '../../../src/storage/postgres/migrations/folder.ts';
import { runPendingMigrations } from '../../../src/storage/postgres/migrations/run-pending.ts';
import { withSchemaEngine } from '../../../src/storage/postgres/migrations/schema-engine.ts';
import { type MigrationSession, openMigrationSession } from '../../../src/storage/postgres/migrations/session.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { makeMigrationsFolder, recordingLogger } from './migration-fixtures.ts';

/** A row with more values than there are columns. */
const DEADLY = { command: 'SELECT', rowCount: 1, oid: 0, fields: [{ name: 'a', dataTypeID: 25 }], rows: [['x', 'y']] };

let database: TestDatabase;
let session: MigrationSession;
/** Answers of the server that are replaced: what the statement holds, and how often. */
let deadly: { readonly within: string; times: number };
beforeEach(async () => {
  database = await createDatabase({ migrated: false });
  const real = await openMigrationSession(database.url);
  deadly = { within: '', times: 0 };
  session = {
    ...real,
    async run(query) {
      const answer = await real.run(query);
      const text = typeof query === 'string' ? query : query.text;
      if (deadly.times === 0 || !text.includes(deadly.within)) return answer;
      deadly.times--;
      return { ...answer, ...DEADLY } as typeof answer;
    },
  };
});
afterEach(async () => {
  await session.close();
  await database.drop();
});

const engine = () => {
  const options = { session, schema: 'public', prepareScript: String, onDatabaseError: () => undefined };
  return withSchemaEngine(options, async () => 'works');
};

test('whoever uses it is told, nobody else is, and the next one gets an engine that works', async () => {
  expect(await engine()).toBe('works');
  deadly = { within: '', times: 1 };
  await expect(engine()).rejects.toThrow(EnginePanic);
  expect(await engine()).toBe('works');
});

const migrate = async () => {
  const logger = recordingLogger();
  const folder = await makeMigrationsFolder({
    '1_one': 'CREATE TABLE one (id int)',
    '2_two': 'CREATE TABLE two (id int)',
  });
  try {
    const read = await readMigrationsFolder(folder.path);
    const applying = runPendingMigrations({ session, schema: 'public', folder: read, logger });
    const outcome = await applying.then(
      () => 'applied',
      ({ message }: Error) => message,
    );
    return { outcome, warnings: logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message) };
  } finally {
    await folder.remove();
  }
};
const finished = () =>
  database.query(`SELECT migration_name AS name FROM _prisma_migrations
                   WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`);

test('migrations are taken up again where it broke down', async () => {
  // By then the first has its row, and is not done.
  deadly = { within: 'INSERT INTO', times: 1 };
  expect(await migrate()).toEqual({
    outcome: 'applied',
    warnings: ['the migrations are taken up again with a new engine', 'an interrupted migration is taken up again'],
  });
  expect(await finished()).toEqual([{ name: '1_one' }, { name: '2_two' }]);
  expect(await database.query('SELECT * FROM one, two')).toEqual([]);
});

test('if it breaks down each time, the attempt fails and says so', async () => {
  deadly = { within: '', times: 1_000 };
  const { outcome, warnings } = await migrate();
  expect(outcome).toMatch(/^Cannot apply the migrations: Prisma's schema engine broke down: /);
  expect(warnings).toHaveLength(2);
});
