import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectionConfig } from '../../../src/storage/postgres/connection.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ migrated: false });
});
afterAll(() => database.drop());

const settings = (databaseUrl: string) =>
  connectionConfig({ databaseUrl, applicationName: 'a test', connectTimeoutMs: 5_000, queryTimeoutMs: 300 });

function withParameters(parameters: Record<string, string>): string {
  const url = new URL(database.url);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.toString();
}

async function ask(databaseUrl: string, sql: string): Promise<Record<string, unknown> | undefined> {
  const client = new pg.Client(settings(databaseUrl));
  await client.connect();
  try {
    return (await client.query(sql)).rows[0];
  } finally {
    await client.end();
  }
}

test('a session has our name and lives in UTC, whatever the database’s zone', async () => {
  await database.query(`ALTER DATABASE ${database.name} SET timezone = 'Asia/Dubai'`);
  const row = await ask(
    database.url,
    `SELECT current_setting('timezone') AS zone, current_setting('application_name') AS name`,
  );
  expect(row).toEqual({ zone: 'UTC', name: 'a test' });
});

test('options of the URL hold beside ours', async () => {
  const url = withParameters({ options: '-c statement_timeout=1234' });
  const row = await ask(
    url,
    `SELECT current_setting('timezone') AS zone, current_setting('statement_timeout') AS timeout`,
  );
  expect(row).toEqual({ zone: 'UTC', timeout: '1234ms' });
});

test.each(['plain', 'With Blank', 'back\\slash', 'quo"te'])('schema=%s is where the tables are', async (schema) => {
  await database.query(`CREATE SCHEMA IF NOT EXISTS ${pg.escapeIdentifier(schema)}`);
  expect(await ask(withParameters({ schema }), 'SELECT current_schema() AS schema')).toEqual({ schema });
});

test('a query that takes too long is given up at the client', async () => {
  await expect(ask(database.url, 'SELECT pg_sleep(5)')).rejects.toThrow('Query read timeout');
});

describe('sslmode', () => {
  // The suite's server has no TLS, unless another was named.
  test.each(['disable', 'allow'])('%s connects without TLS', async (sslmode) => {
    const row = await ask(withParameters({ sslmode }), 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    expect(row).toEqual({ ssl: false });
  });

  test('prefer tries TLS first, and goes on without it where the server has none', async () => {
    const pool = new pg.Pool(settings(withParameters({ sslmode: 'prefer' })));
    const attempts = [await pool.query('SELECT 1').catch(String), await pool.query('SELECT 1').catch(String)];
    await pool.end();
    expect(typeof attempts[1]).not.toBe('string');
  });

  test.each(['require', 'verify-full'])('%s does not connect without TLS', async (sslmode) => {
    if ((await database.query('SHOW ssl'))[0].ssl === 'on') return;
    await expect(ask(withParameters({ sslmode }), 'SELECT 1')).rejects.toThrow('SSL');
  });
});

test('a URL that cannot be parsed is refused without being repeated', () => {
  expect(() => settings('postgresql://user:secret word@@:x/')).toThrow(/^DATABASE_URL is not a URL/);
});
