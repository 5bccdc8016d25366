/** Once per run: a place for temporary files, a PostgreSQL server, and in it a migrated database that suites copy. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { applyMigrations } from '../../src/storage/postgres/migrations/apply.ts';
import { startPostgresServer } from './postgres-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of a database from which others can be created. */
    databaseAdminUrl: string;
    /** Name of the migrated database that suites copy. */
    templateDatabase: string;
  }
}

let removeAll = async (): Promise<void> => undefined;

/** `TEST_DATABASE_URL`, a superuser's, takes the place of a server of our own. */
export async function setup(project: TestProject): Promise<void> {
  const removeTemporaryFiles = collectTemporaryFiles();
  const given = process.env['TEST_DATABASE_URL'];
  const server = given === undefined ? await startPostgresServer() : null;
  const adminUrl = server?.url('postgres') ?? given ?? '';
  const template = `gateway_template_${randomBytes(6).toString('hex')}`;
  await execute(adminUrl, `CREATE DATABASE ${template}`);
  const templateUrl = new URL(adminUrl);
  templateUrl.pathname = template;
  await applyMigrations({ databaseUrl: templateUrl.toString() }, { logger: { info() {}, warn() {} } });
  project.provide('databaseAdminUrl', adminUrl);
  project.provide('templateDatabase', template);
  removeAll = async () => {
    if (server === null) await execute(adminUrl, `DROP DATABASE ${template} WITH (FORCE)`);
    await server?.destroy();
    removeTemporaryFiles();
  };
}

/** From now on temporary files of the run, also those of tests that are cut short, go to one directory; returns its end. */
export function collectTemporaryFiles(): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'gateway-tests-'));
  // Other users must be able to pass through: PostgreSQL's, where root runs the tests.
  chmodSync(directory, 0o711);
  // The workers, and the processes that they start, inherit it.
  process.env['TMPDIR'] = directory;
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', remove);
  return remove;
}

export function teardown(): Promise<void> {
  return removeAll();
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}
