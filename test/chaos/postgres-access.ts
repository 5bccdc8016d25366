/** What tests ask of PostgreSQL themselves, past the daemon. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { PostgresServer } from '../support/postgres-server.ts';

/** With a connection of its own. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** A row that failed in the middle of an outage must not fail the next one. */
export async function bringBack(postgres: PostgresServer): Promise<void> {
  postgres.resume();
  if (!existsSync(join(postgres.directory, 'cluster', 'postmaster.pid'))) await postgres.start();
}
